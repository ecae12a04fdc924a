"""Media: block devices that nest."""
