"""Plans what a replay publishes: histories from a table of rates, at a pace, optionally with injected faults. Pure."""
