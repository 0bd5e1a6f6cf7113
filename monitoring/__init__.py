"""Exposes the workers' metrics, health, lag, drift and accuracy."""
