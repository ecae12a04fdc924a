"""DUDRIVER: statuses, units that come and go, controllers that die, and the watch on progress."""

from collections.abc import Callable
from itertools import count

import pytest

from drivers.classes.disk import UnitState
from drivers.port.mscp_port import PortState
from emu.core.block import BlockDevice, BlockRequest
from emu.core.bus import Bytes, HostMemory, NonexistentMemory
from emu.hw.uqssp.connection import Connection, Server
from emu.hw.uqssp.port import UqsspPort
from emu.media.faulty import FailAfter, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from tests.disk_host import (
    BLOCKS,
    COMPARE,
    COPY,
    ERASE,
    NORMAL,
    READ,
    SECOND_NS,
    WRITE,
    DiskHost,
    Request,
    block,
)

ABORT, CTRLERR, DATACHECK, DEVOFFLINE, DRVERR = 0x2C, 0x54, 0x5C, 0x84, 0x8C
ILLBLKNUM, IVBUFLEN, MEDOFL, PARITY, VOLINV, WRITLCK = 0xDC, 0x34C, 0x1A4, 0x1F4, 0x254, 0x25C
SHACHASTA, FORCEDERROR = 0x2284, 0x2144

Change = Callable[[bytes], bytes | None]


class Twisted:
    """A controller's way to the host, on which end messages change; None of one is its loss."""

    def __init__(self, connection: Connection, change: Change) -> None:
        self._connection = connection
        self._change = change

    def send_end(self, text: bytes) -> None:
        changed = self._change(text)
        if changed is not None:
            self._connection.send_end(changed)

    def send_sequential(self, text: bytes) -> None:
        self._connection.send_sequential(text)


def twist(host: DiskHost, change: Change) -> None:
    server = host.controller.servers[0]
    server.connection = Twisted(server.connection, change)  # type: ignore[assignment]


def status_of_transfers(word: int, times: int = 1_000_000) -> Change:
    """Make READs and WRITEs end with this status, so many of them."""
    left = times

    def change(text: bytes) -> bytes:
        nonlocal left
        if text[8] not in (0xA1, 0xA2) or not left:
            return text
        left -= 1
        return text[:10] + word.to_bytes(2, "little") + text[12:]

    return change


class Mortal:
    """A server that kills its port when certain commands arrive.

    chosen: of all commands, which; `after`: it does the command first.  times: how often it does so.
    """

    def __init__(self, host: DiskHost, chosen: Callable[[bytes], bool], times: int, after: bool) -> None:
        self.host = host
        self.chosen = chosen
        self.times = times
        self.after = after
        self.seen: list[int] = []
        connection = host.controller.servers[0].connection
        self.server: Server = connection.server
        connection.server = self

    def receive(self, text: Bytes, length: int) -> None:
        command = bytes(text)
        self.seen.append(command[8])
        if not self.times or not self.chosen(command):
            self.server.receive(text, length)
            return
        self.times -= 1
        if self.after:
            self.server.receive(text, length)
        self.host.hardware.fail(6)

    def port_reset(self) -> None:
        self.server.port_reset()


def dies_at(host: DiskHost, opcode: int, times: int = 1, *, after: bool = False) -> Mortal:
    return Mortal(host, lambda text: text[8] == opcode, times, after)


class Unpolled:
    """Registers of a port that initialises and then, while `losing`, never hears that it is polled."""

    def __init__(self, port: UqsspPort) -> None:
        self.port = port
        self.losing = False

    def read_register(self, offset: int, width: int) -> int:
        return 0 if offset == 0 and self.losing else self.port.read_register(offset, width)

    def write_register(self, offset: int, value: int, width: int) -> None:
        self.port.write_register(offset, value, width)


class Recorder:
    """A device that writes down the requests it gets."""

    descriptor = None
    write_protected = False

    def __init__(self, inner: BlockDevice) -> None:
        self.inner = inner
        self.block_count = inner.block_count
        self.lbns: list[int] = []

    def submit(self, request: BlockRequest) -> None:
        self.lbns.append(request.lbn)
        self.inner.submit(request)

    def close(self) -> None:
        self.inner.close()


def content(host: DiskHost, lbn: int, number: int = 0) -> bytes:
    irp = host.queue(READ, lbn, number=number)
    host.finish(irp)
    assert irp.status == NORMAL
    return host.read_buffer(irp)


# -- statuses


@pytest.mark.parametrize(
    ("word", "status"),
    [
        (0x0000, NORMAL),
        (0x0001, ILLBLKNUM),
        (0x1C01, ILLBLKNUM),
        (0x0002, ABORT),
        (0x0003, MEDOFL),
        (0x0023, MEDOFL),
        (0x0105, VOLINV),
        (0x1006, WRITLCK),
        (0x2006, WRITLCK),
        (0x0007, DATACHECK),
        (0x00E8, PARITY),
        (0x0008, FORCEDERROR),
        (0x0029, IVBUFLEN),
        (0x0069, IVBUFLEN),
        (0x000A, CTRLERR),
        (0x006A, CTRLERR),
        (0x000B, DRVERR),
        (0x002B, DRVERR),
        (0x000C, SHACHASTA),
        (0x009E, DRVERR),
        (0x0014, CTRLERR),
        (0x001F, CTRLERR),
    ],
    ids=lambda value: f"{value:04X}",
)
def test_every_status_of_a_controller_is_one_of_the_system(word: int, status: int) -> None:
    host = DiskHost().booted()
    twist(host, status_of_transfers(word))
    assert host.do(WRITE) == status
    assert host.unit().queue_length == 0
    assert host.unit().operations == (status == NORMAL)
    assert bool(host.unit().errors) == (status not in (NORMAL, DATACHECK))


@pytest.mark.parametrize("word", [0x000A, 0x000B, 0x006A])
def test_drive_and_controller_errors_are_tried_twice_more_and_no_oftener(word: int) -> None:
    host = DiskHost().booted()
    mortal = dies_at(host, 0)  # it only counts
    twist(host, status_of_transfers(word, times=2))
    assert host.do(WRITE) == NORMAL
    assert mortal.seen.count(0x22) == 3
    assert host.unit().errors == 2
    twist(host, status_of_transfers(word))
    assert host.do(WRITE) in (CTRLERR, DRVERR)
    assert mortal.seen.count(0x22) == 6


def test_other_errors_are_not_tried_again() -> None:
    host = DiskHost().booted()
    mortal = dies_at(host, 0)
    twist(host, status_of_transfers(0x00E8))
    assert host.do(READ) == PARITY
    assert mortal.seen.count(0x21) == 1


def test_a_medium_that_fails_once_is_not_noticed_above() -> None:
    # The first failure is answered by the controller's own walk, block by block; two fail that too.
    media = [FaultyDevice(MemoryDevice(BLOCKS), [FailAfter(0), FailAfter(0)])]
    host = DiskHost(media=media).booted()
    assert host.do(WRITE, 9, block(9)) == NORMAL
    assert content(host, 9) == block(9)


def test_the_byte_count_of_a_failed_transfer_is_told() -> None:
    host = DiskHost().booted()
    irp = host.queue(READ, BLOCKS - 1)
    host.finish(irp)
    assert irp.transferred == 512
    twist(host, lambda text: text[:10] + b"\xe8\x00" + (1024).to_bytes(4, "little") + text[16:])
    irp = host.queue(READ, 0, bytes(4096))
    host.finish(irp)
    assert (irp.status, irp.transferred) == (PARITY, 1024)


@pytest.mark.parametrize("firmware", ["uda50", "rqdx3"])
def test_a_bad_lbn_ends_the_request_also_by_the_bare_endcode_of_a_uda50(firmware: str) -> None:
    host = DiskHost(firmware, "VAX").booted()
    assert host.do(WRITE, 1 << 27) == ILLBLKNUM
    assert host.do(READ, 0) == NORMAL


@pytest.mark.parametrize(("kind", "limit"), [("VAX", 1 << 20), ("Alpha", 1 << 24)])
def test_a_buffer_that_could_never_be_mapped_is_refused_instead_of_waited_for(kind: str, limit: int) -> None:
    host = DiskHost("kda50" if kind == "VAX" else "kdm70", kind).booted()
    assert host.driver.maximum_bytes == limit
    irp = Request(host.log, READ, 0, limit + 2)
    host.unit().queue_io(irp)
    host.finish(irp)
    assert irp.status == IVBUFLEN
    assert host.do(READ) == NORMAL


def test_a_request_is_never_answered_inside_the_call_that_queues_it() -> None:
    host = DiskHost().booted()
    good, bad = host.queue(READ), host.queue(READ)
    host.unit().state = UnitState.OFFLINE
    refused = host.queue(READ)
    assert [irp.answers for irp in (good, bad, refused)] == [0, 0, 0]
    host.finish(good, bad, refused)
    assert refused.status == MEDOFL


@pytest.mark.parametrize("kind", ["Alpha", "VAX"])
def test_compare_and_erase_go_the_same_way(kind: str) -> None:
    host = DiskHost("hbvs-shadow" if kind == "Alpha" else "kda50", kind).booted()
    assert host.do(WRITE, 3, block(3)) == NORMAL
    assert host.do(COMPARE, 3, block(3)) == NORMAL
    assert host.do(COMPARE, 3, block(4)) == DATACHECK
    assert not host.unit().errors
    assert host.do(ERASE, 3) == NORMAL
    assert content(host, 3) == bytes(512)


def test_an_aborted_request_ends_with_abort_and_the_others_go_on() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    first, second = host.queue(WRITE, 1), host.queue(WRITE, 2)
    host.clock.run_soon()
    host.driver.abort(first)
    host.finish(first)
    hold.release()
    host.finish(second)
    assert (first.status, second.status) == (ABORT, NORMAL)


# -- map registers


def lend_map_registers_but(host: DiskHost, left: int) -> None:
    """Take all map registers there are and give some back, one run of them."""
    pages = []
    while (mapped := host.platform.map_buffer(0, 512)) is not None:
        pages.append(mapped)
    for mapped in pages[:left]:
        host.platform.unmap_buffer(mapped, 512)


def test_requests_wait_for_map_registers_and_none_is_forgotten() -> None:
    hold = Hold()
    host = DiskHost("kda50", "VAX", [FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    lend_map_registers_but(host, 20)
    irps = [host.queue(WRITE, 8 * n, block(n) * 5) for n in range(12)]
    host.clock.run_soon()
    assert len(hold.held) == 3, "a buffer of five blocks touches six pages"
    while hold.held:
        hold.release(hold.held[0])
        host.clock.run_soon()
    assert host.log == irps, "first come, first served"
    assert {irp.status for irp in irps} == {NORMAL}


def test_map_registers_that_another_controller_gives_back_wake_a_driver_with_nothing_under_way() -> None:
    hold = Hold()
    one = DiskHost("kda50", "VAX", [FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    other = DiskHost("rqdx3", "VAX", beside=one, platform=one.attachment, letter="B").booted()
    lend_map_registers_but(one, 14)
    first = [one.queue(WRITE, 8 * n, block(n) * 6) for n in range(2)]
    second = other.queue(WRITE, 0, block(77) * 6)
    one.clock.run_soon()
    assert len(hold.held) == 2
    assert not second.answers
    hold.release()
    other.finish(second, *first)
    assert second.status == NORMAL
    assert one.clock.now_ns < SECOND_NS


def test_two_controllers_on_one_node_are_two_drivers_with_their_own_disks() -> None:
    one = DiskHost("kdm70").booted()
    other = DiskHost("hbvs-shadow", beside=one, platform=one.attachment, letter="B").booted()
    assert (one.unit().name, other.unit().name) == ("$1$DUA0:", "$1$DUB0:")
    assert one.do(WRITE, 1, block(1)) == NORMAL
    assert other.do(WRITE, 1, block(2)) == NORMAL
    one.hardware.fail(6)
    assert (content(one, 1), content(other, 1)) == (block(1), block(2))
    assert (one.port.failures, other.port.failures) == (1, 0)


def test_two_nodes_share_a_controller_and_its_disks_but_not_its_ports() -> None:
    one = DiskHost("hbvs-shadow").booted()
    other = DiskHost("hbvs-shadow", "VAX", beside=one, controller=one.controller).booted()
    assert one.do(WRITE, 4, block(4)) == NORMAL
    assert content(other, 4) == block(4)
    irps = [other.queue(WRITE, lbn, block(lbn)) for lbn in range(20)]
    one.hardware.fail(6)
    other.finish(*irps)
    assert content(one, 19) == block(19)
    assert (one.port.failures, other.port.failures) == (1, 0)


# -- units that come and go


def test_a_unit_that_is_plugged_in_later_announces_itself_and_becomes_a_disk() -> None:
    host = DiskHost(media=[]).booted()
    assert host.driver.units == {}
    host.attach(7, MemoryDevice(BLOCKS))
    host.attach(3, MemoryDevice(BLOCKS))
    host.clock.run_soon()
    assert [unit.name for unit in host.driver.units.values()] == ["$1$DUA3:", "$1$DUA7:"]
    assert host.unit(7).state is UnitState.AVAILABLE
    assert host.run(host.unit(7).online()) == NORMAL
    assert host.do(WRITE, 0, block(0), number=7) == NORMAL


def test_a_unit_plugged_in_while_the_port_is_down_is_found_by_the_walk() -> None:
    host = DiskHost().booted()
    host.hardware.fail(6)
    host.attach(5, MemoryDevice(BLOCKS))
    assert host.do(READ) == NORMAL
    host.clock.run_until(lambda: 5 in host.driver.units)
    assert host.unit(5).state is UnitState.AVAILABLE


def test_a_unit_that_drops_to_available_comes_back_and_its_requests_go_on_in_order() -> None:
    medium = Recorder(MemoryDevice(BLOCKS))
    host = DiskHost(media=[medium]).booted()
    host.controller.servers[0].online.clear()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(40)]
    host.finish(*irps)
    assert {irp.status for irp in irps} == {NORMAL}
    assert medium.lbns == list(range(40))
    assert host.unit().state is UnitState.ONLINE
    assert host.port.failures == 0


def test_a_unit_that_was_given_up_does_not_come_back_by_itself() -> None:
    host = DiskHost().booted()
    assert host.run(host.unit().available()) == NORMAL
    assert host.unit().state is UnitState.AVAILABLE
    assert host.do(READ) == MEDOFL
    host.hardware.fail(6)
    host.port.restart()
    host.clock.run_until(lambda: host.port.state is PortState.RUNNING)
    host.clock.run_for(SECOND_NS)
    assert host.unit().state is UnitState.AVAILABLE


def test_requests_behind_an_available_command_are_refused_and_not_kept_for_ever() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    before = [host.queue(WRITE, lbn) for lbn in range(30)]
    process = host.platform.process("give up", host.unit().available())
    host.clock.run_soon()
    behind = [host.queue(WRITE, lbn) for lbn in range(30)]
    hold.holding = False
    hold.release()
    host.finish(*before, *behind)
    assert process.finished.value == NORMAL
    assert {irp.status for irp in before} == {NORMAL}
    assert {irp.status for irp in behind} == {MEDOFL}


def test_giving_a_unit_up_while_the_controller_dies_gives_it_up() -> None:
    host = DiskHost().booted()
    dies_at(host, 0x08)
    assert host.run(host.unit().available()) == NORMAL
    host.clock.run_for(2 * SECOND_NS)
    assert host.unit().state is UnitState.AVAILABLE
    assert 0 not in host.controller.servers[0].online


def test_a_disk_that_is_taken_away_fails_with_medofl_and_announces_its_return() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    irps = [host.queue(WRITE, lbn) for lbn in range(30)]
    host.clock.run_soon()
    medium = host.controller.detach_unit(0)
    host.finish(*irps)
    assert {irp.status for irp in irps} == {MEDOFL}
    assert host.unit().state is UnitState.OFFLINE
    assert host.do(READ) == MEDOFL
    host.controller.load_unit(0, medium)
    host.clock.run_soon()
    assert host.unit().state is UnitState.AVAILABLE
    hold.holding = False
    assert host.run(host.unit().online()) == NORMAL
    assert host.do(READ) == NORMAL


def test_nothing_is_written_to_another_disk_that_answers_to_the_number() -> None:
    host = DiskHost().booted()
    drive = host.controller.units[0].drive
    assert drive is not None
    host.controller.detach_unit(0)
    stranger = Recorder(MemoryDevice(BLOCKS))
    host.controller.attach_unit(0, stranger, drive, serial=0x5718)
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(40)]
    host.finish(*irps)
    assert {irp.status for irp in irps} <= {MEDOFL, VOLINV}
    assert stranger.lbns == []
    host.clock.run_soon()
    assert host.unit().state is UnitState.OFFLINE
    assert 0 not in host.controller.servers[0].online, "it was let go"


def test_a_unit_without_its_medium_is_a_disk_that_is_offline() -> None:
    host = DiskHost("rqdx3", "VAX")
    host.controller.detach_unit(0)
    assert host.boot()
    assert host.unit().state is UnitState.OFFLINE
    assert host.run(host.unit().online()) == MEDOFL


# -- a controller that dies


def use_everything(host: DiskHost) -> None:
    """Two units, many requests in flight, a copy; every request must be answered once and well."""
    assert host.boot()
    for number in (0, 1):
        assert host.run(host.unit(number).online()) == NORMAL
    data = b"".join(block(n) for n in range(50, 60))
    assert host.do(WRITE, 50, data) == NORMAL
    irps = []
    for lbn in range(12):
        irps.append(host.queue(WRITE, lbn, block(lbn), number=lbn & 1))
    irps.append(host.queue_copy(50, 10, source=0, target=1))
    irps.append(host.queue(READ, 50, bytes(len(data))))
    for lbn in range(12, 20):
        irps.append(host.queue(WRITE, lbn, block(lbn), number=lbn & 1))
    host.finish(*irps)
    assert [(irp.lbn, irp.answers, irp.status) for irp in irps if irp.status != NORMAL] == []
    host.clock.run_for(3 * SECOND_NS)
    assert all(irp.answers == 1 for irp in irps)
    for number in (0, 1):
        ordered = [irp for irp in irps if irp.unit is host.unit(number) and irp.function == WRITE]
        assert [irp for irp in host.log if irp in ordered] == ordered, "in the order of asking"
        assert host.unit(number).queue_length == 0
    assert host.read_buffer(irps[13]) == data
    assert b"".join(content(host, lbn, 1) for lbn in range(50, 60)) == data
    assert all(content(host, lbn, lbn & 1) == block(lbn) for lbn in range(20))


class BrokenCycle:
    """Host memory as a controller sees it, one of whose word and packet cycles fails."""

    distant = None

    def __init__(self, memory: HostMemory, cycle: int) -> None:
        self._memory = memory
        self._left = cycle
        self.failed = False

    def _pass(self, address: int) -> None:
        self._left -= 1
        if self._left == -1:
            self.failed = True
            raise NonexistentMemory(address)

    def read_longword(self, address: int) -> int:
        self._pass(address)
        return self._memory.read_longword(address)

    def write_longword(self, address: int, value: int) -> None:
        self._pass(address)
        self._memory.write_longword(address, value)

    def write_word(self, address: int, value: int) -> None:
        self._pass(address)
        self._memory.write_word(address, value)

    def read(self, address: int, length: int) -> Bytes:
        self._pass(address)
        return self._memory.read(address, length)

    def write(self, address: int, data: Bytes) -> None:
        self._pass(address)
        self._memory.write(address, data)

    def window(self, address: int, length: int) -> "list[memoryview]":
        return list(self._memory.window(address, length))

    def announce(self, test: int, address: int) -> bool:
        self._pass(test)
        return self._memory.announce(test, address)


@pytest.mark.parametrize("kind", ["Alpha", "VAX"])
def test_a_controller_that_dies_at_any_bus_cycle_loses_no_request(kind: str) -> None:
    for cycle in count(0, 3 if kind == "Alpha" else 7):
        broken: list[BrokenCycle] = []

        def break_it(
            memory: HostMemory, cycle: int = cycle, broken: list[BrokenCycle] = broken
        ) -> HostMemory:
            broken.append(BrokenCycle(memory, cycle))
            return broken[0]

        host = DiskHost("hbvs-shadow", kind, [MemoryDevice(BLOCKS), MemoryDevice(BLOCKS)], memory=break_it)
        use_everything(host)
        if not broken[0].failed:
            break
    assert cycle > 300, "the scenario has many cycles"


@pytest.mark.parametrize("opcode", [0x04, 0x03, 0x09, 0x21, 0x22, 0x0D], ids=hex)
@pytest.mark.parametrize(("times", "after"), [(1, False), (2, False), (1, True)], ids=str)
def test_a_controller_that_dies_of_a_command_gets_it_again(opcode: int, times: int, after: bool) -> None:
    host = DiskHost(media=[MemoryDevice(BLOCKS), MemoryDevice(BLOCKS)])
    mortal = dies_at(host, opcode, times, after=after)
    use_everything(host)
    assert mortal.times == 0
    assert host.port.failures == times


@pytest.mark.parametrize("opcode", [0x04, 0x03], ids=["SCC", "unit walk"])
def test_a_controller_that_never_gets_through_its_start_is_dead(opcode: int) -> None:
    host = DiskHost()
    dies_at(host, opcode, 1_000_000)
    assert not host.boot()
    assert host.port.state is PortState.DEAD
    assert host.port.failures == 3


def test_an_online_that_always_kills_the_controller_ends() -> None:
    host = DiskHost()
    assert host.boot()
    dies_at(host, 0x09, 1_000_000)
    assert host.run(host.unit().online()) == DEVOFFLINE
    assert host.unit().state is UnitState.OFFLINE


def test_a_recovery_that_always_kills_the_controller_ends_and_fails_what_was_held() -> None:
    host = DiskHost().booted()
    dies_at(host, 0x09, 1_000_000)
    host.hardware.fail(6)
    assert host.do(WRITE) == DEVOFFLINE
    assert host.unit().state is UnitState.OFFLINE


def test_a_request_that_the_controller_never_survives_fails_alone() -> None:
    host = DiskHost().booted()
    poison = 600
    Mortal(
        host,
        lambda text: text[8] == 0x22 and text[28:30] == poison.to_bytes(2, "little"),
        1_000_000,
        after=False,
    )
    irps = [host.queue(WRITE, lbn, block(lbn % 1000)) for lbn in (1, 2, poison, 3, 4)]
    host.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL, NORMAL, CTRLERR, NORMAL, NORMAL]
    assert host.port.failures == 4


def test_what_was_outstanding_is_sent_again_in_its_order_before_what_came_later() -> None:
    hold = Hold()
    medium = Recorder(FaultyDevice(MemoryDevice(BLOCKS), [hold]))
    host = DiskHost(media=[medium]).booted()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(30)]
    host.clock.run_soon()
    first = list(medium.lbns)
    assert first == list(range(15))
    host.hardware.fail(6)
    hold.holding = False
    host.port.watch()
    irps += [host.queue(WRITE, lbn, block(lbn)) for lbn in range(30, 40)]
    host.finish(*irps)
    assert medium.lbns == first + list(range(40))
    assert host.log == irps


def test_what_was_outstanding_is_not_sent_again_when_nodes_are_lost_without_quorum_meanwhile() -> None:
    hold = Hold()
    medium = Recorder(FaultyDevice(MemoryDevice(BLOCKS), [hold]))
    host = DiskHost(media=[medium]).booted()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(30)]
    host.clock.run_soon()
    sent = list(medium.lbns)
    host.hardware.fail(6)
    host.platform.block_io(blocked=True)
    host.port.watch()
    host.platform.nodes_lost()
    host.platform.block_io(blocked=False)
    hold.holding = False
    host.finish(*irps)
    assert [irp.status for irp in irps] == [DEVOFFLINE] * 30
    assert medium.lbns == sent
    assert host.do(WRITE, 7, block(7)) == NORMAL


def test_a_copy_waits_until_its_source_is_on_line_again() -> None:
    host = DiskHost(media=[MemoryDevice(BLOCKS), MemoryDevice(BLOCKS)]).booted()
    assert host.do(WRITE, 7, block(7)) == NORMAL
    host.hardware.fail(6)
    irp = host.queue_copy(0, 100, source=0, target=1)
    host.finish(irp)
    host.controller.servers[0].online.pop(1)
    again = host.queue_copy(0, 100, source=0, target=1)
    host.finish(again)
    assert (irp.status, again.status) == (NORMAL, NORMAL)
    assert content(host, 7, 1) == block(7)


def test_a_controller_that_dies_for_good_in_the_midst_of_many_requests_fails_each_once() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    irps = [host.queue(WRITE, lbn) for lbn in range(40)]
    host.clock.run_soon()
    dies_at(host, 0x04, 1_000_000)
    host.hardware.fail(6)
    host.finish(*irps)
    assert {(irp.status, irp.answers) for irp in irps} == {(DEVOFFLINE, 1)}
    assert host.driver.ready.value is False
    assert host.unit().queue_length == 0
    host.clock.run_for(1000 * SECOND_NS)
    assert host.clock.next_deadline_ns() is None, "nobody is still trying"


def test_map_registers_of_requests_lost_with_the_controller_come_back() -> None:
    host = DiskHost("rqdx3", "VAX").booted()
    for _ in range(100):
        irps = [host.queue(WRITE, lbn, block(lbn) * 20) for lbn in range(10)]
        host.clock.step()
        host.hardware.fail(6)
        host.finish(*irps)
        for irp in irps:
            host.platform.pool.free(irp.address)
    assert {irp.status for irp in irps} == {NORMAL}


# -- the watch on progress


def test_a_command_that_makes_no_progress_has_the_controller_restarted() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(20)]
    host.clock.run_for(239 * SECOND_NS)
    assert host.port.failures == 0, "asked once, after the 120 seconds of the controller timeout"
    hold.holding = False
    host.clock.run_for(2 * SECOND_NS)
    assert host.port.failures == 1, "asked again, the answer was no smaller"
    assert {irp.status for irp in irps} == {NORMAL}


def test_a_medium_that_hangs_for_ever_fails_its_requests_in_the_end() -> None:
    hold = Hold(lambda request: request.lbn == 5)
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(10)]
    host.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL] * 5 + [CTRLERR] + [NORMAL] * 4


def test_a_long_copy_that_makes_progress_is_left_alone() -> None:
    # The controller copies 2048 blocks at a time and tells what is left: eight times 100 seconds.
    size = 8 * 2048
    host = DiskHost(media=[])
    host.attach(0, MemoryDevice(size))
    host.attach(1, SlowDevice(MemoryDevice(size), host.clock, lambda request: 100 * SECOND_NS))
    host.booted()
    irp = host.queue_copy(0, size, source=0, target=1)
    host.finish(irp)
    assert irp.status == NORMAL
    assert host.clock.now_ns > 700 * SECOND_NS
    assert host.port.failures == 0


def test_a_controller_that_answers_nothing_at_all_is_restarted() -> None:
    registers: list[Unpolled] = []

    def make(port: UqsspPort) -> Unpolled:
        registers.append(Unpolled(port))
        return registers[0]

    host = DiskHost(registers=make).booted()
    registers[0].losing = True
    irp = host.queue(WRITE)
    host.clock.run_for(300 * SECOND_NS)
    assert host.port.failures == 1
    registers[0].losing = False
    host.finish(irp)
    assert irp.status == NORMAL


def test_a_controller_that_swallows_its_first_command_is_restarted() -> None:
    host = DiskHost()
    swallowed: list[bytes] = []

    def swallow(text: bytes) -> bytes | None:
        if text[8] == 0x84 and not swallowed:
            swallowed.append(text)
            return None
        return text

    twist(host, swallow)
    assert host.boot()
    assert host.port.failures == 1


def test_a_controller_that_refuses_set_controller_characteristics_is_given_up() -> None:
    host = DiskHost()
    twist(host, lambda text: text[:8] + b"\x80\0\x01\x0c" + text[12:] if text[8] == 0x84 else text)
    assert not host.boot()
    assert host.port.state is PortState.DEAD


def test_progress_of_an_exchange_is_asked_of_its_own_unit() -> None:
    asked: list[int] = []
    host = DiskHost(media=[MemoryDevice(BLOCKS)] * 4).booted()
    swallowed: list[int] = []

    def swallow(text: bytes) -> bytes | None:
        if text[8] == 0x89 and not swallowed:
            swallowed.append(text[4])
            return None
        if text[8] == 0x82:
            asked.append(text[4])
        return text

    twist(host, swallow)
    assert host.run(host.unit(3).online()) == NORMAL
    assert asked == [3, 3]
    assert host.port.failures == 1


def test_how_much_is_left_of_a_request_can_be_asked() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    irp = host.queue(WRITE, 0, bytes(4096))
    host.clock.run_soon()
    assert host.run(host.driver.command_status(irp)) == 4096
    hold.release()
    host.finish(irp)
    assert host.run(host.driver.command_status(irp)) == 0


def test_copy_is_function_22() -> None:
    host = DiskHost(media=[MemoryDevice(BLOCKS), MemoryDevice(BLOCKS)]).booted()
    assert host.unit().copy_capable
    assert host.queue_copy(0, 1, source=0, target=1).function == COPY == 22
