"""Fits, evaluates and explains the forecast model."""
