"""Port drivers: they move messages and know nothing of disks."""
