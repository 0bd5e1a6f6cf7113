"""Windowed statistics of what was scored: drift of features, accuracy, and changes of accuracy. Pure."""
