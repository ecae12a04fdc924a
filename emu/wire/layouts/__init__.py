"""Byte layouts in construct, each written once, with the manual's symbol beside every field."""
