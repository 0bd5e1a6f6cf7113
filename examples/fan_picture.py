"""Draws a pair's rates with the ranges that were forecast for them, marks the misses, and shows the fan ahead.

    python examples/fan_picture.py EUR/USD fan.png

Steps beyond the next one are drawn if the workers run with RATECAST_HORIZONS. It needs pandas, pyarrow and matplotlib.
"""

import sys

import matplotlib as mpl
import pandas as pd
from coverage_by_week import outcomes
from matplotlib.figure import Figure

import ratecast

SHOWN = 60  # rates
mpl.rcParams["svg.hashsalt"] = "ratecast"  # the same picture is the same file


def fan(predictions: pd.DataFrame, pair: str) -> Figure:
    """Returns the picture of one pair's predictions."""
    found = outcomes(predictions[predictions["pair"] == pair]).tail(SHOWN)
    newest = predictions[predictions["pair"] == pair].sort_values("rate_time_utc").iloc[-1]
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.subplots()
    days = pd.to_datetime(found["target_day"])
    ahead = _ahead(newest)
    for level, shade in ((95, "#cfe0f3"), (80, "#9dc3e6")):
        lower, upper = f"range_{level}_lower_rate", f"range_{level}_upper_rate"
        axes.fill_between(days, found[lower], found[upper], color=shade, step="mid", label=f"{level} % range")
        axes.fill_between(ahead.index, ahead[lower], ahead[upper], color=shade, alpha=0.8)
    axes.plot(days, found["rate"], color="#1f3b57", linewidth=1.2, label="rate")
    missed = found[~found["held_95"]]
    label = f"outside the 95 % range: {len(missed)} of {len(found)}"
    axes.plot(pd.to_datetime(missed["target_day"]), missed["rate"], "o", color="#c0392b", label=label)
    axes.set_title(f"{pair}: rates, the ranges forecast the day before, and the fan ahead")
    axes.set_ylabel("rate")
    axes.legend(loc="best", frameon=False)
    figure.autofmt_xdate()
    return figure


def _ahead(newest: pd.Series) -> pd.DataFrame:
    """Returns the bounds from the newest rate on: at the rate itself, at the next one, and at each horizon."""
    names = [f"range_{level}_{bound}_rate" for level in (80, 95) for bound in ("lower", "upper")]
    rows = {newest["rate_time_utc"].tz_localize(None): dict.fromkeys(names, newest["last_rate"])}
    for prefix, day in (
        ("", newest["target_day"]),
        *((f"horizon_{steps}_", newest[f"horizon_{steps}_target_day"]) for steps in (2, 5, 10, 21)),
    ):
        if not pd.isna(day):
            rows[pd.Timestamp(day)] = {name: newest[f"{prefix}{name}"] for name in names}
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    """Read, draw, save."""
    if len(sys.argv) != 3:
        sys.exit("usage: python examples/fan_picture.py PAIR FILE")
    pair, path = sys.argv[1:]
    predictions = ratecast.read_predictions(pairs=[pair]).dropna(subset=["target_day"])
    if predictions.empty:
        sys.exit(f"there is no dated prediction of {pair}")
    fan(predictions, pair).savefig(path, dpi=110)
    print(f"{path}: {len(predictions):,} predictions of {pair}")


if __name__ == "__main__":
    main()
