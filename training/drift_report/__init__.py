"""Compares predictions with a model: finds drift and faults of the feed, and says what to do on an HTML page."""
