"""Files-11 ODS-2: what INITIALIZE puts on a volume, and the file system (XQP) that works on it by block I/O."""
