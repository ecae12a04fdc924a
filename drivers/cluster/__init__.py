"""Nodes that share disks, and the messages between them."""
