"""The version of this module."""

__version__ = "0.1.0"
