"""What the backend tells the page, made from the ECB's real rates.

Only the bands are this module's own: plain volatility around the last rate, which is enough to look at.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np

from ratecast.rates.tables import load_ecb, series

SPARK = 60
POINTS = 250
HALF_SIGMAS = {"80": 1.25, "95": 2.1}
HORIZONS = (2, 5, 10, 21)
CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "SEK", "NOK", "AUD", "CAD", "NZD", "PLN", "CZK")


@cache
def _table():
    return load_ecb()


def all_pairs(count):
    """The first pairs of the ECB's currencies and their crosses."""
    return ["/".join(pair) for pair in permutations(CURRENCIES, 2)][:count]


@dataclass
class RatesOfPair:
    """The last days of a pair, and the bands that plain volatility gives for them."""

    pair: str
    days: list[str]
    rates: list[float]
    sigmas: list[float]
    alerts: dict[int, list[dict]]

    @classmethod
    def until(cls, pair, back=0):
        """The rates until ``back`` days before the newest."""
        stretch = series(_table(), pair)[-1]
        stop = len(stretch.rates) - back
        rates = stretch.rates[max(0, stop - POINTS - 60) : stop]
        squares = np.diff(np.log(rates)) ** 2
        variance = np.empty_like(rates)
        variance[0] = squares[:30].mean()
        for place, square in enumerate(squares, 1):
            variance[place] = 0.94 * variance[place - 1] + 0.06 * square
        days = [str(day) for day in stretch.dates[max(0, stop - POINTS - 60) : stop]]
        sigmas = np.maximum(np.sqrt(variance), 1e-6)
        return cls(pair, days[-POINTS:], rates[-POINTS:].tolist(), sigmas[-POINTS:].tolist(), {})

    def band(self, place, level, steps=1):
        half = np.exp(HALF_SIGMAS[level] * self.sigmas[place] * steps**0.5)
        return [self.rates[place] / half, self.rates[place] * half]

    def missed(self, place, level):
        low, high = self.band(place - 1, level)
        return not low <= self.rates[place] <= high

    def held(self, level, of=100):
        places = range(max(1, len(self.rates) - of), len(self.rates))
        return {"held": sum(not self.missed(place, level) for place in places), "of": len(places)}

    def target(self, steps=1):
        return str(np.busday_offset(self.days[-1], steps, roll="forward"))

    def tile(self):
        rate = self.rates[-1]
        bands = {level: self.band(-1, level) for level in HALF_SIGMAS}
        alerts = self.alerts.get(len(self.rates) - 1, [])
        spark = [
            [self.days[place], self.rates[place], *self.band(place - 1, "95")]
            for place in range(len(self.rates) - SPARK, len(self.rates))
        ]
        return {
            "pair": self.pair,
            "as_of": self.days[-1],
            "target": self.target(),
            "rate": rate,
            "prediction": rate,
            "bands": bands,
            "band_percent": {level: 50 * (band[1] - band[0]) / rate for level, band in bands.items()},
            "held": {level: self.held(level) for level in bands},
            "drift": self.pair.endswith("TRY"),
            "drift_features": ["lag_1", "lag_2", "lag_3"] if self.pair.endswith("TRY") else [],
            "alerts": alerts,
            "interval_quality": "adaptive",
            "model_version": "2024-12-31-6b36fd62",
            "spark": spark,
        }

    def detail(self):
        points = [
            {
                "as_of": self.days[place],
                "rate": self.rates[place],
                "prediction": self.rates[place - 1],
                "band80": self.band(place - 1, "80") if place else None,
                "band95": self.band(place - 1, "95") if place else None,
                "missed80": self.missed(place, "80") if place else None,
                "missed95": self.missed(place, "95") if place else None,
                "alerts": [alert["code"] for alert in self.alerts.get(place, [])],
            }
            for place in range(len(self.rates))
        ]
        tile = self.tile()
        names = ("lag_1", "lag_2", "lag_3", "return_1", "return_2")
        steps = np.diff(np.log(self.rates[-3:]))[::-1].tolist()
        values = [*self.rates[:-4:-1], *steps]
        return {
            "pair": self.pair,
            "points": points,
            "next": {"target": self.target(), "prediction": self.rates[-1], "bands": tile["bands"]},
            "horizons": [
                {
                    "steps": steps,
                    "target": self.target(steps),
                    "bands": {level: self.band(-1, level, steps) for level in HALF_SIGMAS},
                }
                for steps in HORIZONS
            ],
            "quantiles": None,
            "features": [
                {"name": name, "value": value, "share_outside": 0.02, "drift": name in tile["drift_features"]}
                for name, value in zip(names, values, strict=True)
            ],
            "drift_by_feature": [
                {"name": name, "share": 1.0 if name in tile["drift_features"] else 0.01} for name in names
            ],
            "model": {
                "version": tile["model_version"],
                "trained_until": "2024-12-31",
                "headline": "The last rate is the forecast: nothing in the data beats it.",
                "verdicts": [
                    {"name": "95 % range", "words": "It held 94.6 of 100 rates.", "ok": True},
                    {"name": "Forecast", "words": "No better than the last rate.", "ok": False},
                ],
            },
            "tile": tile,
        }


def strip(**changes):
    return {
        "messages_per_second": 12.3,
        "p50_ms": 3.1,
        "p99_ms": 9.0,
        "lag": 0,
        "workers": 2,
        "workers_expected": 2,
        "dead_letters": 3,
        "predictions": 9360,
        "broker": "ok",
        "newest_at": now(),
        "problems": [],
        **changes,
    }


def now():
    return dt.datetime.now(dt.UTC).isoformat()


def alert_of(rates, code, words):
    """Puts an alert on the newest rate, and returns it as the list of all alerts has it."""
    rates.alerts.setdefault(len(rates.rates) - 1, []).append({"code": code, "words": words})
    return {"pair": rates.pair, "code": code, "words": words, "as_of": rates.days[-1], "scored_at": now()}


def dead_letter(offset, raw, words="history[1] must be a number, got '0.86'", code="schema_violation"):
    return {
        "kind": "dead_letter",
        "at": now(),
        "pair": "EUR/GBP",
        "code": code,
        "words": words,
        "topic": "rate-dead-letters",
        "partition": 1,
        "offset": offset,
        "raw": raw,
        "raw_bytes": len(raw),
        "truncated": False,
        "remedy": f"ratecast dead-letters redeliver --partition 1 --from-offset {offset} --to-offset {offset}",
        "message_id": f"rate-histories-1-{offset}",
    }
