"""Windowed statistics of scored messages: feature drift, accuracy, and changes of accuracy. Pure."""
