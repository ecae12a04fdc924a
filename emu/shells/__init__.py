"""The only place with files, terminals, sockets and wall time."""
