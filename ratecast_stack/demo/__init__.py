"""``ratecast demo``: from nothing to predictions on one machine, then a summary counted from the topics."""
