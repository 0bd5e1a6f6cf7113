"""What the replay publishes: histories from a table, at a pace, with faults on demand. Pure."""
