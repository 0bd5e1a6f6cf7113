"""``ratecast demo``: everything on one machine, then a summary counted from the topics."""
