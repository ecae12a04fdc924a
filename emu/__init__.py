"""Emulated DEC storage hardware, its wire formats, and the doors to the outside."""

__version__ = "0.1.0"
