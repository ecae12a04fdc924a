"""Class drivers: they know what a disk is, and leave the wire to a port driver."""
