"""Every byte layout and every code number of DEC storage, once.

`layouts` declares the bytes in construct, `codes` names the numbers, `generated` holds the fast
codecs that `codegen` prints from the layouts; `decode` and `tables` explain both to people.  No time,
no memory, no device: only bytes.
"""
