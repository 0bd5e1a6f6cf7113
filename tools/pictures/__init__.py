"""The pictures of the README: a real run of the demo and a real training report."""
