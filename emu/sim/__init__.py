"""Whole worlds: nodes, controllers and disks put together, and workloads to run in them."""
