"""Turns records into predictions and dead letters, a batch at a time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import inputs
from ratecast.contract.unreadable import Unreadable
from ratecast.errors import ErrorCode, RecordError
from ratecast.model.features import aligned
from ratecast.model.forecast import Forecaster
from ratecast.scoring.days import message_days
from ratecast.scoring.encoding import Messages, encode_predictions
from ratecast.scoring.observations import Observations, observe
from ratecast.scoring.quality import QualityChecker

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ratecast.contract.inputs import Message
    from ratecast.contract.record import Record
    from ratecast.model.bundle import Bundle
    from ratecast.optional_fields import OptionalFields


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that cannot be scored, with the reason."""

    record: Record
    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class ScoredBatch:
    """The outcome of every record of a batch; the first four fields are parallel, in the order of the records."""

    records: list[Record]
    pairs: list[str]
    values: list[bytes]  # encoded predictions
    drifted: NDArray[np.bool_]  # (n,)
    as_of: dict[str, str]  # pair -> as_of of its newest scored message
    alerts: list[tuple[str, str]]  # pair and code of each alert
    observations: list[Observations]  # for live monitoring; empty when nothing was scored
    dead_letters: list[DeadLetter]
    failures: int = 0  # records for which scoring raised an error

    @classmethod
    def rejected(cls, letters: list[DeadLetter], failures: int = 0) -> ScoredBatch:
        """Return the outcome of records none of which was scored."""
        return cls([], [], [], np.zeros(0, dtype=np.bool_), {}, [], [], letters, failures)

    @classmethod
    def joined(cls, parts: Sequence[ScoredBatch]) -> ScoredBatch:
        """Return several batches as one, in the order given."""
        return cls(
            records=[record for part in parts for record in part.records],
            pairs=[pair for part in parts for pair in part.pairs],
            values=[value for part in parts for value in part.values],
            drifted=np.concatenate([part.drifted for part in parts]),
            as_of={pair: as_of for part in parts for pair, as_of in part.as_of.items()},
            alerts=[alert for part in parts for alert in part.alerts],
            observations=[observed for part in parts for observed in part.observations],
            dead_letters=[letter for part in parts for letter in part.dead_letters],
            failures=sum(part.failures for part in parts),
        )


class Scorer:
    """Scores batches of records with one model.

    Args:
        bundle: the model in use.
        max_message_bytes: longer values become dead letters without being read.
        std_threshold: bound of the classic drift rule in standard deviations; None for the bundle's.
        optional: further fields of the predictions; None for none.

    Raises:
        ModelBundleError: the model has no table for one of these fields.
    """

    def __init__(
        self,
        bundle: Bundle,
        max_message_bytes: int,
        std_threshold: float | None = None,
        optional: OptionalFields | None = None,
    ) -> None:
        self.bundle = bundle
        self._forecaster = Forecaster.from_bundle(bundle, std_threshold, optional)
        self._checker = QualityChecker.from_stats(bundle.stats)
        self._max_message_bytes = max_message_bytes

    def score(self, records: Sequence[Record], now: dt.datetime, topic_id: str | None = None) -> ScoredBatch:
        """Score records of one partition, in order.

        Args:
            records: the records, at least one.
            now: ``scored_at`` of the predictions.
            topic_id: the broker's id of the topic, if known.
        """
        decoded, dead_letters = self._decode(records)
        if not decoded.records:
            return ScoredBatch.rejected(dead_letters)
        pairs, pair_index = decoded.pairs, self._forecaster.pair_index
        pair_rows = np.fromiter(map(pair_index.__getitem__, pairs), np.intp, len(pairs))
        windows = self._forecaster.windows_of(
            aligned(decoded.rates, decoded.lengths), decoded.lengths, pair_rows
        )
        quality = self._checker.check(windows, message_days(decoded.messages))
        windows = windows.without(quality.ignored_returns)
        forecasts = self._forecaster.forecast(windows)
        # A lower bound that underflows to 0 is no rate.
        finite = (
            np.isfinite(forecasts.prediction)
            & np.isfinite(forecasts.upper).all(axis=1)
            & (forecasts.lower > 0).all(axis=1)
        )
        for row in (~finite).nonzero()[0].tolist():
            message = "the forecast does not fit a 64-bit floating-point number"
            dead_letters.append(DeadLetter(decoded.records[row], ErrorCode.SCORING_FAILED, message))
            quality.alerts.pop(row, None)
        offsets = np.array([record.offset for record in decoded.records], dtype=np.int64)
        kept = finite.nonzero()[0].tolist()
        values = encode_predictions(
            decoded,
            forecasts,
            quality.alerts,
            self._forecaster.version,
            now.isoformat(),
            topic_id,
        )
        return ScoredBatch(
            records=[decoded.records[row] for row in kept],
            pairs=[pairs[row] for row in kept],
            values=[values[row] for row in kept],
            drifted=np.any(forecasts.drifted[finite], axis=1),
            as_of={pairs[row]: as_of for row in kept if (as_of := decoded.messages[row].as_of) is not None},
            alerts=[(pairs[row], code.value) for row, found in quality.alerts.items() for code in found],
            observations=[observe(self._forecaster, windows, forecasts, quality.faulty(), finite, offsets)],
            dead_letters=dead_letters,
        )

    def _decode(self, records: Sequence[Record]) -> tuple[Messages, list[DeadLetter]]:
        most, default_pair = self._max_message_bytes, self._forecaster.default_pair
        known = self._forecaster.pair_index
        batch = inputs.decode_batch([record.value for record in records], most)
        scored: list[Record] = []
        messages: list[Message] = []
        pairs: list[str] = []
        dead_letters: list[DeadLetter] = []
        kept: list[bool] = []
        for record, message in zip(records, batch.messages, strict=True):
            if isinstance(message, RecordError):
                dead_letters.append(_rejected(record, message))
                continue
            pair = message.pair or default_pair
            if (record.headers or record.key) and (size := _carried_bytes(record)) > most:
                text = f"the key and headers have {size} bytes; at most {most} are accepted"
                dead_letters.append(DeadLetter(record, ErrorCode.TOO_LARGE, text))
            elif pair not in known:
                text = f"the model was not trained on the pair {pair}"
                dead_letters.append(DeadLetter(record, ErrorCode.UNKNOWN_PAIR, text))
            else:
                scored.append(record)
                messages.append(message)
                pairs.append(pair)
                kept.append(True)
                continue
            kept.append(False)
        rates, lengths = batch.rates, batch.lengths
        if not all(kept):
            mask = np.array(kept)
            rates, lengths = rates[np.repeat(mask, lengths)], lengths[mask]
        return Messages(scored, messages, pairs, rates, lengths), dead_letters


def _rejected(record: Record, error: RecordError) -> DeadLetter:
    """Return the dead letter of a record that could not be decoded."""
    if isinstance(record.value, Unreadable):  # it counts as an empty value unless one looks at its type
        error = RecordError(ErrorCode.INVALID_ENCODING, record.value.reason)
    return DeadLetter(record, error.code, error.message)


def _carried_bytes(record: Record) -> int:
    """Return the bytes of a record's key and headers, which must fit into the output topic as well."""
    size = len(record.key or b"")
    for name, value in record.headers:
        size += len(name.encode()) + len(value or b"")
    return size
