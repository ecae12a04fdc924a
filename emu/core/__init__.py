"""The vocabulary that every model shares; it knows no protocol."""
