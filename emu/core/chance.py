"""The only source of randomness: named streams, all from one seed.

A stream depends on the seed and its name alone, so a new stream changes no other.
"""

from hashlib import sha256
from random import Random


class Chance:
    """Streams of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def stream(self, name: str) -> Random:
        """Open the stream of this name; the same name starts the same stream again."""
        return Random(sha256(f"{self.seed}/{name}".encode()).digest())
