"""Polls public sources of rates and publishes a history for each pair and new rate."""
