"""The controller's end of the bus link (docs/buslink.md): a controller's bus is in another process."""
