"""The port driver's SCRIPTS, run end to end: a dumb host on one side, a disk behind a target port on the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import PROFILES
from emu.hw.scsi.target import Target
from emu.hw.scsi.task import Nexus, Task
from emu.hw.scsibus.bus import ParallelBus
from emu.hw.scsibus.target_port import TargetPort
from emu.media.memory import MemoryDevice
from emu.wire.scripts_image import parse_image
from tests.scsi_host import MAILBOX, PROGRAM, Board

IMAGE = Path(__file__).parents[2] / "firmware_images" / "scripts" / "pke.bin"
DATA = 0x8000
MILLISECOND_NS = 1_000_000


class Disk:
    """Blocks behind tasks: TEST UNIT READY, INQUIRY, READ(10), WRITE(10); `delay_ns` is the medium's."""

    def __init__(self, clock: Scheduler, delay_ns: int | None = None) -> None:
        self.clock = clock
        self.delay_ns = delay_ns
        self.blocks = bytearray(64 * 512)
        self.managed: list[tuple[int, int, int]] = []
        self.resets: list[int] = []
        self.attributes: list[tuple[int, int]] = []
        self.tasks: list[Task] = []

    def submit(self, task: Task) -> None:
        self.tasks.append(task)
        self.attributes.append((task.attribute, task.tag))
        if self.delay_ns is None:
            self.execute(task)
        else:
            self.clock.call_after(self.delay_ns, lambda: self.execute(task))

    def execute(self, task: Task) -> None:
        if task not in self.tasks:
            return
        start, length = task.cdb[5] * 512, task.cdb[-2] * 512
        match task.cdb[0]:
            case 0x00:
                self.end(task, 0)
            case 0x12:
                self.reply(
                    task, b"\x00\x00\x02\x02\x1f\x00\x00\x02DEC     RZ26L    (C) DEC 440C"[: task.cdb[4]]
                )
            case 0x28:
                self.reply(task, bytes(self.blocks[start : start + length]))
            case 0x2A:
                task.fetch(length, lambda views: self.write(task, start, views))
            case _:
                self.end(task, 2)

    def reply(self, task: Task, data: bytes) -> None:
        views = task.room(len(data))
        views[0][:] = data
        task.send(len(data))
        self.end(task, 0)

    def write(self, task: Task, start: int, views: Sequence[memoryview]) -> None:
        data = b"".join(views)
        self.blocks[start : start + len(data)] = data
        self.end(task, 0)

    def end(self, task: Task, status: int) -> None:
        self.tasks.remove(task)
        task.complete(status, b"")

    def manage(self, function: int, nexus: Nexus, lun: int, tag: int = 0) -> None:
        self.managed.append((function, lun, tag))
        for task in list(self.tasks):
            if function != 1 or task.tag == tag:
                self.tasks.remove(task)
                task.aborted()

    def reset(self, attention: int) -> None:
        self.resets.append(attention)
        self.manage(7, Nexus(""), 0)


@dataclass
class Command:
    """One command of the dumb host: its block, and what came of it."""

    base: int
    target: int
    tag: int | None
    address: int
    length: int
    saved: tuple[int, int] = (0, 0)
    moved: bool = False
    status: int | None = None
    residual: int | None = None
    failed: str = ""
    messages: list[bytes] = field(default_factory=list)


class Host(Board):
    """Issues commands and answers interrupts as the listing's table of host actions has it."""

    def __init__(
        self, bus: ParallelBus | None = None, clock: Scheduler | None = None, own_id: int = 7
    ) -> None:
        super().__init__(bus, clock, own_id=own_id)
        self.initialise()
        image = parse_image(IMAGE.read_bytes())
        self.memory.write(PROGRAM, image.loaded(PROGRAM, {"mailbox": MAILBOX}))
        self.entries = {name: PROGRAM + offset for name, offset in image.entries.items()}
        self.waiting: list[Command] = []
        self.offered: Command | None = None  # in the slot
        self.active: Command | None = None
        self.disconnected: list[Command] = []
        self.vectors: list[int] = []
        self.commands = 0
        self.sxfer = 0
        self.go("IDLE")
        self.clock.run_soon()

    def go(self, label: str) -> None:
        self.start(self.entries[label])

    def longword(self, address: int) -> int:
        return self.memory.read_longword(address)

    def issue(
        self,
        target: int,
        cdb: bytes,
        length: int = 0,
        address: int = DATA,
        tag: int | None = None,
        identify: int = 0xC0,
        extra: bytes = b"",
    ) -> Command:
        base = 0x2000 + 0x100 * self.commands
        self.commands += 1
        messages = bytes((identify,)) + (bytes((0x20, tag)) if tag is not None else b"") + extra
        strings = 0xA0
        self.memory.write_longword(base, 0x0300_0000 | target << 16)
        for offset, count, contents in (
            (0x08, len(messages), messages),
            (0x10, len(cdb), cdb),
            (0x18, 1, b"\xff"),
            (0x20, 1, b""),
            (0x28, 1, b""),
            (0x30, 3, b""),
            (0x40, 2, b""),
        ):
            self.memory.write(base + strings, contents)
            self.load((count, base + strings), base + offset)
            strings += 12
        self.load((length, address), base + 0x38)
        head = base + 0x60
        words: list[int] = []
        for index in range(4):
            words += [0x7810_0000 | index << 16 | (base >> 8 * index & 0xFF) << 8, 0]
        self.load((*words, 0x8008_0000, self.entries["SELECT_"]), head)
        command = Command(base, target, tag, address, length, (length, address))
        self.waiting.append(command)
        self.feed()
        return command

    def feed(self) -> None:
        """Put the next command into the slot if that is empty."""
        if self.waiting and self.offered is None:
            self.offered = self.waiting.pop(0)
            self.memory.write_longword(PROGRAM + 4, self.offered.base + 0x60)
            self.write(0x14, 0x20)

    def serve(self) -> None:
        """Answer what is pending, in the order of the data manual."""
        if self.offered is not None and self.longword(PROGRAM + 4) == PROGRAM + 8:
            self.active, self.offered = self.offered, None
        istat = self.read(0x14)
        if istat & 0x02:
            self.scsi(self.read(0x42, 2))
        elif istat & 0x01:
            dstat = self.read(0x0C)
            assert dstat == 0x84, f"DSTAT {dstat:02x}"
            self.vector(self.read(0x30, 4))

    def scsi(self, sist: int) -> None:
        command = self.active
        assert command is not None
        if sist & 0x0080:
            self.mismatch(command)
        elif sist & 0x0400:
            command.failed = "selection time-out"
            self.finish()
        elif sist & 0x0004:
            command.failed = "unexpected disconnect"
            self.finish()
        elif sist & 0x0001:
            assert self.bus.attention
            self.load((1, command.base + 0xF0), command.base + 0x08)
            self.memory.write(command.base + 0xF0, b"\x05")  # INITIATOR DETECTED ERROR
            self.go("DISP")
        else:
            raise AssertionError(f"SIST {sist:04x}")

    def mismatch(self, command: Command) -> None:
        phase = self.read(0x27) & 7
        assert self.read(0x0C) == 0x80
        if phase in (0, 1):
            left = self.read(0x24, 3)
            count, address = self.longword(command.base + 0x38), self.longword(command.base + 0x3C)
            self.load((left, address + count - left), command.base + 0x38)
        self.write(0x1B, 0x04)
        self.write(0x4F, 0x82)
        self.go("DISP")

    def vector(self, vector: int) -> None:
        self.vectors.append(vector)
        command = self.active
        base = command.base if command else 0
        match vector:
            case 0xA000:
                assert command is not None
                command.status = self.memory.read(self.longword(base + 0x1C), 1)[0]
                command.residual = 0 if self.read(0x34) else self.longword(base + 0x38)
                self.finish()
            case 0xA004:
                assert command is not None
                command.moved = bool(self.read(0x34))
                if self.read(0x35):
                    command.saved = self.longword(base + 0x38), self.longword(base + 0x3C)
                self.disconnected.append(command)
                self.finish()
            case 0xA003:
                assert command is not None
                self.load(command.saved, base + 0x38)
                self.write(0x34, 0)
                self.go("ACKGO")
            case 0xA013:
                assert command is not None
                command.messages.append(bytes(self.memory.read(self.longword(base + 0x34), 3)))
                self.go("ACKGO")
            case 0xA012:
                assert command is not None
                command.messages.append(bytes(self.memory.read(self.longword(base + 0x44), 2)))
                self.go("ACKGO")
            case 0xA007:
                assert command is not None
                command.messages.append(b"reject")
                self.go("ACKGO")
            case 0xA020 | 0xA021:
                self.reselected(vector)
            case _:
                raise AssertionError(f"vector {vector:x}")

    def reselected(self, vector: int) -> None:
        target = self.read(0x0A) & 7
        tag = self.memory.read(MAILBOX + 2, 1)[0] if vector == 0xA021 else None
        assert self.memory.read(MAILBOX, 1)[0] == 0x80
        (command,) = [each for each in self.disconnected if (each.target, each.tag) == (target, tag)]
        self.disconnected.remove(command)
        self.active = command
        self.load(command.saved, command.base + 0x38)
        self.write(0x10, command.base, 4)
        self.write(0x34, int(command.moved))
        self.write(0x35, 0)
        self.go("ACKGO")

    def finish(self) -> None:
        self.active = None
        self.go("IDLE")  # a command that lost to a reselection still waits in the slot
        self.feed()

    def pump(self, until: Callable[[], bool]) -> None:
        """Let time pass and answer interrupts until something is so."""
        for _ in range(20_000):
            if self.line.asserted:
                self.serve()
            elif until():
                return
            elif not self.clock.step():
                raise AssertionError("nothing goes on")
        raise AssertionError("too long")

    def do(self, *arguments: object, **keywords: object) -> Command:
        command = self.issue(*arguments, **keywords)  # type: ignore[arg-type]
        self.pump(lambda: command.status is not None or bool(command.failed))
        return command


def stage(delay_ns: int | None = None, **options: object) -> tuple[Host, Disk, TargetPort]:
    host = Host()
    disk = Disk(host.clock, delay_ns)
    port = TargetPort(host.clock, host.bus, 1, disk, **options)  # type: ignore[arg-type]
    return host, disk, port


def read10(lbn: int, count: int) -> bytes:
    return bytes((0x28, 0, 0, 0, 0, lbn, 0, 0, count, 0))


def write10(lbn: int, count: int) -> bytes:
    return bytes((0x2A, 0, 0, 0, 0, lbn, 0, 0, count, 0))


def test_a_command_without_data_completes_with_one_interrupt() -> None:
    host, _, _ = stage()
    command = host.do(1, bytes(6))
    assert command.status == 0
    assert host.vectors == [0xA000]
    assert host.line.count == 1
    assert host.bus.free


def test_an_inquiry_into_a_buffer_of_its_size() -> None:
    host, _, _ = stage()
    command = host.do(1, bytes((0x12, 0, 0, 0, 36, 0)), 36)
    assert (command.status, command.residual) == (0, 0)
    assert bytes(host.memory.read(DATA + 8, 16)) == b"DEC     RZ26L   "


def test_a_short_inquiry_leaves_a_residual_by_phase_mismatch() -> None:
    host, _, _ = stage()
    command = host.do(1, bytes((0x12, 0, 0, 0, 36, 0)), 64)
    assert (command.status, command.residual) == (0, 28)


@pytest.mark.parametrize("tag", [None, 5])
@pytest.mark.parametrize("delay_ns", [None, 3 * MILLISECOND_NS])
@pytest.mark.parametrize("options", [{}, {"eager": True}, {"burst_bytes": 1000}, {"patient": True}])
def test_eight_kilobytes_go_out_and_come_back(
    tag: int | None, delay_ns: int | None, options: dict[str, object]
) -> None:
    host, disk, _ = stage(delay_ns, **options)
    data = bytes(range(256)) * 32
    host.memory.write(DATA, data)
    assert host.do(1, write10(8, 16), 8192, tag=tag).status == 0
    assert bytes(disk.blocks[8 * 512 : 24 * 512]) == data
    command = host.do(1, read10(8, 16), 8192, 0x1_0000, tag=tag)
    assert (command.status, command.residual) == (0, 0)
    assert bytes(host.memory.read(0x1_0000, 8192)) == data
    disconnects = host.vectors.count(0xA004)
    assert disconnects == host.vectors.count(0xA020) + host.vectors.count(0xA021)
    assert bool(disconnects) == ("patient" not in options and (delay_ns is not None or bool(options)))
    assert disk.attributes[0] == ((1, 5) if tag else (0, -1))


def test_without_permission_to_disconnect_the_target_stays() -> None:
    host, _, _ = stage(5 * MILLISECOND_NS)
    assert host.do(1, read10(0, 2), 1024, identify=0x80).status == 0
    assert host.vectors == [0xA000]


def test_check_condition_is_a_status() -> None:
    host, _, _ = stage()
    assert host.do(1, bytes((0xEE,)) + bytes(5)).status == 2


def test_nobody_at_the_identifier_is_a_selection_timeout() -> None:
    host, _, _ = stage()
    command = host.do(5, bytes(6))
    assert command.failed == "selection time-out"
    assert host.clock.now_ns == 256_200_000
    assert host.do(1, bytes(6)).status == 0


def test_two_tagged_commands_are_on_the_way_together() -> None:
    host, disk, _ = stage(5 * MILLISECOND_NS)
    disk.blocks[:1024] = b"a" * 512 + b"b" * 512
    first = host.issue(1, read10(0, 1), 512, DATA, tag=1)
    host.pump(lambda: bool(host.disconnected))
    second = host.issue(1, read10(1, 1), 512, DATA + 512, tag=2)
    host.pump(lambda: first.status == second.status == 0)
    assert bytes(host.memory.read(DATA, 1024)) == bytes(disk.blocks[:1024])
    assert host.vectors == [0xA004, 0xA004, 0xA021, 0xA000, 0xA021, 0xA000]


def test_a_synchronous_agreement_is_the_slower_and_shorter_of_both() -> None:
    host, _, port = stage(period=0x32, offset=4)
    command = host.do(1, bytes(6), tag=1, extra=b"\x01\x03\x01\x19\x08")
    assert command.status == 0
    assert command.messages == [b"\x01\x32\x04"]
    assert port.agreements == {7: (0x32, 4)}


def test_a_wide_request_is_answered_with_narrow_and_ends_the_synchronous_agreement() -> None:
    host, _, port = stage()
    host.do(1, bytes(6), extra=b"\x01\x03\x01\x19\x08")
    command = host.do(1, bytes(6), extra=b"\x01\x02\x03\x01")
    assert command.messages == [b"\x03\x00"]
    assert port.agreements == {}


def test_an_unknown_message_is_rejected_and_the_command_goes_on() -> None:
    host, _, _ = stage()
    command = host.do(1, bytes(6), extra=b"\x01\x06\x04\x0a\x00\x08\x01\x02")
    assert command.messages == [b"reject"]
    assert command.status == 0


@pytest.mark.parametrize(("message", "function"), [(0x06, 2), (0x0D, 1), (0x0E, 4), (0x0C, 6)])
def test_abort_messages_end_the_connection_without_status(message: int, function: int) -> None:
    host, disk, _ = stage()
    command = host.do(1, bytes(6), tag=9, extra=bytes((message,)))
    assert command.failed == "unexpected disconnect"  # the listing's MESSAGE OUT does not announce it
    assert disk.managed == [(function, 0, 9)]


def test_a_bus_reset_ends_everything_and_tells_the_units() -> None:
    host, disk, port = stage(5 * MILLISECOND_NS)
    host.issue(1, read10(0, 1), 512, tag=1)
    host.pump(lambda: bool(host.disconnected))
    host.write(0x01, 0x08)
    host.write(0x01, 0x00)
    assert host.read(0x42, 2) == 0x0002
    assert disk.resets == [0x2902]
    assert not disk.tasks
    host.clock.run_for(100 * MILLISECOND_NS)
    assert host.bus.free
    assert port.agreements == {}


def test_bad_parity_of_incoming_data_is_read_again() -> None:
    host, disk, _ = stage()
    disk.blocks[:512] = bytes(range(256)) * 2
    troubles = [100]
    host.bus.noise = lambda phase, length: troubles.pop() if phase == 1 and troubles else None
    command = host.do(1, read10(0, 1), 512)
    assert command.status == 0
    assert 0xA003 in host.vectors
    assert bytes(host.memory.read(DATA, 512)) == bytes(disk.blocks[:512])


def test_bad_parity_of_outgoing_data_is_written_again() -> None:
    host, disk, _ = stage()
    host.memory.write(DATA, bytes(range(256)) * 2)
    troubles = [7]
    host.bus.noise = lambda phase, length: troubles.pop() if phase == 0 and troubles else None
    command = host.do(1, write10(0, 1), 512)
    assert command.status == 0
    assert 0xA003 in host.vectors
    assert bytes(disk.blocks[:512]) == bytes(range(256)) * 2


def test_two_adapters_share_a_bus_and_a_disk() -> None:
    clock = Scheduler()
    bus = ParallelBus(clock, Tracer())
    hosts = Host(bus, clock, 7), Host(bus, clock, 6)
    disk = Disk(clock, 2 * MILLISECOND_NS)
    TargetPort(clock, bus, 1, disk)
    disk.blocks[:1024] = b"x" * 512 + b"y" * 512
    commands = [host.issue(1, read10(index, 1), 512) for index, host in enumerate(hosts)]
    for _ in range(1000):
        for host in hosts:
            if host.line.asserted:
                host.serve()
        if all(command.status == 0 for command in commands):
            break
        clock.step()
    assert bytes(hosts[0].memory.read(DATA, 512)) == b"x" * 512
    assert bytes(hosts[1].memory.read(DATA, 512)) == b"y" * 512


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 50), st.integers(1, 12), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from((None, 1_000, 2_000_000)),
    st.sampled_from((None, 511, 4096)),
    st.booleans(),
)
def test_whatever_is_written_is_read_back(
    commands: list[tuple[bool, int, int, bool]], delay_ns: int | None, burst_bytes: int | None, eager: bool
) -> None:
    host, disk, _ = stage(delay_ns, burst_bytes=burst_bytes, eager=eager)
    expected = bytearray(len(disk.blocks))
    for number, (is_write, lbn, count, tagged) in enumerate(commands):
        length = count * 512
        tag = number if tagged else None
        if is_write:
            data = bytes((number * 37 + index) & 0xFF for index in range(256)) * (2 * count)
            host.memory.write(DATA, data)
            assert host.do(1, write10(lbn, count), length, tag=tag).status == 0
            expected[lbn * 512 : lbn * 512 + length] = data
        else:
            assert host.do(1, read10(lbn, count), length, tag=tag).status == 0
            assert bytes(host.memory.read(DATA, length)) == expected[lbn * 512 : lbn * 512 + length]
    assert disk.blocks == expected


# ---- the disk that the rest of the house has


def real_stage() -> Host:
    host = Host()
    target = Target(host.clock, host.tracer)
    medium = MemoryDevice(4096)
    target.attach(0, LogicalUnit(medium, PROFILES["DISK"], host.clock, host.tracer, "DKA100", "SN0001"))
    TargetPort(host.clock, host.bus, 1, target)
    return host


def test_a_real_logical_unit_keeps_its_sense_for_the_next_command() -> None:
    host = real_stage()
    assert host.do(1, bytes(6)).status == 2
    assert host.do(1, bytes((3, 0, 0, 0, 18, 0)), 18).status == 0
    sense = bytes(host.memory.read(DATA, 18))
    assert sense[0] & 0x7F == 0x70
    assert sense[2] & 0x0F == 6  # UNIT ATTENTION: power on
    assert host.do(1, bytes(6)).status == 0


def test_a_real_logical_unit_reads_what_was_written() -> None:
    host = real_stage()
    while host.do(1, bytes(6)).status:
        pass
    assert host.do(1, bytes((0x25,)) + bytes(9), 8).status == 0
    assert bytes(host.memory.read(DATA, 8)) == b"\x00\x00\x0f\xff\x00\x00\x02\x00"
    data = bytes(range(256)) * 32
    host.memory.write(DATA, data)
    assert host.do(1, write10(8, 16), 8192, tag=1).status == 0
    assert host.do(1, read10(8, 16), 8192, 0x1_0000, tag=2).status == 0
    assert bytes(host.memory.read(0x1_0000, 8192)) == data


def test_a_real_logical_unit_that_is_not_there_says_so() -> None:
    host = real_stage()
    assert host.do(1, bytes((0x12, 0, 0, 0, 36, 0)), 36, identify=0xC5).status == 0
    assert host.memory.read(DATA, 1)[0] == 0x7F
    assert host.do(1, bytes(6), identify=0xC5).status == 2


def test_a_real_logical_unit_tells_of_a_bus_reset() -> None:
    host = real_stage()
    while host.do(1, bytes(6)).status:
        pass
    host.write(0x01, 0x08)
    host.write(0x01, 0x00)
    host.read(0x42, 2)
    host.go("IDLE")
    assert host.do(1, bytes(6)).status == 2
    assert host.do(1, bytes((3, 0, 0, 0, 18, 0)), 18).status == 0
    assert bytes(host.memory.read(DATA + 12, 2)) == b"\x29\x02"
