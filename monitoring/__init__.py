"""Makes the workers visible: metrics, health, lag and drift."""
