"""Predictions and dead letters as tables: read from a topic into a data frame, or exported to files."""
