"""An iSCSI target (RFC 7143, error recovery level 0) as byte machines; what it serves stands behind `device.Device`."""
