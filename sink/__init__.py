"""Predictions and dead letters into a database, each row once."""
