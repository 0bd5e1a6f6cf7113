"""Faults of every kind on a real cluster while a paced replay runs; then the verifier. `python -m tests.chaos --help`."""
