"""A digest of a run: equal digests mean that nothing observable differed."""

from hashlib import sha256

from emu.core.trace import Event


class TraceDigest:
    """Feed it to a tracer with `tracer.subscribe(digest.hear)`."""

    def __init__(self) -> None:
        self._hash = sha256()
        self.events = 0

    def hear(self, event: Event) -> None:
        self.events += 1
        self._hash.update(repr(event).encode())

    def hexdigest(self) -> str:
        return self._hash.hexdigest()
