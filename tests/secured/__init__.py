"""Connections with TLS and logins, and access rights, on Apache Kafka."""
