"""Predictions and dead letters as tables: read from the topic into pandas, polars or Arrow, or to files."""
