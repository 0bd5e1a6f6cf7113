"""Loads the rates to train on and selects the pairs that have enough of them."""

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

MIN_RATES = 100  # in one stretch: 61 to fill a window and a few dozen to train on
MAX_SPAN = 1e50  # squares of larger rates overflow float64, and no currency has ever had such rates


def load_table(options: TrainOptions) -> Screened:
    """Returns the rates to train on; those of a user's file are screened for faults, all others are not.

    Raises:
        UsageError: the file cannot be read, is malformed, or has no rates up to the last day.
    """
    if options.table is not None:
        return Screened(options.table)
    if options.csv is None:
        return Screened(load_ecb() if options.ecb is None else options.ecb)
    today = options.today or dt.datetime.now(dt.UTC).date()
    return screened(load_csv(options.csv), today, options.until, keep_outliers=options.keep_outliers)


def collect(options: TrainOptions, table: RateTable) -> tuple[list[PairHistory], dict[str, str]]:
    """Returns the pairs to train on, cut at ``until``, and those left out with the reason.

    Args:
        options: which pairs, and up to which day.
        table: their rates, from `load_table`.

    Raises:
        UsageError: a pair that was requested by name cannot be trained, or no pair is left.
    """
    from_user = options.csv is not None or options.table is not None
    chosen = options.pairs or (tuple(table.columns) if from_user else DEFAULT_PAIRS)
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
    """Returns the SHA-256 of the rates, their days and their pairs in hex."""
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
        return f"{longest} rates without a gap are too few, {MIN_RATES} are needed"
    if not np.isfinite(pair_sigmas([history])[0]):
        return "the rate never moves"
    lowest, highest = (f(float(f(s.rates)) for s in history.stretches) for f in (min, max))
    if highest / MAX_SPAN > lowest or lowest < 1 / MAX_SPAN or highest > MAX_SPAN:
        return f"rates from {lowest:.3g} to {highest:.3g} are not exchange rates"
    return None


def _until(day: dt.date | None) -> str:
    return "" if day is None else f" up to {day}"
