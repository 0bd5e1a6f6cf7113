"""Predictions held to the model that made them: what drifted, what to do about it, one page with pictures."""
