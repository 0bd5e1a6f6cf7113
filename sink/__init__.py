"""The sink: predictions and dead letters from Kafka into PostgreSQL, each row once."""
