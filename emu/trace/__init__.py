"""Sinks of trace events: pure converters."""
