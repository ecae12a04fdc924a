"""DUP: the diagnostic and utilities protocol, and the programs that live in a controller."""
