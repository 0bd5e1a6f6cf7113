"""Publishes to the input topic: historical rates, single messages, and dead letters once more."""
