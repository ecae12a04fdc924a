"""Messages as a target reads and sends them.  (spec "SCSI", messages.)"""

from collections.abc import Iterator

from emu.wire.codes.scsi import Attribute, TaskManagement
from emu.wire.codes.scsi_bus import MESSAGE, TWO_BYTE_MESSAGES

ATTRIBUTES = {
    int(MESSAGE.SIMPLE_QUEUE_TAG): int(Attribute.SIMPLE),
    int(MESSAGE.HEAD_OF_QUEUE_TAG): int(Attribute.HEAD_OF_QUEUE),
    int(MESSAGE.ORDERED_QUEUE_TAG): int(Attribute.ORDERED),
    int(MESSAGE.ACA): int(Attribute.ACA),
}
ABORTS = {  # messages that end the connection without a status
    int(MESSAGE.ABORT): TaskManagement.ABORT_TASK_SET,
    int(MESSAGE.ABORT_TAG): TaskManagement.ABORT_TASK,
    int(MESSAGE.CLEAR_QUEUE): TaskManagement.CLEAR_TASK_SET,
    int(MESSAGE.BUS_DEVICE_RESET): TaskManagement.TARGET_WARM_RESET,
    int(MESSAGE.LOGICAL_UNIT_RESET): TaskManagement.LUN_RESET,
    int(MESSAGE.CLEAR_ACA): TaskManagement.CLEAR_ACA,
}
IGNORED = (int(MESSAGE.NO_OPERATION),)
SAVE_AND_DISCONNECT = (bytes((MESSAGE.SAVE_DATA_POINTER,)), bytes((MESSAGE.DISCONNECT,)))
RESTORE = bytes((MESSAGE.RESTORE_POINTERS,))
REJECT = bytes((MESSAGE.MESSAGE_REJECT,))
COMPLETE = bytes((MESSAGE.COMMAND_COMPLETE,))

_EXTENDED = int(MESSAGE.EXTENDED)


def parted(run: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the messages of a run, each with the length it should have: the last may be cut off."""
    position = 0
    while position < len(run):
        code = run[position]
        if code == _EXTENDED:
            length = 2 + (run[position + 1] if position + 1 < len(run) else 0)
        else:
            length = 2 if code in TWO_BYTE_MESSAGES else 1
        yield run[position : position + length], length
        position += length
