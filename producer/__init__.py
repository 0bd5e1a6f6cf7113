"""Publishes rate histories: the replay of historical rates, and single messages."""
