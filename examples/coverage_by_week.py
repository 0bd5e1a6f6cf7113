"""How often the ranges held the next rate, by week of the rate: from the predictions on the topic alone.

    python examples/coverage_by_week.py            # the whole topic
    python examples/coverage_by_week.py 30d        # what was published in the last 30 days

The broker comes from RATECAST_BOOTSTRAP_SERVERS. It needs pandas and pyarrow.
"""

import sys

import pandas as pd

import ratecast


def outcomes(predictions: pd.DataFrame) -> pd.DataFrame:
    """Returns each prediction whose day has come, with the rate of that day (`rate`) and whether the ranges held it.

    The rate of a day is the newest rate of the prediction that was made on that day.
    """
    dated = predictions.dropna(subset=["rate_time_utc"])
    # An input that was published twice has two predictions: the newest counts.
    dated = dated.sort_values("scored_at_utc").drop_duplicates(["pair", "rate_time_utc"], keep="last")
    rates = pd.DataFrame(
        {"pair": dated["pair"], "target_day": dated["rate_time_utc"].dt.date, "rate": dated["last_rate"]}
    )
    found = dated.merge(rates, on=["pair", "target_day"]).sort_values(["pair", "target_day"])
    for level in (80, 95):
        found[f"held_{level}"] = found["rate"].between(
            found[f"range_{level}_lower_rate"], found[f"range_{level}_upper_rate"]
        )
    return found


def by_week(found: pd.DataFrame) -> pd.DataFrame:
    """Returns a row for each week, named by its Monday: rates, and the percentage that each range held."""
    days = pd.to_datetime(found["target_day"])
    monday = (days - pd.to_timedelta(days.dt.day_of_week, unit="D")).dt.date.rename("week")
    weeks = found.groupby(monday)
    return pd.DataFrame(
        {
            "rates": weeks.size(),
            "held_80_percent": (100 * weeks["held_80"].mean()).round(1),
            "held_95_percent": (100 * weeks["held_95"].mean()).round(1),
        }
    )


def main() -> None:
    """Read, compare, print."""
    found = outcomes(ratecast.read_predictions(since=sys.argv[1] if len(sys.argv) > 1 else None))
    if found.empty:
        sys.exit("there is no prediction whose day has come")
    print(by_week(found).to_string())
    for level in (80, 95):
        print(f"{level} % range: held {100 * found[f'held_{level}'].mean():.1f} % of {len(found):,} rates")


if __name__ == "__main__":
    main()
