"""``ratecast retrain``."""

from __future__ import annotations

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import OperationError, UsageError
from ratecast.rates import left_out
from ratecast_cli import console, ecb_rates, estimator_options, parameters, retrain_view, signing_option
from ratecast_cli.interruption import interruptible

if TYPE_CHECKING:
    from ratecast.rates.freshest import EcbRates
    from ratecast.rates.gathered import TopicRates
    from ratecast.rates.overlay import Overlay
    from ratecast.rates.table_screening import Screened
    from ratecast.settings import Settings
    from training.retrain import RetrainResult

_UNCHANGED = "no model was saved, and the current model is unchanged"


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "retrain",
        short_help="Train on the topic's rates and keep the better model.",
        help="Train a new model on the rates of the input topic, which replace or extend the rates of a base. The new "
        "model becomes the current one only if it is not worse than the current model on the newest days, which it was "
        "not trained on. Rates that look like faults of the feed, or that are dated later than tomorrow, are left out "
        "and listed. Running workers load the new model by themselves. If the new model is worse, nothing changes and "
        "the exit code is 1. With --shadow the new model becomes the shadow model instead: workers score the same "
        "messages with it and publish nothing of it. --promote makes the shadow model current if it is not worse on "
        "what the workers scored.",
        epilog="Example: ratecast retrain --dry-run\n\n" + left_out.epilog(),
    )(retrain)


def retrain(  # noqa: PLR0913 - each argument is an option of the command
    *,
    base: Annotated[
        str,
        typer.Option(
            metavar="ecb|none|PATH",
            help="Rates for the days and pairs that the topic lacks: the ECB's, none, or your CSV file.",
        ),
    ] = "ecb",
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help=r"Use rates up to this day. \[default: the newest]")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(metavar="AAA/BBB", help="Also train this pair. Repeatable.")
    ] = None,
    hold_back: Annotated[
        int,
        typer.Option(
            min=5,
            metavar="DAYS",
            help="Compare the two models on this number of days, the newest with rates.",
        ),
    ] = 60,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Accept the new model if its score is at most this share worse. Honest refits differed by up to 0.0036.",
        ),
    ] = 0.005,
    pair_tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SHARE",
            help="The limit for each single pair. Honest refits differed by up to 0.022.",
        ),
    ] = 0.05,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Random seed of the training.")
    ] = 0,
    estimator: estimator_options.Estimator = None,
    centre_estimator: estimator_options.CentreEstimator = None,
    keep_outliers: parameters.KeepOutliers = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare the models, but change nothing.")
    ] = False,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow", help="Make the new model the shadow model, even if it is worse on the days held back."
        ),
    ] = False,
    promote: Annotated[
        bool,
        typer.Option(
            "--promote",
            help="Train nothing. Make the shadow model current if it is not worse on what the workers scored.",
        ),
    ] = False,
    metrics_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="With --promote: metrics of a worker. Repeatable, once for each worker. "
            r"\[default: this machine's worker]",
        ),
    ] = None,
    forecasts: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            help="With --promote: least number of forecasts to compare. The limits were measured on 1,200.",
        ),
    ] = 1200,
    sign_key: signing_option.SignKey = None,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic, compare the models, promote the new one or report why not."""
    from ratecast.model.bundle import load
    from ratecast.model.signatures import TrustedKeys
    from ratecast.rates.overlay import lay_over
    from ratecast_cli.parameters import parse_day
    from ratecast_cli.progress import stage_bar
    from ratecast_cli.session import prepare
    from ratecast_stack.extras import require_modules

    require_modules("training")
    if promote:
        if shadow:
            raise UsageError("--promote takes the shadow model that is there: leave out --shadow")
        from ratecast_cli import shadow_promotion
        from training.shadow_trial import TrialLimits

        settings = prepare(uses_broker=False, models_dir=models_dir)
        trial_limits = TrialLimits(forecasts, tolerance, pair_tolerance)
        shadow_promotion.promote(settings, metrics_url or (), trial_limits, dry_run=dry_run, json=json)
        return
    if shadow and dry_run:
        raise UsageError("--dry-run changes nothing, so there would be no shadow model: leave out --shadow")
    today, day = dt.datetime.now(dt.UTC).date(), parse_day("--until", until)
    settings = prepare(models_dir=models_dir, bootstrap_servers=bootstrap_servers)
    signer = None if dry_run else signing_option.signing_key(settings, sign_key)
    ecb = ecb_rates.load(settings) if base == "ecb" else None
    source = _base(base, ecb, today, day, keep_outliers=keep_outliers)

    from training.model_comparison import Limits
    from training.retrain import RetrainOptions
    from training.retrain import retrain as run

    more = parameters.parse_pairs(pair)
    champion = load(settings.models_dir, keys=TrustedKeys.of(settings))
    estimator_options.require_choice(champion.stats, estimator, centre_estimator)
    forest = estimator_options.forest_settings(seed, estimator, centre_estimator)
    with interruptible(_UNCHANGED):
        feed = asyncio.run(_gather(settings, champion.stats.default_pair))
    pairs = tuple(dict.fromkeys((*champion.stats.pairs, *more)))
    table = None if source is None else source.table
    overlay = lay_over(table, feed.pairs, pairs, today, day, keep_outliers=keep_outliers)
    _require_rates(overlay, settings, base)
    options = RetrainOptions(
        models_dir=settings.models_dir,
        table=overlay.table,
        more_pairs=more,
        limits=Limits(hold_back, tolerance, pair_tolerance),
        forest=forest,
        dry_run=dry_run,
        shadow=shadow,
        notes=_notes(source, overlay),
        signing_key=signer,
    )
    ecb_rates.announce(ecb, "base")
    if not json:
        unknown = set(feed.pairs) - set(pairs)
        for line in retrain_view.remarks(settings, feed, overlay, source, unknown):
            console.line(line)
    with interruptible(_UNCHANGED), stage_bar() as progress:
        result = run(champion, options, progress)
    if json:
        console.print_json({**retrain_view.as_json(result, feed, overlay, source), **ecb_rates.as_json(ecb)})
    else:
        retrain_view.show(result, pairs)
    _require_better(result, tolerance, pair_tolerance)


def _require_better(result: RetrainResult, tolerance: float, pair_tolerance: float) -> None:
    """Check the outcome of the comparison.

    Raises:
        OperationError: the new model is worse than allowed.
    """
    if result.comparison is not None and result.comparison.objections and result.shadow is None:
        raise OperationError(
            f"the new model is worse on the days held back: {' and '.join(result.comparison.objections)} "
            f"(allowed: {100 * tolerance:g} %, and {100 * pair_tolerance:g} % for a single pair); "
            f"{result.champion} is still the current model"
        )


def _base(
    text: str, ecb: EcbRates | None, today: dt.date, until: dt.date | None, *, keep_outliers: bool
) -> Screened | None:
    """Returns the base; faulty rates of a file are left out."""
    from ratecast.rates.table_screening import Screened, screened
    from ratecast.rates.tables import load_csv

    if text == "none":
        return None
    if ecb is not None:
        return Screened(ecb.table)
    return screened(load_csv(Path(text)), today, until, keep_outliers=keep_outliers)


def _notes(source: Screened | None, overlay: Overlay) -> tuple[str, ...]:
    of_base = () if source is None else source.sentences()
    return (*of_base, *left_out.sentences(overlay.left_out, "the topic"))


async def _gather(settings: Settings, default_pair: str) -> TopicRates:
    from ratecast.kafka.gather import gather
    from ratecast_cli.progress import reading_bar
    from ratecast_cli.whole_topic import total_to_read

    with reading_bar(await total_to_read(settings, [settings.input_topic])) as advance:
        return await gather(settings, default_pair, advance)


def _require_rates(overlay: Overlay, settings: Settings, base: str) -> None:
    if overlay.no_rates:
        raise UsageError(
            f"there are no rates of {', '.join(overlay.no_rates)}, neither on {settings.input_topic} nor in the base "
            f"({base}): a model without them would reject their messages; choose another --base"
        )
