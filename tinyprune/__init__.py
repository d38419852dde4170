"""Structured pruning that a microcontroller runs faster."""

__version__ = "0.1.0"
