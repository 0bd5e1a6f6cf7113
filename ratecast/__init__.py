"""What every ratecast program agrees on: messages, features, the model bundle, settings."""

__version__ = "0.3.0"
