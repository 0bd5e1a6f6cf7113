"""Scores rate histories: the worker and its exactly-once pipeline."""
