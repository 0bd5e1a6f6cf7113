"""The training report: whether a model can be trusted."""
