"""Turns records into predictions and dead letters, a batch at a time. Pure."""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain, pairwise, repeat
from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract import inputs
from ratecast.contract.unreadable import Unreadable
from ratecast.errors import ErrorCode, RecordError
from ratecast.model.features import aligned
from ratecast.model.forecast import Forecaster
from ratecast.scoring.days import message_days
from ratecast.scoring.encoding import Messages, encode_predictions
from ratecast.scoring.observations import observe
from ratecast.scoring.quality import QualityChecker
from ratecast.scoring.scored_batch import DeadLetter, NewestForecast, ScoredBatch

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from ratecast.contract.inputs import Message
    from ratecast.contract.record import Record
    from ratecast.model.bundle import Bundle
    from ratecast.optional_fields import OptionalFields


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
        (batch,) = self.score_parts([records], now, [topic_id])
        return batch

    def score_parts(
        self, parts: Sequence[Sequence[Record]], now: dt.datetime, topic_ids: Sequence[str | None]
    ) -> list[ScoredBatch]:
        """Score records of several partitions in one pass. Each gets the outcome that it gets alone, to the byte.

        Args:
            parts: the records of each partition, in order, at least one.
            now: ``scored_at`` of the predictions.
            topic_ids: the broker's id of each partition's topic, if known.
        """
        decoded, ends, letters = self._decode(parts)
        if not decoded.records:
            return [self._rejected(rejected) for rejected in letters]
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
            letter = DeadLetter(decoded.records[row], ErrorCode.SCORING_FAILED, message)
            letters[bisect_right(ends, row)].append(letter)
            quality.alerts.pop(row, None)
        spans = [slice(first, last) for first, last in pairwise((0, *ends))]
        values = encode_predictions(
            decoded,
            forecasts,
            quality.alerts,
            now.isoformat(),
            chain.from_iterable(
                repeat(name, span.stop - span.start) for name, span in zip(topic_ids, spans, strict=True)
            ),
        )
        offsets = np.array([record.offset for record in decoded.records], dtype=np.int64)
        drifted, faulty = np.any(forecasts.drifted, axis=1), quality.faulty()
        batches = []
        for span, rejected in zip(spans, letters, strict=True):
            kept = (span.start + finite[span].nonzero()[0]).tolist()
            if not kept:
                batches.append(self._rejected(rejected))
                continue
            batches.append(
                ScoredBatch(
                    records=[decoded.records[row] for row in kept],
                    pairs=[pairs[row] for row in kept],
                    values=[values[row] for row in kept],
                    drifted=drifted[kept],
                    as_of={
                        pairs[row]: as_of
                        for row in kept
                        if (as_of := decoded.messages[row].as_of) is not None
                    },
                    newest={
                        pair: NewestForecast(
                            float(forecasts.features[row, 0]),
                            tuple(forecasts.lower[row].tolist()),
                            tuple(forecasts.upper[row].tolist()),
                        )
                        for pair, row in {pairs[row]: row for row in kept}.items()
                    },
                    alerts=[
                        (pairs[row], code.value)
                        for row, found in quality.alerts.items()
                        if span.start <= row < span.stop
                        for code in found
                    ],
                    observations=[observe(windows, forecasts, faulty, finite, offsets, span)],
                    dead_letters=rejected,
                    model_version=self.bundle.version,
                )
            )
        return batches

    def _rejected(self, letters: list[DeadLetter]) -> ScoredBatch:
        return ScoredBatch.rejected(letters, model_version=self.bundle.version)

    def _decode(
        self, parts: Sequence[Sequence[Record]]
    ) -> tuple[Messages, list[int], list[list[DeadLetter]]]:
        """Return the messages to score, the end of each part among them, and the dead letters of each part."""
        most, default_pair = self._max_message_bytes, self._forecaster.default_pair
        known = self._forecaster.pair_index
        batch = inputs.decode_batch([record.value for part in parts for record in part], most)
        scored: list[Record] = []
        messages: list[Message] = []
        pairs: list[str] = []
        letters: list[list[DeadLetter]] = []
        ends: list[int] = []
        kept: list[bool] = []  # of the messages that were decoded
        decoded = iter(batch.messages)
        for part in parts:
            letters.append([])
            for record, message in zip(part, decoded, strict=False):
                if isinstance(message, RecordError):
                    letters[-1].append(_rejected(record, message))
                    continue
                pair = message.pair or default_pair
                if (record.headers or record.key) and (size := _carried_bytes(record)) > most:
                    text = f"the key and headers have {size} bytes; at most {most} are accepted"
                    letters[-1].append(DeadLetter(record, ErrorCode.TOO_LARGE, text))
                elif pair not in known:
                    text = f"the model was not trained on the pair {pair}"
                    letters[-1].append(DeadLetter(record, ErrorCode.UNKNOWN_PAIR, text))
                else:
                    scored.append(record)
                    messages.append(message)
                    pairs.append(pair)
                    kept.append(True)
                    continue
                kept.append(False)
            ends.append(len(scored))
        rates, lengths = batch.rates, batch.lengths
        if not all(kept):
            mask = np.array(kept)
            rates, lengths = rates[np.repeat(mask, lengths)], lengths[mask]
        return Messages(scored, messages, pairs, rates, lengths), ends, letters


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
