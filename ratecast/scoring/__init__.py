"""Scoring a batch of messages, with the checks of the feed that change a forecast. Pure."""
