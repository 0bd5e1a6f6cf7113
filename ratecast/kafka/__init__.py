"""Reaching the brokers: connections, topics, readers without a group, and the audit of a topic's outcomes."""
