"""Forecasts from rates in memory, without a broker; `ratecast.load` is the way in."""
