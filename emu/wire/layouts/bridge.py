"""The bridge that carries the datagrams of a cluster from one process to another.  Little-endian."""

from construct import Bytes, Int8ul, Int16ul, Int64ul, Padding, Struct

BridgeHeader = (
    Struct(
        "length" / Int16ul * "bytes behind this header",
        "kind" / Int8ul * "BridgeKind",
        Padding(1),
    )
    * "Header of every frame"
)

# Data of HELLO.
BridgeHello = (
    Struct(
        "magic" / Bytes(4) * "HBCL",
        "version" / Int16ul * "1",
        "group" / Int16ul * "cluster group number",
        "nonce" / Bytes(32) * "nobody can foresee it",
    )
    * "Who an end is"
)

# PROOF is the HMAC of these under the cluster password; the key of the seals is another one of these.
BridgeSecret = (
    Struct(
        "purpose" / Int8ul * "1 = proof of who connected, 2 = of who listened, 3 = key of the seals",
        Padding(1),
        "group" / Int16ul * "cluster group number",
        "connected" / Bytes(32) * "nonce of who connected",
        "listened" / Bytes(32) * "nonce of who listened",
    )
    * "What is proved"
)

# A DATAGRAM has 16 bytes of HMAC of this and the datagram, then the datagram.
BridgeSeal = (
    Struct(
        "count" / Int64ul * "datagrams before this one in its direction",
        "listened" / Int8ul * "1 = from who listened",
        Padding(7),
    )
    * "What goes with a datagram under its seal"
)
