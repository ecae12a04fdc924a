"""DKDRIVER: finding disks, statuses and sense, units that are lost and found, forced errors, copies by the target."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from drivers.classes.disk import UnitState
from drivers.classes.dk_unit import DkUnit
from drivers.platform.irp import Irp
from emu.core.block import BlockDevice
from emu.core.clock import SECOND_NS
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import DISK, PROFILES, Profile
from emu.hw.scsi.sense import CheckCondition, Refusal, Sense
from emu.media.faulty import BadBlocks, FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.shells.firmware_files import load_scripts
from emu.sim.storage_shelf import HSZ
from emu.sim.world import World

READ, WRITE, COMPARE, ERASE, COPY = 12, 11, 10, 21, 22
NORMAL, CTRLERR, DATACHECK, DRVERR, ILLBLKNUM, IVBUFLEN, MEDOFL, PARITY, VOLINV, WRITLCK = (
    *(1, 0x54, 0x5C, 0x8C, 0xDC, 0x34C, 0x1A4),
    *(0x1F4, 0x254, 0x25C),
)
UNSUPPORTED, TIMEOUT, ILLIOFUNC = 0xE4A, 0x22C, 0xF4
RZ = replace(PROFILES["RZ29B"], block_count=None)
BLOCKS = 2000


class Request(Irp):
    __slots__ = ("answers",)

    def __init__(self, function: int, lbn: int, byte_count: int, address: int) -> None:
        super().__init__(function, lbn, byte_count, address)
        self.answers = 0

    def complete(self) -> None:
        self.answers += 1


class Rig:
    """An Alpha with a bus; units 100, 101 ... of one target, each on line unless told otherwise."""

    def __init__(
        self, *media: BlockDevice, profile: Profile = HSZ, online: bool = True, drives: bool = False
    ) -> None:
        self.world = World()
        self.shelf = self.world.add_shelf()
        self.logical = [
            self.shelf.add_disk(1 + n, m, profile) if drives else self.shelf.add_disk(1, m, profile, lun=n)
            for n, m in enumerate(media or (MemoryDevice(BLOCKS),))
        ]
        self.node = self.world.add_alpha("ALPHA1", shelves=[self.shelf], program=load_scripts("pke"))
        self.world.boot()
        self.driver = self.node.adapters[0]
        self.opcodes: list[int] = []
        for target in self.shelf.targets.values():
            self._listen(target)
        self.units = list(self.driver.units.values())
        if online:
            for unit in self.units:
                assert self.world.run(self.node, unit.online()) == NORMAL
        self.opcodes.clear()

    def _listen(self, target: object) -> None:
        submit = target.submit  # type: ignore[attr-defined]

        def listening(task: object) -> None:
            self.opcodes.append(task.cdb[0])  # type: ignore[attr-defined]
            submit(task)

        target.submit = listening  # type: ignore[attr-defined]

    @property
    def unit(self) -> DkUnit:
        return self.units[0]

    def queue(
        self, function: int, lbn: int = 0, data: bytes = b"", length: int = 0, unit: DkUnit | None = None
    ) -> Request:
        platform = self.node.platform
        length = length or len(data)
        address = platform.pool.allocate(length) if length and function != ERASE else 0
        if data:
            platform.window(address, length)[:] = data
        irp = Request(function, lbn, length, address)
        (unit or self.unit).queue_io(irp)
        assert not irp.answers, "a request completes later"
        return irp

    def finish(self, *irps: Request) -> None:
        clock = self.world.clock
        assert clock.run_until(lambda: all(irp.answers for irp in irps), clock.now_ns + 100 * SECOND_NS)
        assert [irp.answers for irp in irps] == [1] * len(irps)

    def do(self, function: int, lbn: int = 0, data: bytes = b"", length: int = 0) -> int:
        irp = self.queue(function, lbn, data, length)
        self.finish(irp)
        return irp.status

    def content(self, lbn: int, length: int = 512, unit: DkUnit | None = None) -> bytes:
        irp = self.queue(READ, lbn, length=length, unit=unit)
        self.finish(irp)
        assert irp.status == NORMAL
        return bytes(self.node.platform.window(irp.address, length))

    def copy(self, lbn: int, blocks: int, source: int = 1) -> Request:
        irp = Request(COPY, lbn, 512 * blocks, 0)
        irp.source, irp.source_lbn = self.units[source], lbn
        self.unit.queue_io(irp)
        return irp

    def answers(self, opcode: int, refusal: Callable[[], Refusal | None], unit: int = 0) -> None:
        """Make a logical unit refuse commands of this opcode as long as there is a refusal."""
        logical = self.logical[unit]
        execute = logical.execute

        def refusing(task):  # type: ignore[no-untyped-def]
            found = refusal() if task.cdb[0] == opcode else None
            if found is not None:
                raise found
            return execute(task)

        logical.execute = refusing  # type: ignore[method-assign]


def sense(key: int, asc: int, **options: int) -> CheckCondition:
    return CheckCondition(Sense(key, asc, **options))


def times(count: int, refusal: Refusal) -> Callable[[], Refusal | None]:
    left = count

    def next_one() -> Refusal | None:
        nonlocal left
        left -= 1
        return refusal if left >= 0 else None

    return next_one


# -- units


def test_disks_are_named_by_target_and_logical_unit() -> None:
    world = World()
    shelf = world.add_shelf()
    for target, lun in ((0, 0), (3, 0), (3, 1), (3, 7)):
        shelf.add_disk(target, MemoryDevice(BLOCKS), HSZ, lun=lun)
    shelf.add_disk(5, MemoryDevice(BLOCKS), PROFILES["RRD45"])
    node = world.add_alpha("ALPHA1", shelves=[shelf, world.add_shelf()], program=load_scripts("pke"))
    world.boot()
    assert [unit.name for unit in node.disks] == ["$1$DKA0:", "$1$DKA300:", "$1$DKA301:", "$1$DKA307:"]
    assert [driver.port.name for driver in node.adapters] == ["PKA0", "PKB0"]
    assert node.disk("dka301").name == "$1$DKA301:"


def test_a_disk_is_known_by_its_designator_or_by_its_number() -> None:
    one, two = Rig(), Rig(profile=RZ)
    assert one.unit.identifier >> 60 == 3  # NAA, locally assigned
    assert two.unit.identifier == 1 << 32 | 100
    assert (one.unit.media, two.unit.media) == ("DK HSZ70", "DK RZ29B")


def test_a_disk_tells_its_size_and_abilities_when_it_comes_on_line() -> None:
    rig = Rig(online=False)
    assert (rig.unit.state, rig.unit.block_count) == (UnitState.AVAILABLE, 0)
    assert rig.do(READ, length=512) == MEDOFL
    assert rig.world.run(rig.node, rig.unit.online()) == NORMAL
    unit = rig.unit
    assert (unit.state, unit.block_count, unit.tag, unit.depth) == (UnitState.ONLINE, BLOCKS, 0x20, 32)
    assert (unit.no_forced_error, unit.check_bytes, unit.segments, unit.segment_blocks) == (
        False,
        2,
        16,
        0xFFFF,
    )


def test_error_recovery_is_set_as_vms_requires_it_and_the_write_cache_put_off() -> None:
    rig = Rig(profile=replace(DISK, thin=False))
    assert rig.logical[0].mode.current[1, 0][2] == 0xE6
    assert not rig.logical[0].mode.write_cache
    assert not rig.unit.write_cache


def test_a_disk_that_would_abort_all_for_the_error_of_one_gets_one_command_at_a_time() -> None:
    rig = Rig(online=False)
    pages = rig.logical[0].mode.current
    pages[0x0A, 0] = pages[0x0A, 0][:3] + b"\x02" + pages[0x0A, 0][4:]  # QERR
    assert rig.world.run(rig.node, rig.unit.online()) == NORMAL
    assert (rig.unit.tag, rig.unit.depth) == (0, 1)
    irps = [rig.queue(WRITE, n, bytes((n,)) * 512) for n in range(10)]
    rig.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL] * 10


def test_a_write_protected_disk_says_so() -> None:
    rig = Rig(MemoryDevice(BLOCKS, write_protected=True))
    assert rig.unit.write_protected
    assert rig.do(WRITE, 0, bytes(512)) == WRITLCK


def test_a_disk_that_has_to_be_started_is_started() -> None:
    rig = Rig(online=False)
    rig.answers(0x00, lambda: None if 0x1B in rig.opcodes else sense(2, 0x0402))
    assert rig.world.run(rig.node, rig.unit.online()) == NORMAL
    assert rig.opcodes.count(0x1B) == 2  # the first one met a unit attention


def test_a_drive_without_medium_is_off_line() -> None:
    rig = Rig(online=False)
    rig.answers(0x00, lambda: sense(2, 0x3A00))
    assert rig.world.run(rig.node, rig.unit.online()) == MEDOFL
    assert rig.unit.state is UnitState.OFFLINE


@pytest.mark.parametrize("opcode", [0x12, 0x1A, 0x25, 0x3E, 0x84])
def test_a_disk_that_is_too_busy_to_tell_what_it_is_can_be_brought_on_line_later(opcode: int) -> None:
    rig = Rig(online=False)
    is_busy = True
    rig.answers(opcode, lambda: Refusal(0x08) if is_busy else None)
    assert rig.world.run(rig.node, rig.unit.online()) == MEDOFL
    is_busy = False
    assert rig.world.run(rig.node, rig.unit.online()) == NORMAL
    assert (rig.unit.no_forced_error, rig.unit.write_cache, rig.unit.segments) == (False, False, 16)
    assert rig.unit.identifier >> 60 == 3


def test_a_disk_that_is_silent_when_it_is_first_looked_at_has_forced_errors_after_all() -> None:
    hold = Hold()
    rig = Rig(FaultyDevice(MemoryDevice(BLOCKS), [hold]), online=False)
    assert rig.world.run(rig.node, rig.unit.online()) == MEDOFL
    hold.holding = False
    assert rig.world.run(rig.node, rig.unit.online()) == NORMAL
    assert not rig.unit.no_forced_error


def test_a_disk_that_is_given_up_takes_no_requests() -> None:
    rig = Rig()
    assert rig.world.run(rig.node, rig.unit.available()) == NORMAL
    assert rig.unit.state is UnitState.AVAILABLE
    assert rig.do(READ, length=512) == MEDOFL


# -- requests


@pytest.mark.parametrize("profile", [HSZ, RZ], ids=["HSZ", "RZ"])
def test_every_function_of_a_disk(profile: Profile) -> None:
    rig = Rig(profile=profile)
    data = bytes(n * 11 % 256 for n in range(200 * 512))
    assert rig.do(WRITE, 30, data) == NORMAL
    assert rig.content(30, len(data)) == data
    assert rig.do(COMPARE, 30, data) == NORMAL
    assert rig.do(COMPARE, 31, data) == DATACHECK
    assert not rig.unit.errors
    assert rig.do(ERASE, 40, length=150 * 512) == NORMAL
    assert (
        rig.content(39, 152 * 512)
        == data[9 * 512 : 10 * 512] + bytes(150 * 512) + data[160 * 512 : 161 * 512]
    )
    assert rig.do(READ, BLOCKS, length=512) == ILLBLKNUM
    assert rig.do(READ, 0) == NORMAL
    assert rig.unit.queue_length == 0


def test_a_write_that_ends_inside_a_block_fills_it_with_zeros() -> None:
    rig = Rig()
    assert rig.do(WRITE, 5, b"\xff" * 1024) == NORMAL
    assert rig.do(WRITE, 5, b"\x11" * 600) == NORMAL
    assert rig.content(5, 1024) == b"\x11" * 600 + bytes(424)
    assert rig.content(5, 100) == b"\x11" * 100


def test_a_request_that_is_too_long_is_refused() -> None:
    rig = Rig(MemoryDevice(20_000))
    assert rig.do(READ, 0, length=(8 << 20) + 512) == IVBUFLEN
    assert rig.do(READ, 0, length=8 << 20) == NORMAL


def test_more_requests_than_the_disk_takes_wait_their_turn() -> None:
    clockless = MemoryDevice(BLOCKS)
    rig = Rig(clockless)
    rig.logical[0].medium = SlowDevice(clockless, rig.world.clock, lambda request: 1_000_000, parallel=True)
    irps = [rig.queue(WRITE, n, bytes((n,)) * 512) for n in range(100)]
    assert rig.unit.queue_length == 100
    rig.finish(*irps)
    assert rig.unit.operations == 100
    assert all(rig.content(n) == bytes((n,)) * 512 for n in range(0, 100, 9))


def test_a_disk_that_does_not_compare_is_read_and_compared() -> None:
    rig = Rig()
    rig.answers(0x2F, lambda: sense(5, 0x2000))
    data = bytes(range(256)) * 4
    rig.do(WRITE, 3, data)
    assert rig.do(COMPARE, 3, data) == NORMAL
    assert rig.do(COMPARE, 4, data) == DATACHECK
    assert rig.opcodes.count(0x2F) == 1


# -- statuses and sense


@pytest.mark.parametrize(
    ("key", "asc", "status"),
    [
        (0x1, 0x1800, NORMAL),
        (0x3, 0x1100, PARITY),
        (0x4, 0x4400, DRVERR),
        (0x5, 0x2100, ILLBLKNUM),
        (0x5, 0x2400, ILLIOFUNC),
        (0x5, 0x2500, MEDOFL),
        (0x7, 0x2701, WRITLCK),
        (0x8, 0x0000, DRVERR),
        (0xB, 0x4700, DRVERR),
        (0xE, 0x1D00, DATACHECK),
    ],
)
def test_every_sense_key_is_a_status_of_the_system(key: int, asc: int, status: int) -> None:
    rig = Rig()
    rig.answers(0x2A, lambda: sense(key, asc))
    assert rig.do(WRITE, 0, bytes(512)) == (status if key != 1 else DRVERR)  # nothing was moved
    assert bool(rig.unit.errors) == (status != DATACHECK)


@pytest.mark.parametrize("key", [0x0, 0x4, 0xB])  # 0: the sense has got lost, and with it what was not done
def test_drive_errors_are_tried_twice_more_and_no_oftener(key: int) -> None:
    rig = Rig()
    rig.answers(0x2A, times(2, sense(key, 0x4400)))
    assert rig.do(WRITE, 0, bytes(512)) == NORMAL
    assert rig.opcodes.count(0x2A) == 3
    rig.answers(0x2A, times(9, sense(key, 0x4400)))
    assert rig.do(WRITE, 0, bytes(512)) == DRVERR
    assert rig.opcodes.count(0x2A) == 6


def test_a_bad_block_is_a_parity_error_and_what_came_before_it_is_told() -> None:
    rig = Rig(FaultyDevice(MemoryDevice(BLOCKS), [BadBlocks([13])]))
    irp = rig.queue(READ, 10, length=8 * 512)
    rig.finish(irp)
    assert (irp.status, irp.transferred) == (PARITY, 3 * 512)


def test_requests_that_fail_at_one_instant_get_the_sense_of_their_own() -> None:
    hold = Hold()
    hold.holding = False
    rig = Rig(FaultyDevice(MemoryDevice(BLOCKS), [hold, BadBlocks([13, 105])]))
    hold.holding = True
    reads = [rig.queue(READ, lbn, length=8 * 512) for lbn in (10, 100, 300)]
    assert rig.world.settle(lambda: len(hold.held) == 3)
    hold.holding = False
    hold.release()
    rig.finish(*reads)
    assert [(irp.status, irp.transferred) for irp in reads] == [
        (PARITY, 3 * 512),
        (PARITY, 5 * 512),
        (NORMAL, 8 * 512),
    ]
    assert rig.opcodes.count(0x28) == 3  # none was sent again for want of sense


def test_blocks_behind_a_recovered_error_are_erased_too() -> None:
    rig = Rig(MemoryDevice(200_000))
    assert rig.do(WRITE, 150_000, b"x" * 512) == NORMAL
    rig.answers(0x41, times(1, sense(0x1, 0x1800)))
    irp = Request(ERASE, 0, 0, 0)
    irp.byte_count = 200_000 * 512
    rig.unit.queue_io(irp)
    rig.finish(irp)
    assert irp.status == NORMAL
    assert rig.content(150_000) == bytes(512)


def test_a_unit_attention_makes_the_unit_be_looked_at_and_the_request_be_sent_again() -> None:
    rig = Rig()
    rig.logical[0].establish_unit_attention(0x2900)
    assert rig.do(WRITE, 0, bytes(512)) == NORMAL
    assert rig.opcodes.index(0x00) > rig.opcodes.index(0x2A)
    assert rig.opcodes.count(0x2A) == 2
    assert rig.unit.state is UnitState.ONLINE


def test_another_disk_under_the_same_number_gets_no_write() -> None:
    rig = Rig()
    other = MemoryDevice(BLOCKS + 1)
    rig.logical[0].insert(other)
    assert rig.do(WRITE, 7, b"\xff" * 512) == VOLINV
    assert rig.unit.state is UnitState.OFFLINE
    assert not any(bytes(other.content))


@pytest.mark.parametrize("status", [0x08, 0x28])
def test_a_busy_unit_is_asked_again(status: int) -> None:
    rig = Rig()
    rig.answers(0x2A, times(5, Refusal(status)))
    irps = [rig.queue(WRITE, n, bytes((n,)) * 512) for n in range(40)]
    rig.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL] * 40
    assert rig.unit.depth < 32
    assert rig.unit.errors == 0


def test_a_disk_another_host_has_reserved_is_off_line_until_that_ends() -> None:
    rig = Rig()
    rig.logical[0].reserved_by = "6,t,1"
    assert rig.do(WRITE, 0, bytes(512)) == MEDOFL
    rig.logical[0].reserved_by = None
    assert rig.do(WRITE, 0, bytes(512)) == NORMAL


# -- the bus and the unit come and go


def test_a_bus_reset_sends_everything_again() -> None:
    hold = Hold(lambda request: request.lbn < 20)
    rig = Rig(FaultyDevice(MemoryDevice(BLOCKS), [hold]), online=False)
    hold.holding = False
    rig.world.run(rig.node, rig.unit.online())
    hold.holding = True
    irps = [rig.queue(WRITE, n, bytes((n,)) * 512) for n in range(20)]
    rig.world.clock.run_for(5_000_000)
    assert hold.held
    rig.driver.port.reset_bus("the test wants it")
    hold.holding = False
    rig.world.clock.run_for(1_000_000)
    assert rig.unit.state is UnitState.RECOVERING
    hold.release()
    rig.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL] * 20
    assert all(rig.content(n) == bytes((n,)) * 512 for n in range(20))


def test_a_unit_that_is_gone_for_a_while_is_waited_for() -> None:
    rig = Rig()
    port = rig.shelf.ports[1]
    port.scsi_id = 4
    irp = rig.queue(WRITE, 3, b"\x77" * 512)
    rig.world.clock.run_for(1_500_000_000)
    assert rig.unit.state is UnitState.RECOVERING
    port.scsi_id = 1
    rig.finish(irp)
    assert (irp.status, rig.unit.state) == (NORMAL, UnitState.ONLINE)


def test_a_unit_that_stays_away_is_off_line_and_can_be_brought_back() -> None:
    rig = Rig()
    rig.shelf.ports[1].scsi_id = 4
    irps = [rig.queue(WRITE, 3, bytes(512)) for _ in range(3)]
    rig.finish(*irps)
    assert [irp.status for irp in irps] == [MEDOFL] * 3
    assert rig.unit.state is UnitState.OFFLINE
    rig.shelf.ports[1].scsi_id = 1
    assert rig.world.run(rig.node, rig.unit.online()) == NORMAL
    assert rig.do(WRITE, 3, bytes(512)) == NORMAL


def test_a_request_the_disk_never_ends_times_out_and_the_others_do_not() -> None:
    hold = Hold(lambda request: request.lbn == 6)
    rig = Rig(FaultyDevice(MemoryDevice(BLOCKS), [hold]))
    stuck, other = rig.queue(READ, 6, length=512), rig.queue(READ, 7, length=512)
    clock = rig.world.clock
    clock.run_until(lambda: bool(stuck.answers), clock.now_ns + 1000 * SECOND_NS)
    assert (stuck.status, other.status) == (TIMEOUT, NORMAL)
    assert rig.world.settle(lambda: rig.unit.state is UnitState.ONLINE)


def test_a_dead_adapter_fails_what_is_asked_of_its_disks() -> None:
    rig = Rig()
    windows = rig.driver.port.adapter.slot.registers.processor._dma._memory  # type: ignore[attr-defined]
    windows.write_register(0x400, 0, 4)
    irp = rig.queue(READ, 0, length=512)
    rig.finish(irp)
    assert irp.status in (MEDOFL, 0x84)
    assert rig.do(READ, 0, length=512) == MEDOFL
    assert rig.world.run(rig.node, rig.unit.online()) == 0x84


# -- forced error


@pytest.mark.parametrize("profile", [HSZ, RZ, replace(RZ, check_bytes=50)], ids=["HSZ", "RZ", "50 bytes"])
def test_a_forced_error_is_there_until_the_block_is_written(profile: Profile) -> None:
    rig = Rig(profile=profile)
    assert rig.unit.check_bytes == profile.check_bytes
    rig.do(WRITE, 9, b"\x33" * 1024)
    assert rig.world.run(rig.node, rig.unit.force_error(9)) == NORMAL
    assert rig.do(READ, 9, length=512) == PARITY
    assert rig.content(10) == b"\x33" * 512
    assert rig.do(WRITE, 9, b"\x44" * 512) == NORMAL
    assert rig.content(9) == b"\x44" * 512


def test_a_disk_without_read_long_has_no_forced_error() -> None:
    rig = Rig(online=False)
    rig.answers(0x3E, lambda: sense(5, 0x2000))
    rig.world.run(rig.node, rig.unit.online())
    assert rig.unit.no_forced_error
    assert rig.world.run(rig.node, rig.unit.force_error(9)) == UNSUPPORTED


def test_a_disk_that_refuses_write_long_has_no_forced_error_from_then_on() -> None:
    rig = Rig()
    assert not rig.unit.no_forced_error
    rig.answers(0x3F, lambda: sense(5, 0x2000))
    assert rig.world.run(rig.node, rig.unit.force_error(9)) == UNSUPPORTED
    assert rig.unit.no_forced_error


# -- copies


def two_units(**options: object) -> Rig:
    rig = Rig(MemoryDevice(BLOCKS), MemoryDevice(BLOCKS), **options)  # type: ignore[arg-type]
    irp = rig.queue(WRITE, 0, bytes(n * 13 % 251 for n in range(BLOCKS * 512)), unit=rig.units[1])
    rig.finish(irp)
    rig.opcodes.clear()
    return rig


def test_a_unit_copies_from_another_of_its_target_and_from_no_other() -> None:
    rig = two_units()
    assert rig.unit.copies_at_a_time(rig.units[1]) == 32
    apart = Rig(MemoryDevice(BLOCKS), MemoryDevice(BLOCKS), drives=True)
    assert apart.unit.copies_at_a_time(apart.units[1]) == 0
    assert rig.unit.copies_at_a_time(apart.unit) == 0
    old = Rig(MemoryDevice(BLOCKS), MemoryDevice(BLOCKS), profile=RZ)
    assert old.unit.copies_at_a_time(old.units[1]) == 0


def test_ranges_asked_for_together_are_the_segments_of_one_command() -> None:
    rig = two_units()
    irps = [rig.copy(50 * n, 20) for n in range(20)]
    rig.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL] * 20
    assert [opcode for opcode in rig.opcodes if opcode in (0x83, 0x84)] == [0x83, 0x84] * 2  # 16, and 4
    assert rig.content(0, 20 * 512) == rig.content(0, 20 * 512, rig.units[1])
    assert rig.content(20) == bytes(512)
    assert rig.content(969) == rig.content(969, unit=rig.units[1])


def test_a_range_longer_than_a_segment_is_several() -> None:
    rig = two_units()
    rig.unit.segment_blocks = 100
    irp = rig.copy(3, 950)
    rig.finish(irp)
    assert (irp.status, irp.transferred) == (NORMAL, 950 * 512)
    assert rig.content(3, 950 * 512) == rig.content(3, 950 * 512, rig.units[1])
    assert rig.opcodes.count(0x83) == 1


def test_a_range_that_does_not_fit_one_command_is_not_supported() -> None:
    rig = two_units()
    rig.unit.segment_blocks = 10
    irp = rig.copy(0, 950)
    rig.finish(irp)
    assert irp.status == UNSUPPORTED


def test_a_range_that_fails_fails_alone() -> None:
    rig = Rig(MemoryDevice(BLOCKS), FaultyDevice(MemoryDevice(BLOCKS), [BadBlocks([105])]))
    irps = [rig.copy(50 * n, 20) for n in range(6)]
    rig.finish(*irps)
    assert [irp.status for irp in irps] == [NORMAL, NORMAL, CTRLERR, NORMAL, NORMAL, NORMAL]
    assert rig.opcodes.count(0x83) == 2  # the ranges behind it went once more


def test_copies_survive_a_unit_attention_and_a_bus_reset() -> None:
    rig = two_units()
    rig.logical[0].establish_unit_attention(0x2A01)
    irps = [rig.copy(50 * n, 20) for n in range(6)]
    rig.finish(*irps)
    later = [rig.copy(50 * n + 20, 20) for n in range(6)]
    rig.driver.port.reset_bus("the test wants it")
    rig.finish(*later)
    assert [irp.status for irp in (*irps, *later)] == [NORMAL] * 12
    assert rig.content(0, 40 * 512) == rig.content(0, 40 * 512, rig.units[1])


def test_a_unit_that_has_forgotten_its_list_is_believed_when_it_says_that_all_is_well() -> None:
    rig = two_units()
    rig.answers(0x84, lambda: sense(5, 0x2400))
    irp = rig.copy(0, 10)
    rig.finish(irp)
    assert irp.status == NORMAL


def test_a_logical_unit_is_not_shared_between_rigs() -> None:
    one, two = Rig(), Rig()
    one.do(WRITE, 0, b"\x01" * 512)
    assert two.content(0) == bytes(512)
    assert isinstance(one.logical[0], LogicalUnit)
