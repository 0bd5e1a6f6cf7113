"""What crosses a topic: messages, alerts, dead letters, commit metadata, and their published schemas."""
