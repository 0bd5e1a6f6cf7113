"""The worker with a trap in it: ``python -m tests.chaos.armed_worker ARGUMENTS OF ratecast worker``.

A signal arms one of the traps below; the worker then kills or freezes itself the next time it comes to that
point. The product knows nothing of this: the traps are laid around the client's own methods.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

# Signal -> (point, what happens there)
TRAPS = {
    signal.SIGRTMIN + 1: ("polling", signal.SIGKILL),
    signal.SIGRTMIN + 2: ("sent", signal.SIGKILL),
    signal.SIGRTMIN + 3: ("committing", signal.SIGKILL),
    signal.SIGRTMIN + 4: ("sent", signal.SIGSTOP),
}

_armed: list[tuple[str, signal.Signals]] = []


def _spring(point: str) -> None:
    if _armed and _armed[0][0] == point:
        os.kill(os.getpid(), _armed.pop()[1])


def lay_traps() -> None:
    poll, commit = AIOKafkaConsumer.getmany, AIOKafkaProducer.commit_transaction

    async def getmany(self: Any, *args: Any, **options: Any) -> Any:
        if _armed and _armed[0][0] == "polling":
            asyncio.get_running_loop().call_later(random.uniform(0, 0.01), _spring, "polling")
        return await poll(self, *args, **options)

    async def commit_transaction(self: Any) -> None:
        # Here every record has been acknowledged and the offset is in the transaction.
        _spring("sent")
        if _armed and _armed[0][0] == "committing":
            committing = asyncio.ensure_future(commit(self))
            # Somewhere between writing the request and reading its answer.
            await asyncio.sleep(random.choice([0, 0.0005, 0.001, 0.002, 0.004]))
            _spring("committing")
            await committing
            return
        await commit(self)

    AIOKafkaConsumer.getmany = getmany
    AIOKafkaProducer.commit_transaction = commit_transaction


def main() -> None:
    lay_traps()
    for number, trap in TRAPS.items():
        signal.signal(number, lambda *_, trap=trap: _armed.append(trap))
    from ratecast_cli.main import main as ratecast

    sys.argv = ["ratecast", "worker", *sys.argv[1:]]
    ratecast()


if __name__ == "__main__":
    main()
