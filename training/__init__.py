"""Trains, evaluates and explains the forecast model."""
