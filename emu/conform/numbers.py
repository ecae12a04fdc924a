"""Numbers in packets, little-endian: the suite's own packer, so that no layout is its own witness."""


def words(*values: int) -> bytes:
    """Pack 16-bit words."""
    return b"".join((value & 0xFFFF).to_bytes(2, "little") for value in values)


def longwords(*values: int) -> bytes:
    """Pack 32-bit longwords."""
    return b"".join((value & 0xFFFF_FFFF).to_bytes(4, "little") for value in values)


def number(data: bytes, offset: int, size: int) -> int:
    """Unpack `size` bytes; what a short message does not have counts as zero."""
    return int.from_bytes(data[offset : offset + size], "little")


def pattern(seed: int, length: int = 512) -> bytes:
    """Bytes that tell blocks apart: each longword has the seed and its own place."""
    return b"".join(longwords(seed << 16 | place & 0xFFFF) for place in range(0, length, 4))[:length]
