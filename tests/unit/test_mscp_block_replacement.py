"""A controller that replaces bad blocks by itself: data, table, error log format 9.  Numbers are the spec's."""

from dataclasses import replace

import pytest

from emu.core.block import BlockRequest, MediumError
from emu.media.faulty import BadBlocks, FaultyDevice
from emu.media.memory import MemoryDevice
from tests.dumb_host import (
    DATA,
    DumbHost,
    byte_count,
    extent,
    longword,
    longwords,
    make_controller,
    status,
    word,
)

BLOCKS, RCT_SIZE, RCT_COPIES, RBNS = 1000, 4, 3, 200
THIS, ATTN = 0x10, 0x80
ERLOG = 0x20


def replacing(*bad: int, rule: object = None, rbns: int = RBNS) -> DumbHost:
    """Make a host with a small disk with bad blocks at an RQDX3 that replaces them."""
    controller = make_controller("rqdx3-bbr")
    rules = [rule or BadBlocks(bad)]
    drive = replace(
        controller.firmware.drives["RD54"],
        block_count=BLOCKS,
        rct_size=RCT_SIZE,
        rct_copies=RCT_COPIES,
        rbns=rbns,
    )
    medium = FaultyDevice(MemoryDevice(BLOCKS), rules)  # type: ignore[list-item]
    controller.attach_unit(0, medium, drive, serial=0x0102_0304_0506)
    host = DumbHost(controller, log2=5)
    host.start()
    host.scc(THIS | ATTN)
    assert status(host.online()) == 0
    return host


def messages(host: DumbHost) -> tuple[list[bytes], bytes]:
    """Texts of the logs, and of the end message that comes last."""
    *logs, end = host.responses()
    assert all(log[2] == 0x10 for log in logs)
    return [log[4:] for log in logs], end[4:]


def descriptors(host: DumbHost, copy: int = 0) -> list[int]:
    """The table's descriptors in one copy; the RQDX3 lets a host read the first only."""
    own = host.controller.units[0].replacement
    assert own is not None
    data = b"".join(own.own.read_table(copy * RCT_SIZE + place) for place in (2, 3))
    return [longword(data, 4 * index) for index in range(RBNS)]


def test_a_write_to_a_bad_block_succeeds_and_is_read_back() -> None:
    host = replacing(77)
    host.ram.write(DATA, bytes(range(256)) * 8)
    host.send(0x22, parameters=extent(75, 2048))
    (error, replaced), end = messages(host)
    assert (status(end), byte_count(end), end[9], word(end, 6)) == (0, 2048, ERLOG, 2)
    assert (error[8], error[9] & 0xC0, word(error, 10)) == (4, 0x80, 0x000B)
    assert (len(replaced), replaced[8], replaced[9], word(replaced, 10)) == (54, 9, 0xA0, 0x0014)
    # 77 of 1000 blocks: 15 of 200 replacement blocks.
    assert word(replaced, 34) == 0x8000
    assert [longword(replaced, place) for place in (36, 40, 44, 48)] == [0x0304_0506, 77, 0, 15]
    assert word(replaced, 52) == 0x000B
    host.ram.write(DATA, bytes(2048))
    assert (status(end := host.read(75, 2048)), end[9]) == (0, 0)
    assert host.ram.read(DATA, 2048) == bytes(range(256)) * 8


def test_a_block_that_cannot_be_read_is_replaced_and_has_a_forced_error_until_it_is_written() -> None:
    host = replacing(77)
    host.send(0x21, parameters=extent(75, 2048))
    (error, replaced), end = messages(host)
    assert (status(end), byte_count(end)) == (0x00E8, 1024)
    assert (error[9] & 0xC0, word(error, 10)) == (0, 0x00E8)
    assert (word(replaced, 10), word(replaced, 34), word(replaced, 52)) == (0x0014, 0xC000, 0x00E8)
    host.send(0x21, parameters=extent(75, 2048))
    logs, end = messages(host)
    assert (logs, status(end), byte_count(end)) == ([], 0x0008, 1024)
    assert status(host.write(77, 512)) == 0
    assert status(host.read(75, 2048)) == 0


@pytest.mark.parametrize("copy", range(RCT_COPIES))
def test_every_copy_of_the_table_tells_of_the_replacement(copy: int) -> None:
    host = replacing(77)
    host.send(0x22, parameters=extent(77, 512))
    wanted = [0] * RBNS
    wanted[15] = 2 << 28 | 77
    assert descriptors(host, copy) == wanted
    area = host.controller.units[0].replacement
    assert area is not None
    control = area.own.read_table(copy * RCT_SIZE)
    assert (word(control, 8), longword(control, 12), longword(control, 16)) == (0, 77, 15)


def test_the_search_goes_out_from_the_primary_and_then_on_through_the_table() -> None:
    bad = [*range(0, 700)]
    host = replacing(*bad)
    order = []
    for lbn in (75, 76, 77, 78, 79):  # all of them have 15 as their primary
        host.send(0x22, parameters=extent(lbn, 512))
        logs, _ = messages(host)
        order.append(longword(logs[1], 48))
    assert order == [15, 16, 14, 17, 13]
    codes = [entry >> 28 for entry in descriptors(host)[13:18]]
    assert codes == [3, 3, 2, 3, 3], "primary and non-primary"


def test_a_full_table_block_sends_the_search_on_with_a_wrap() -> None:
    host = replacing(999, 998)
    area = host.controller.units[0].replacement
    assert area is not None
    for rbn in range(128, 200):
        area.allocate(700 + rbn, rbn)
    host.send(0x22, parameters=extent(999, 512))
    logs, end = messages(host)
    assert (status(end), longword(logs[1], 48)) == (0, 0)


def test_a_full_table_leaves_the_error_and_makes_the_unit_available() -> None:
    host = replacing(77, rbns=1)
    area = host.controller.units[0].replacement
    assert area is not None
    area.allocate(1, 0)
    host.send(0x22, parameters=extent(75, 2048))
    *packets, end = host.responses()
    kinds = {packet[12]: packet[4:] for packet in packets if packet[2] >> 4}
    assert (word(kinds[9], 10), kinds[9][9] & 0xA0) == (0x00B4, 0x20)
    assert [packet[12] for packet in packets if not packet[2] >> 4] == [0x40], "AVAILABLE attention"
    assert (status(end[4:]), byte_count(end[4:])) == (0x000B, 1024)
    assert status(host.ask(0x03)) == 0x0004


def test_a_failure_that_does_not_come_back_replaces_nothing() -> None:
    class Once:
        failed = False

        def on_request(self, request: BlockRequest) -> MediumError | None:
            if self.failed or request.function == 4:
                return None
            self.failed = True
            return MediumError("once", 77)

    host = replacing(rule=Once())
    host.send(0x22, parameters=extent(75, 2048))
    logs, end = messages(host)
    assert ([log[8] for log in logs], status(end)) == ([4], 0)
    assert descriptors(host) == [0] * RBNS


def test_a_protected_unit_keeps_its_bad_blocks() -> None:
    host = replacing(77)
    host.controller.units[0].write_protect_switch = True
    host.send(0x21, parameters=extent(75, 2048))
    logs, end = messages(host)
    assert ([log[8] for log in logs], status(end)) == ([4], 0x00E8)


@pytest.mark.parametrize("modifiers", [0x0100, 0x0200])
def test_a_host_that_wants_no_recovery_gets_the_block_as_it_is(modifiers: int) -> None:
    host = replacing(77)
    for opcode, wanted in ((0x21, 0x00E8), (0x22, 0x000B)):
        host.send(opcode, 0, modifiers, extent(75, 2048))
        logs, end = messages(host)
        assert ([log[8] for log in logs], status(end), byte_count(end)) == ([4], wanted, 1024)
    assert descriptors(host) == [0] * RBNS


def test_a_drive_without_replacement_blocks_stays_online_with_its_bad_block() -> None:
    controller = make_controller("hsc70")
    drive = controller.firmware.drives["RAUSER"].user_sized(100)
    controller.attach_unit(0, FaultyDevice(MemoryDevice(100), [BadBlocks([77])]), drive)
    host = DumbHost(controller)
    host.start()
    host.scc(THIS)
    host.online()
    for opcode, wanted in ((0x21, 0x00E8), (0x22, 0x000B)):
        host.send(opcode, parameters=extent(75, 2048))
        logs, end = messages(host)
        assert (len(logs), status(end)) == (1, wanted)
    assert status(host.ask(0x03)) == 0


def test_a_controller_that_only_claims_to_replace_does_not() -> None:
    controller = make_controller("rqdx3")
    medium = FaultyDevice(MemoryDevice(41560), [BadBlocks([77])])
    controller.attach_unit(0, medium, controller.firmware.drives["RD31"])
    host = DumbHost(controller)
    host.start()
    host.scc(THIS)
    host.online()
    host.send(0x22, parameters=extent(77, 512))
    logs, end = messages(host)
    assert ([log[8] for log in logs], status(end)) == ([4], 0x000B)
    assert status(host.ask(0x14, parameters=longwords(0, 0, 0, 0, 5))) == 0x0801
