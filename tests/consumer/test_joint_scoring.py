"""What pipelines have waiting at the same time is scored in one pass."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from consumer import joint_scoring
from consumer.joint_scoring import JointScoring
from ratecast.scoring.scored_batch import ScoredBatch


class Passes:
    """A scorer that notes its passes, and fails on the record "bad"."""

    def __init__(self) -> None:
        self.passes: list[list[list[str]]] = []

    def score_parts(self, parts, now, topic_ids):
        self.passes.append([list(part) for part in parts])
        return [self.score(part, now, topic_id) for part, topic_id in zip(parts, topic_ids, strict=True)]

    def score(self, records, now, topic_id):
        if "bad" in records:
            raise ValueError("bad")
        values = [f"{topic_id}:{record}".encode() for record in records]
        return ScoredBatch(
            list(records),
            ["EUR/GBP"] * len(records),
            values,
            np.zeros(len(records), bool),
            {},
            {},
            [],
            [],
            [],
        )


def made() -> tuple[Passes, JointScoring]:
    scorer = Passes()
    return scorer, JointScoring(lambda: scorer)


async def test_partitions_that_wait_together_share_a_pass_and_get_their_own_outcome() -> None:
    scorer, scoring = made()
    one, two = await asyncio.gather(scoring.score(["a", "b"], "x"), scoring.score(["c"], "y"))
    assert scorer.passes == [[["a", "b"], ["c"]]]
    assert (one.values, two.values) == ([b"x:a", b"x:b"], [b"y:c"])


async def test_what_comes_later_has_a_pass_of_its_own() -> None:
    scorer, scoring = made()
    await scoring.score(["a"], None)
    await scoring.score(["b"], None)
    assert scorer.passes == [[["a"]], [["b"]]]


async def test_a_pass_that_fails_leaves_every_partition_to_score_alone() -> None:
    _, scoring = made()
    assert await asyncio.gather(scoring.score(["a"], None), scoring.score(["bad"], None)) == [None, None]
    assert scoring.alone(["a"], None).values == [b"None:a"]
    with pytest.raises(ValueError, match="bad"):
        scoring.alone(["bad"], None)


async def test_a_pass_takes_a_bounded_number_of_records_and_the_next_takes_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(joint_scoring, "_MOST_RECORDS", 3)
    scorer, scoring = made()
    large = ["e"] * 5
    found = await asyncio.gather(
        *(scoring.score(part, None) for part in (["a", "b"], ["c", "d"], large, ["f"]))
    )
    assert scorer.passes == [[["a", "b"]], [["c", "d"]], [large], [["f"]]]
    assert [len(batch.values) for batch in found] == [2, 2, 5, 1]


async def test_a_pipeline_that_was_cancelled_takes_no_part_and_the_others_get_theirs() -> None:
    scorer, scoring = made()
    cancelled = asyncio.create_task(scoring.score(["a"], None))
    other = asyncio.create_task(scoring.score(["b"], None))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await other).values == [b"None:b"]
    assert len(scorer.passes) == 1
    with pytest.raises(asyncio.CancelledError):
        await cancelled
