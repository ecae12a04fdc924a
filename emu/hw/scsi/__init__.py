"""The SCSI target device: logical units over block devices, behind any transport."""
