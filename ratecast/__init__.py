"""The parts that all ratecast programs share: messages, rates, the model, scoring, Kafka access and settings."""

__version__ = "0.3.0"
