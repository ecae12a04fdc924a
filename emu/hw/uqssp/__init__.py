"""UQSSP: the port through which a host and a controller's servers exchange messages."""
