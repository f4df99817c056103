"""The version of this package, for whoever tells it. Imports nothing."""

__version__ = "0.1.0"
