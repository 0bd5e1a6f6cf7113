"""Access to the brokers: connections, topics, readers without a group, and the audit of outcomes."""
