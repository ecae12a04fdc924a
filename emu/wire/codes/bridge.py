"""The bridge between LANs of two processes, over a byte stream: our own protocol, docs/cluster.md tells its rules."""

from typing import Final

from emu.wire.codes import Code

MAGIC: Final = b"HBCL"
VERSION: Final = 1
NONCE_BYTES: Final = 32
PROOF_BYTES: Final = 32  # HMAC-SHA-256
SEAL_BYTES: Final = 16  # of every datagram: the first half of an HMAC-SHA-256


class BridgeKind(Code):
    """What a frame is."""

    HELLO = 1, "both, first: who I am, and a nonce"
    PROOF = 2, "both: I know the password; who connected comes first"
    DATAGRAM = 3, "a datagram of the LAN, sealed"
    REFUSED = 4, "I hang up, and the text says why"
