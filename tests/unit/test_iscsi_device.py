"""The SCSI target behind iSCSI sessions: what its units do, as the initiator's bytes show it."""

from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.front.iscsi.node import Node
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import DISK
from emu.hw.scsi.target import Target
from emu.media.faulty import BadBlocks, FaultyDevice, Hold, Rule
from emu.media.memory import MemoryDevice
from emu.shells.iscsi import IscsiDevice
from tests.unit.iscsi_initiator import BLOCK, TARGET, Initiator

BLOCKS = 64
PATTERN = b"".join(bytes((lbn,)) * BLOCK for lbn in range(BLOCKS))


def logged_in(*rules: Rule) -> Initiator:
    """An initiator of a disk of patterns, that has heard of the power-on."""
    clock = Scheduler()
    medium = MemoryDevice(BLOCKS)
    target = Target(clock, Tracer(), TARGET)
    target.attach(0, LogicalUnit(FaultyDevice(medium, rules), DISK, clock, Tracer(), "LUN0", "SN1"))
    initiator = Initiator(Node(clock, {TARGET: IscsiDevice(target)}, bytes).accept("127.0.0.1:3260", "test"))
    initiator.login("InitialR2T=No")
    initiator.send(initiator.command_pdu(bytes(6), 0x81))
    assert initiator.one().data[14] == 0x29  # power on, in the sense behind its length
    return initiator


def test_what_is_before_a_bad_block_is_sent() -> None:
    initiator = logged_in(BadBlocks([13]))
    initiator.send(initiator.write_pdu(8, 5, PATTERN[8 * BLOCK : 13 * BLOCK]))
    assert initiator.one().header[3] == 0
    initiator.send(initiator.read_pdu(8, 8))
    data, response = initiator.receive()
    assert data.data == PATTERN[8 * BLOCK : 13 * BLOCK]
    assert (response.opcode, response.header[3]) == (0x21, 0x02)
    assert response.word(44) == 3 * BLOCK  # the residual
    assert response.data[5:9] == bytes((0, 0, 0, 13))  # INFORMATION: the guilty block


def test_a_medium_that_answers_late_ends_each_command_once() -> None:
    hold = Hold()
    hold.holding = False
    initiator = logged_in(hold, BadBlocks([13]))
    hold.holding = True
    initiator.send(initiator.write_pdu(12, 1, PATTERN[12 * BLOCK : 13 * BLOCK], tag=1))
    initiator.send(initiator.read_pdu(12, 2, tag=2))
    assert initiator.receive() == []
    hold.release()
    written = initiator.one()
    assert (written.itt, written.opcode, written.header[3]) == (1, 0x21, 0)
    for _ in range(2):  # block by block now
        assert len(hold.held) == 1
        assert initiator.receive() == []
        hold.release()
    data, response = initiator.receive()
    assert data.data == PATTERN[12 * BLOCK : 13 * BLOCK]
    assert (response.itt, response.header[3]) == (2, 0x02)
    assert not hold.held
