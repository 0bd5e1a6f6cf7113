"""``ratecast topics``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast_cli import console, parameters

if TYPE_CHECKING:
    import typer

    from ratecast.kafka.topics import TopicState
    from ratecast.settings import Settings


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "topics",
        help="Create the topics that are missing, then show the three topics: histories, predictions and dead letters. "
        "Existing topics are not changed. The number of records is the end offset minus the beginning offset, so it "
        "also counts transaction markers.",
        short_help="Create the topics that are missing and show all three.",
        epilog="Example: RATECAST_TOPIC_PARTITIONS=12 ratecast topics",
    )(topics)


def topics(*, json: parameters.Json = False, bootstrap_servers: parameters.BootstrapServers = None) -> None:
    """Create what is missing, count what is there."""
    import asyncio
    from dataclasses import asdict

    from ratecast_cli.session import prepare

    settings = prepare(bootstrap_servers=bootstrap_servers)
    states, counts = asyncio.run(_ensure_and_count(settings))
    if json:
        console.print_json([{**asdict(state), "records": counts[state.name]} for state in states])
    else:
        show(states, counts)


async def _ensure_and_count(settings: Settings) -> tuple[list[TopicState], dict[str, int]]:
    from ratecast.kafka.reader import record_counts
    from ratecast.kafka.topics import ensure_topics

    states = await ensure_topics(settings)
    return states, await record_counts(settings, [state.name for state in states])


def show(states: list[TopicState], counts: dict[str, int]) -> None:
    """Print the topics as a table."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("topic")
    table.add_column("partitions", justify="right")
    table.add_column("records", justify="right")
    table.add_column("")
    for state in states:
        made = "created" if state.created else "existed"
        table.add_row(state.name, str(state.partitions), f"{counts[state.name]:,}", made)
    console.show(table)
