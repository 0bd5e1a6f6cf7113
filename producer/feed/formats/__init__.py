"""Reads what sources of rates send: bytes in, rates and refusals out. Pure."""
