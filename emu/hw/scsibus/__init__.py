"""The parallel SCSI bus, and the port by which a target device sits on it."""
