"""What a target and its initiators agree on: how fast data moves between them.  (spec "SCSI", messages; SPI.)"""

# DEVIATION: the target starts no negotiation itself, transfers eight bits wide, and rejects PPR.

from emu.hw.scsibus.messages import REJECT
from emu.wire.codes.scsi_bus import EXTENDED, MESSAGE


class Agreements(dict[int, tuple[int, int]]):
    """Initiator -> period, offset; one that is not here transfers asynchronously.

    period, offset: the target's fastest, in SDTR's units; offset 0 for an asynchronous target.
    """

    def __init__(self, period: int, offset: int) -> None:
        super().__init__()
        self._period = period
        self._offset = offset

    def answer(self, message: bytes, initiator_id: int | None) -> bytes:
        """Agree to what an extended message asks for, or less; return the message that says so."""
        if initiator_id is None:
            return REJECT
        if len(message) == 5 and message[2] == EXTENDED.SDTR:
            period, offset = max(message[3], self._period), min(message[4], self._offset)
            self.pop(initiator_id, None)
            if offset:
                self[initiator_id] = period, offset
            return bytes((MESSAGE.EXTENDED, 3, EXTENDED.SDTR, period, offset))
        if len(message) == 4 and message[2] == EXTENDED.WDTR:
            self.pop(initiator_id, None)  # an agreement on width ends the synchronous one
            return bytes((MESSAGE.EXTENDED, 2, EXTENDED.WDTR, 0))
        return REJECT
