"""MSCP: the disk server and the units it serves."""
