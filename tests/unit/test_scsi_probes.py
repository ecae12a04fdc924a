"""What hosts of the era ask of a drive before they use it, command by command, as it was seen.

Alpha SRM console and VAX console ROM (their order of commands is known from logs of emulated drives), and OpenVMS,
which finds out how long a block with its check bytes is.  Like the bus, this transport carries no sense with a status.
"""

import pytest

from emu.core.block import Function
from emu.hw.scsi.profiles import PROFILES
from tests.unit.check_block_device import Asked
from tests.unit.scsi_initiator import CHECK_CONDITION, GOOD, HeldSenseTask, Stage

INQUIRY, READY, START, CAPACITY = (
    "12 00 00 00 ff 00",
    "00 00 00 00 00 00",
    "1b 00 00 00 01 00",
    "25" + "00" * 9,
)
SENSE = "03 00 00 00 12 00"
DRIVES = ("RZ23", "RZ24", "RZ26", "RZ28M", "RZ29B", "RZ1CB", "RZ1DB", "RRD42")
READ_LONG_514 = "3e 00 00000000 00 0202 00"


def drive(name="RZ28M", **changes):
    """A drive as it is after power-on, and an initiator that has not heard of that."""
    if PROFILES[name].block_count is not None:
        changes.setdefault("block_count", 5000)
    stage = Stage(PROFILES[name], task_type=HeldSenseTask, **changes)
    stage.unit.nexuses.clear()
    return stage


@pytest.mark.parametrize("name", DRIVES)
def test_the_srm_console_boots_from_a_drive(name):
    stage = drive(name)
    boot = memoryview(b"boot".ljust(512, b"\x55"))
    stage.medium.submit(Asked(Function.WRITE, 0, 512, [boot]))
    inquiry = stage.good(INQUIRY)
    assert len(inquiry) == 36
    assert inquiry[8:16] == b"DEC     "
    assert stage.ask(READY).status == CHECK_CONDITION
    assert stage.good(SENSE)[2] == 6
    stage.good(START)
    assert len(stage.good("1a 00 3f 00 0c 00")) == 12
    stage.good("15 00 00 00 0c 00", bytes.fromhex("00000008 00000000 00000200"))
    last, size = int.from_bytes(stage.good(CAPACITY)[:4], "big"), stage.good(CAPACITY)[4:]
    assert (last, size.hex()) == (stage.unit.block_count - 1, "00000200")
    assert stage.good("08 00 00 00 01 00")[:4] == b"boot"
    assert stage.good("28 00 00000000 00 0001 00")[:4] == b"boot"


@pytest.mark.parametrize("name", [name for name in DRIVES if name.startswith("RZ")])
def test_a_console_of_dec_asks_a_drive_of_dec_for_page_25(name):
    stage = drive(name)
    stage.good(INQUIRY)
    stage.ask(READY)
    page = stage.good("1a 00 25 00 ff 00")
    assert page[3] == 8
    assert page[9:12].hex() == "000200"
    assert page[12:15].hex() == "251701"
    assert len(page) == page[0] + 1 == 37
    assert len(stage.good("1a 00 25 00 24 00")) == 36


@pytest.mark.parametrize("name", DRIVES)
def test_a_vax_looks_at_eight_units_and_finds_one(name):
    stage = drive(name)
    for lun in range(1, 8):
        assert stage.good(f"12 {lun << 5:02x} 00 00 24 00", lun=lun)[0] == 0x7F
        assert stage.ask(f"00 {lun << 5:02x} 00 00 00 00", lun=lun).status == CHECK_CONDITION
        sense = stage.good(f"03 {lun << 5:02x} 00 00 12 00", lun=lun)
        assert (sense[2], sense[12]) == (5, 0x25)
    assert stage.good(INQUIRY)[0] in (0, 5)


def test_a_scsi_1_host_gets_four_bytes_of_sense_for_none():
    stage = drive("RZ23")
    stage.ask(READY)
    assert stage.good("03 00 00 00 00 00").hex() == "70000600"


@pytest.mark.parametrize("check_bytes", [2, 4, 24, 50])
def test_vms_finds_the_length_of_a_long_block_by_trying(check_bytes):
    stage = drive(check_bytes=check_bytes)
    stage.ask(READY)
    stage.good(SENSE)
    task = stage.ask(READ_LONG_514)
    if check_bytes == 2:
        assert len(task.data_in) == 514
        return
    assert task.status == CHECK_CONDITION
    sense = stage.good(SENSE)
    assert sense[0] & 0x80
    assert sense[2] == 0x25  # ILI
    length = 514 - int.from_bytes(sense[3:7], "big", signed=True)
    assert length == 512 + check_bytes
    assert len(stage.good(f"3e 00 00000000 00 {length:04x} 00")) == length


def test_wrong_lengths_are_refused_to_a_host_that_never_asks_why():
    stage = drive()
    stage.ask(READY)
    stage.good("3e 00 00000000 00 0000 00")
    statuses = [
        stage.ask(f"3e 00 00000000 00 {length:04x} 00").status for length in (512, 513, 515, 526, 514)
    ]
    assert statuses == [CHECK_CONDITION] * 4 + [GOOD]
