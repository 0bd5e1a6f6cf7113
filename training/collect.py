"""What a model is trained on: rates that are there, of pairs that have enough of them."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING

import numpy as np

from ratecast.errors import UsageError
from ratecast.rates.table_screening import Screened, screened
from ratecast.rates.tables import DEFAULT_PAIRS, RateTable, load_csv, load_ecb, series
from training.dataset import PairHistory, pair_sigmas

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.train_options import TrainOptions

MIN_RATES = 100  # in one stretch: 61 to fill a window and a few dozen to learn from
MAX_SPAN = 1e50  # squares of what lies beyond leave float64, and no currency was ever there


def load_table(options: TrainOptions) -> Screened:
    """The rates to learn from: a user's file without what must not be learnt, the ECB's and rates at hand as they are.

    Raises:
        UsageError: the file cannot be read, is malformed, or holds nothing until the last day.
    """
    if options.table is not None:
        return Screened(options.table)
    if options.csv is None:
        return Screened(load_ecb())
    today = options.today or dt.datetime.now(dt.UTC).date()
    return screened(load_csv(options.csv), today, options.until, keep_outliers=options.keep_outliers)


def collect(options: TrainOptions, table: RateTable) -> tuple[list[PairHistory], dict[str, str]]:
    """The pairs to train on, cut at ``until``, and those left out with the reason.

    Args:
        options: which pairs, and until when.
        table: their rates, of `load_table`.

    Raises:
        UsageError: a pair that was asked for by name has to be left out, or none is left.
    """
    own = options.csv is not None or options.table is not None
    chosen = options.pairs or (tuple(table.columns) if own else DEFAULT_PAIRS)
    histories: list[PairHistory] = []
    skipped: dict[str, str] = {}
    for pair in dict.fromkeys(chosen):
        history = PairHistory(pair, tuple(series(table, pair, end=options.until)))
        fault = _fault(history)
        if fault is None:
            histories.append(history)
        elif options.pairs:
            raise UsageError(f"{pair} in {table.source}: {fault}{_until(options.until)}")
        else:
            skipped[pair] = fault
    if not histories:
        pair, fault = next(iter(skipped.items()))
        raise UsageError(f"{table.source} has no pair to train on{_until(options.until)}; {pair}: {fault}")
    return histories, skipped


def data_digest(histories: Sequence[PairHistory]) -> str:
    """SHA-256 of the rates, their days and their pairs, hex."""
    digest = hashlib.sha256()
    for history in histories:
        for stretch in history.stretches:
            digest.update(f"{stretch.pair}:{len(stretch.rates)}:".encode())
            digest.update(stretch.dates.astype("<i8").tobytes())
            digest.update(stretch.rates.astype("<f8").tobytes())
    return digest.hexdigest()


def _fault(history: PairHistory) -> str | None:
    longest = max((len(stretch.rates) for stretch in history.stretches), default=0)
    if longest < MIN_RATES:
        return f"{longest} rates in a row are too few: {MIN_RATES} are needed"
    if not np.isfinite(pair_sigmas([history])[0]):
        return "the rate never moves"
    lowest, highest = (f(float(f(s.rates)) for s in history.stretches) for f in (min, max))
    if highest / MAX_SPAN > lowest or lowest < 1 / MAX_SPAN or highest > MAX_SPAN:
        return f"rates from {lowest:.3g} to {highest:.3g} are no exchange rates"
    return None


def _until(day: dt.date | None) -> str:
    return "" if day is None else f" until {day}"
