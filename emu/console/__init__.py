"""Consoles: text in, text out."""
