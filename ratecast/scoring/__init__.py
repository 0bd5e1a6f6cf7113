"""Scores batches of messages, with the data-quality checks that change a forecast. Pure."""
