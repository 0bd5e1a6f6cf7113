"""Worker processes under an orchestrator of a few lines: what ends unasked is started again and noted."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from pathlib import Path

    from ratecast.settings import Settings

_LIMIT_SECONDS = 120.0


@dataclass(eq=False)
class Member:
    """One worker process."""

    number: int
    process: Process
    log: Path
    proxied: bool
    expected_to_end: bool = False

    def send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)

    def says(self, text: str) -> bool:
        return text in self.log.read_text(errors="replace")

    async def until_assigned(self) -> None:
        """Wait until the group has given it partitions, or none because there are too few."""
        deadline = time.monotonic() + _LIMIT_SECONDS
        while not self.says("assigned partitions: "):
            assert time.monotonic() < deadline, self.log.read_text(errors="replace")
            await asyncio.sleep(0.05)


@dataclass
class Fleet:
    """Workers of one group.

    Args:
        settings: brokers, topics, group, models.
        log_dir: where each worker's log goes.
        proxied_servers: bootstrap servers of the worker that can be cut off.
        module: what runs in each process.
    """

    settings: Settings
    log_dir: Path
    proxied_servers: str
    module: str = "tests.chaos.armed_worker"
    extra_environment: dict[str, str] = field(default_factory=dict)
    members: list[Member] = field(default_factory=list)
    gave_up: int = 0  # ended with exit code 1 and one plain line, as a worker may
    crashed: list[str] = field(default_factory=list)  # ended in any other way
    _started: int = 0
    _watchers: set[asyncio.Task[None]] = field(default_factory=set)

    async def start(self, *, proxied: bool = False, name: str | None = None) -> Member:
        """Start a worker, which is a static member of the group if it has a name."""
        self._started += 1
        log = self.log_dir / f"worker-{self._started}.log"
        settings = self.settings
        environment = {
            **os.environ,
            "RATECAST_BOOTSTRAP_SERVERS": self.proxied_servers if proxied else settings.bootstrap_servers,
            "RATECAST_INPUT_TOPIC": settings.input_topic,
            "RATECAST_OUTPUT_TOPIC": settings.output_topic,
            "RATECAST_DEAD_LETTER_TOPIC": settings.dead_letter_topic,
            "RATECAST_GROUP_ID": settings.group_id,
            "RATECAST_MODELS_DIR": str(settings.models_dir),
            "RATECAST_SESSION_TIMEOUT_MS": str(settings.session_timeout_ms),
            "RATECAST_GIVE_UP_SECONDS": str(settings.give_up_seconds),
            "RATECAST_LOG_FORMAT": "text",
            "RATECAST_TOPIC_PARTITIONS": str(settings.topic_partitions),
            "RATECAST_TOPIC_REPLICATION_FACTOR": str(settings.topic_replication_factor),
            **self.extra_environment,
            **({} if name is None else {"RATECAST_GROUP_INSTANCE_ID": name}),
        }
        with log.open("wb") as sink:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", self.module, "--http-port", "0"),
                env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=sink, stderr=sink,
                start_new_session=True,
            )  # fmt: skip
        member = Member(self._started, process, log, proxied)
        self.members.append(member)
        watcher = asyncio.create_task(self._watch(member))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)
        return member

    async def _watch(self, member: Member) -> None:
        code = await member.process.wait()
        if member in self.members:
            self.members.remove(member)
        if member.expected_to_end:
            return
        lines = member.log.read_text(errors="replace").strip().splitlines()
        if code == 1 and lines and lines[-1].startswith("error: "):
            self.gave_up += 1
        else:
            self.crashed.append(f"worker {member.number} ended with {code}: {lines[-1] if lines else ''}")
        await asyncio.sleep(1)
        await self.start(proxied=member.proxied)

    async def remove(self, member: Member, number: int = signal.SIGTERM) -> int:
        """End a worker with a signal; returns its exit code."""
        member.expected_to_end = True
        member.send(number)
        try:
            return await asyncio.wait_for(member.process.wait(), 60)
        except TimeoutError:
            self.crashed.append(f"worker {member.number} did not end within 60 s of signal {number}")
            member.send(signal.SIGKILL)
            return await member.process.wait()

    async def stop(self) -> None:
        for watcher in list(self._watchers):
            watcher.cancel()
        for member in list(self.members):
            member.send(signal.SIGCONT)
        await asyncio.gather(*(self.remove(member) for member in list(self.members)))
