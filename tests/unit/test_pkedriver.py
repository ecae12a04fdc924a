"""PKEDRIVER: bringing a 53C810 up, many commands at once, and an answer to everything the chip interrupts for."""

import pytest

from drivers.port.mscp_port import PortState
from drivers.port.scsi_request import PortStatus
from emu.core.block import BlockRequest
from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import RegisterAccess, Tracer
from emu.hw.scsi.logical_unit import LogicalUnit
from emu.hw.scsi.profiles import PROFILES
from emu.hw.scsi.target import Target
from emu.hw.scsibus.bus import ParallelBus
from emu.hw.scsibus.target_port import TargetPort
from emu.media.faulty import FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.media.slow import SlowDevice
from emu.sim.storage_shelf import HSZ
from tests.pke_host import PkeHost, statuses
from tests.scsi_host import FakeTarget

DATA_OUT, DATA_IN, COMMAND, STATUS, MESSAGE_OUT, MESSAGE_IN = 0, 1, 2, 3, 6, 7
TUR = bytes(6)
INQUIRY = bytes((0x12, 0, 0, 0, 36, 0))
SDTR = b"\x01\x03\x01\x19\x08"
ENDED, RESET, TIMED_OUT = PortStatus.ENDED, PortStatus.BUS_RESET, PortStatus.TIMED_OUT
REFUSED = PortStatus.REFUSED
SIMPLE = 0x20


def read10(lba: int, count: int) -> bytes:
    return bytes((0x28, 0, 0, 0, lba >> 8, lba & 0xFF, 0, 0, count, 0))


def write10(lba: int, count: int) -> bytes:
    return bytes((0x2A, 0, 0, 0, lba >> 8, lba & 0xFF, 0, 0, count, 0))


class Shelf:
    """A host and one target with real units."""

    def __init__(self, rules: Hold | None = None, latency_ns: int = 0, **options: object) -> None:
        self.host = PkeHost()
        self.target = Target(self.host.clock, Tracer())
        self.port = TargetPort(self.host.clock, self.host.bus, 1, self.target, **options)  # type: ignore[arg-type]
        medium: object = MemoryDevice(2000)
        if rules is not None:
            medium = FaultyDevice(medium, [rules])  # type: ignore[arg-type]
        if latency_ns:
            medium = SlowDevice(medium, self.host.clock, self.latency, parallel=True)  # type: ignore[arg-type]
        self.latency_ns = latency_ns
        self.target.attach(0, LogicalUnit(medium, HSZ, self.host.clock, Tracer(), "unit", "unit"))  # type: ignore[arg-type]
        self.host.booted()
        assert self.host.do(1, TUR).status == 2  # a unit attention, which is taken

    def latency(self, request: BlockRequest) -> int:
        return self.latency_ns + request.lbn % 7 * 50_000


def connected(host: PkeHost, *steps: tuple[int, bytes | int], first: int = 6) -> FakeTarget:
    """A fake target that takes IDENTIFY and SDTR, and then does these steps."""
    return FakeTarget(host.bus, 1, (MESSAGE_OUT, first), *steps)


# -- the adapter comes up


def test_the_chip_is_brought_up_in_the_order_of_the_book() -> None:
    host = PkeHost().booted()
    writes = [
        (event.register, event.value)
        for event in host.events
        if isinstance(event, RegisterAccess) and event.kind == "write"
    ]
    assert writes == [
        ("ISTAT", 0x40),
        ("ISTAT", 0x00),
        ("SCNTL0", 0xCA),
        ("SCNTL1", 0x00),
        ("SCNTL3", 0x03),
        ("SCID", 0x47),
        ("RESPID", 0x80),
        ("STIME0", 0x0C),
        ("STEST3", 0x80),
        ("DMODE", 0xC0),
        ("DCNTL", 0x01),
        ("SIEN0", 0x8F),
        ("SIEN1", 0x04),
        ("DIEN", 0x7D),
        ("SCNTL1", 0x08),
        ("SCNTL1", 0x00),
        ("DSP", writes[-1][1]),
    ]
    assert host.clock.now_ns >= 250_000_000
    assert (host.ready, host.driver.resets) == (1, 1)
    assert host.chip.configuration.read_register(4, 2) == 0x46
    assert host.chip.configuration.memory_base == 0x8000_0000


def test_the_program_is_loaded_where_the_chip_can_fetch_it() -> None:
    host = PkeHost().booted()
    start = host.chip.read_register(0x2C, 4) & ~0x3F
    assert host.windows.read_longword(start) == 0x8008_0000  # IDLE: JUMP ...
    assert host.windows.read_longword(start + 4) == start + 8  # ... WAITR
    mailbox = host.windows.read_longword(start + 0x1C)
    assert host.windows.read_longword(start + 0x18) == 0x0F00_0001
    assert start < mailbox < start + 0x1000


def test_an_adapter_that_is_not_there_is_dead() -> None:
    host = PkeHost()
    host.chip.configuration._longwords[0] = 0xFFFF_FFFF
    host.booted()
    assert (host.driver.state, host.ready, host.lost) == (PortState.DEAD, 0, 1)
    assert host.do(1, TUR).port_status is PortStatus.DEAD


# -- commands


def test_a_command_without_data_ends_with_its_status() -> None:
    shelf = Shelf()
    command = shelf.host.do(1, TUR)
    assert (command.port_status, command.status, command.residual) == (ENDED, 0, 0)


def test_data_go_both_ways() -> None:
    shelf = Shelf()
    data = bytes(n * 7 % 256 for n in range(2048))
    assert shelf.host.do(1, write10(9, 4), data=data).status == 0
    command = shelf.host.do(1, read10(9, 4), 2048)
    assert (command.status, command.residual, command.data) == (0, 0, data)


def test_a_short_transfer_leaves_a_residual() -> None:
    command = Shelf().host.do(1, INQUIRY, 100)
    assert (command.status, command.residual, command.overrun) == (0, 64, False)
    assert command.data[8:11] == b"DEC"


def test_what_nobody_asked_for_goes_into_the_bucket() -> None:
    shelf = Shelf()
    command = shelf.host.do(1, INQUIRY, 10)
    assert (command.status, command.overrun, command.data[8:]) == (0, True, b"DE")
    assert shelf.host.do(1, read10(0, 40), 512).overrun  # more than the bucket holds at once


def test_a_target_that_sends_data_for_a_command_without_is_borne_with() -> None:
    command = Shelf().host.do(1, INQUIRY)
    assert (command.port_status, command.status, command.overrun) == (ENDED, 0, True)


def test_a_target_that_wants_more_than_there_is_gets_zeros() -> None:
    shelf = Shelf()
    shelf.host.do(1, write10(3, 2), data=b"\xff" * 1024)
    assert shelf.host.do(1, write10(3, 2), data=b"\x11" * 600).overrun
    assert shelf.host.do(1, read10(3, 2), 1024).data == b"\x11" * 600 + bytes(424)


@pytest.mark.parametrize("options", [{}, {"eager": True}, {"burst_bytes": 700}, {"patient": True}])
def test_many_tagged_commands_are_under_way_at_once(options: dict[str, object]) -> None:
    shelf = Shelf(latency_ns=2_000_000, **options)
    host = shelf.host
    writes = [host.send(1, write10(10 * n, 2), data=bytes((n,)) * 1024, tag=SIMPLE) for n in range(40)]
    host.finish(*writes)
    began = host.clock.now_ns
    reads = [host.send(1, read10(10 * n, 2), 1024, tag=SIMPLE) for n in range(40)]
    host.finish(*reads)
    assert [read.data for read in reads] == [bytes((n,)) * 1024 for n in range(40)]
    assert statuses([*writes, *reads]) == [ENDED] * 80
    if "patient" not in options:
        assert host.clock.now_ns - began < 5_000_000  # forty times 2 ms, side by side
        assert host.log[-40:] != reads  # in the order in which the disk had them


def test_more_commands_than_blocks_wait_their_turn() -> None:
    shelf = Shelf(latency_ns=1_000_000)
    commands = [shelf.host.send(1, read10(n, 1), 512, tag=SIMPLE) for n in range(200)]
    shelf.host.finish(*commands)
    # The unit's own queue holds 64, as many as there are blocks.
    assert [command.status for command in commands] == [0] * 200


def test_what_waits_when_nodes_are_lost_without_quorum_is_refused_but_what_is_no_io() -> None:
    shelf = Shelf(latency_ns=5_000_000)
    host = shelf.host
    commands = [host.send(1, write10(n, 1), 512, tag=SIMPLE, io_epoch=0) for n in range(70)]
    inquiry = host.send(1, INQUIRY, 36, tag=SIMPLE)
    host.clock.run_for(4_000_000)
    host.platform.block_io(blocked=True)
    host.platform.nodes_lost()
    host.platform.block_io(blocked=False)
    late = host.send(1, write10(80, 1), 512, tag=SIMPLE, io_epoch=1)
    host.finish(*commands, inquiry, late)
    assert statuses(commands[:64]) == [ENDED] * 64
    assert statuses(commands[64:]) == [REFUSED] * 6
    assert statuses([inquiry, late]) == [ENDED] * 2


def test_untagged_commands_of_two_targets_are_under_way_together() -> None:
    shelf = Shelf(latency_ns=2_000_000)
    other = Target(shelf.host.clock, Tracer())
    TargetPort(shelf.host.clock, shelf.host.bus, 2, other)
    slow = SlowDevice(MemoryDevice(100), shelf.host.clock, shelf.latency, parallel=True)
    other.attach(0, LogicalUnit(slow, HSZ, shelf.host.clock, Tracer(), "other", "other"))
    shelf.host.do(2, TUR)
    began = shelf.host.clock.now_ns
    commands = [shelf.host.send(target, read10(0, 1), 512) for target in (1, 2)]
    shelf.host.finish(*commands)
    assert [command.status for command in commands] == [0, 0]
    assert shelf.host.clock.now_ns - began < 3_000_000


# -- sense


def test_a_check_condition_comes_with_its_sense() -> None:
    command = Shelf().host.do(1, read10(0x7000, 1), 512)
    assert command.status == 2
    assert (command.sense[0] & 0x7F, command.sense[2], command.sense[12]) == (0x70, 5, 0x21)
    assert command.residual == 512


def test_commands_that_fail_together_get_their_own_sense() -> None:
    shelf = Shelf()
    cdbs = [read10(0x7000, 1), read10(1, 1), bytes((0xC1, 0, 0, 0, 0, 0)), read10(0x7000, 1), TUR]
    commands = [shelf.host.send(1, cdb, 512, tag=SIMPLE) for cdb in cdbs]
    shelf.host.finish(*commands)
    found = [command.sense[12] if command.status else None for command in commands]
    assert found == [0x21, None, 0x20, 0x21, None]


# -- agreements


def test_the_first_command_of_a_target_makes_an_agreement() -> None:
    host = PkeHost().booted()
    fake = connected(
        host, (MESSAGE_IN, b"\x01\x03\x01\x32\x04"), (COMMAND, 6), (STATUS, b"\0"), (MESSAGE_IN, b"\0")
    )
    assert host.do(1, TUR).status == 0
    assert fake.heard[0] == b"\xc0" + SDTR
    assert host.chip.read_register(0x05, 1) == 0x84  # period 200 ns: XFERP 8, offset 4
    assert host.chip.read_register(0x03, 1) == 0x13
    fake.steps = [(MESSAGE_OUT, 1), (COMMAND, 6), (STATUS, b"\0"), (MESSAGE_IN, b"\0")]
    assert host.do(1, TUR).status == 0
    assert fake.heard[2] == b"\xc0"  # it has been agreed


@pytest.mark.parametrize("answer", [b"\x07", b"\x01\x03\x01\x19\x00"])
def test_a_target_that_wants_no_synchronous_transfer_gets_none(answer: bytes) -> None:
    host = PkeHost().booted()
    connected(host, (MESSAGE_IN, answer), (COMMAND, 6), (STATUS, b"\0"), (MESSAGE_IN, b"\0"))
    assert host.do(1, TUR).status == 0
    assert (host.chip.read_register(0x05, 1), host.chip.read_register(0x03, 1)) == (0, 3)


def test_a_target_that_asks_for_a_wide_bus_is_told_that_this_one_is_narrow() -> None:
    host = PkeHost().booted()
    fake = connected(
        host,
        (COMMAND, 6),
        (MESSAGE_IN, b"\x01\x02\x03\x01"),
        (MESSAGE_OUT, 4),
        (STATUS, b"\0"),
        (MESSAGE_IN, b"\0"),
    )
    assert host.do(1, TUR).status == 0
    assert fake.heard[2] == b"\x01\x02\x03\x00"


def test_a_target_that_begins_to_negotiate_is_answered() -> None:
    host = PkeHost().booted()
    fake = connected(host, (COMMAND, 6), (STATUS, b"\0"), (MESSAGE_IN, b"\0"))
    host.do(1, TUR)
    fake.steps = [
        (MESSAGE_OUT, 1),
        (COMMAND, 6),
        (MESSAGE_IN, b"\x01\x03\x01\x0c\x0f"),
        (MESSAGE_OUT, 5),
        (STATUS, b"\0"),
        (MESSAGE_IN, b"\0"),
    ]
    assert host.do(1, TUR).status == 0
    assert fake.heard[-1] == SDTR  # no faster than the chip, no further ahead


@pytest.mark.parametrize("message", [b"\x0a", b"\x80", b"\x01\x03\x07\x00\x00"])
def test_a_message_nobody_knows_is_rejected(message: bytes) -> None:
    host = PkeHost().booted()
    fake = connected(
        host,
        (COMMAND, 6),
        (MESSAGE_IN, message),
        (MESSAGE_OUT, 1),
        (STATUS, b"\0"),
        (MESSAGE_IN, b"\0"),
    )
    assert host.do(1, TUR).status == 0
    assert fake.heard[2] == b"\x07"


# -- pointers


def test_restored_pointers_begin_where_they_were_saved() -> None:
    host = PkeHost().booted()
    connected(
        host,
        (COMMAND, 6),
        (DATA_IN, b"wrong!"),
        (MESSAGE_IN, b"\x03"),
        (DATA_IN, b"righto"),
        (STATUS, b"\0"),
        (MESSAGE_IN, b"\0"),
    )
    command = host.do(1, INQUIRY, 6)
    assert (command.status, command.data, command.residual) == (0, b"righto", 0)


def test_data_in_pieces_with_messages_between_arrive_in_order() -> None:
    host = PkeHost().booted()
    connected(
        host,
        (COMMAND, 6),
        (DATA_IN, b"one"),
        (MESSAGE_IN, b"\x02"),
        (DATA_IN, b"two"),
        (MESSAGE_IN, b"\x02"),
        (DATA_IN, b"three"),
        (STATUS, b"\0"),
        (MESSAGE_IN, b"\0"),
    )
    command = host.do(1, INQUIRY, 20)
    assert (command.data[:11], command.residual) == (b"onetwothree", 9)


def test_a_command_taken_in_two_parts_is_sent_on_where_it_was_left() -> None:
    host = PkeHost().booted()
    fake = connected(
        host, (COMMAND, 2), (MESSAGE_IN, b"\x02"), (COMMAND, 4), (STATUS, b"\0"), (MESSAGE_IN, b"\0")
    )
    assert host.do(1, INQUIRY).status == 0
    assert fake.heard[1:3] == [INQUIRY[:2], INQUIRY[2:]]


# -- what goes wrong


def test_nobody_answers_a_selection() -> None:
    host = PkeHost().booted()
    assert host.do(5, TUR).port_status is PortStatus.SELECTION_TIMEOUT
    assert host.driver.selection_timeouts == 1


def test_the_others_go_on_after_a_selection_nobody_answers() -> None:
    shelf = Shelf()
    commands = [shelf.host.send(target, TUR) for target in (5, 1, 4, 1)]
    shelf.host.finish(*commands)
    assert [command.status for command in commands[1::2]] == [0, 0]


def test_a_target_that_leaves_without_a_word_is_told_of() -> None:
    host = PkeHost().booted()
    connected(host, (COMMAND, 6))
    assert host.do(1, TUR).port_status is PortStatus.DISCONNECTED
    assert host.bus.free


def noise_once(bus: ParallelBus, phase: int, times: int = 1) -> None:
    left = times

    def noise(now: int, length: int) -> int | None:
        nonlocal left
        if now != phase or not left:
            return None
        left -= 1
        return min(length - 1, 3)

    bus.noise = noise


@pytest.mark.parametrize("phase", [DATA_IN, DATA_OUT, COMMAND, STATUS, MESSAGE_IN, MESSAGE_OUT])
def test_bad_parity_is_noticed_and_the_command_done_once_more(phase: int) -> None:
    shelf = Shelf()
    host = shelf.host
    noise_once(host.bus, phase)
    data = bytes(range(256)) * 4
    assert host.do(1, write10(7, 2), data=data).status == 0
    if phase == DATA_IN:
        noise_once(host.bus, phase)
    command = host.do(1, read10(7, 2), 1024)
    assert (command.status, command.data) == (0, data)
    assert host.driver.resets == 1


def test_parity_that_stays_bad_ends_in_a_bus_reset_or_in_the_targets_giving_up() -> None:
    shelf = Shelf()
    noise_once(shelf.host.bus, DATA_IN, 1000)
    command = shelf.host.do(1, read10(7, 2), 1024)
    assert command.port_status in (RESET, PortStatus.DISCONNECTED)
    shelf.host.bus.noise = None
    shelf.host.do(1, TUR)
    assert shelf.host.do(1, TUR).status == 0


def test_a_reserved_phase_is_answered_by_a_bus_reset() -> None:
    host = PkeHost().booted()
    connected(host, (COMMAND, 6), (5, b"?"))
    assert host.do(1, TUR).port_status is RESET
    assert host.driver.resets == 2
    assert "reserved phase" in host.console


def test_a_bus_reset_answers_what_was_offered_and_sends_what_was_not() -> None:
    shelf = Shelf(latency_ns=5_000_000)
    host = shelf.host
    commands = [host.send(1, read10(n, 1), 512, tag=SIMPLE) for n in range(70)]
    host.clock.run_for(4_000_000)
    host.bus.assert_reset(shelf.port, True)
    host.clock.run_for(30_000)
    host.bus.assert_reset(shelf.port, False)
    host.finish(*commands)
    assert statuses(commands[:64]) == [RESET] * 64
    assert statuses(commands[64:]) == [ENDED] * 6
    assert host.driver.resets == 2
    assert host.do(1, TUR).status == 0


def test_nothing_is_sent_while_another_host_holds_the_bus_reset() -> None:
    shelf = Shelf()
    host = shelf.host
    host.bus.assert_reset(shelf.port, True)  # by a host whose processor stands still
    host.clock.run_for(SECOND_NS)
    command = host.send(1, TUR, timeout_s=1)
    host.clock.run_for(60 * SECOND_NS)
    assert not command.answers
    host.bus.assert_reset(shelf.port, False)
    host.finish(command)
    assert (command.port_status, host.driver.resets) == (ENDED, 2)


def test_nothing_is_sent_until_the_bus_has_settled() -> None:
    shelf = Shelf()
    host = shelf.host
    host.driver.reset_bus("the test wants it")
    began = host.clock.now_ns
    command = host.do(1, TUR)
    assert host.clock.now_ns - began >= 250_000_000
    assert (command.status, command.sense[12:14]) == (2, b"\x29\x02")


def test_a_command_that_takes_too_long_is_aborted_and_the_others_are_not() -> None:
    hold = Hold(lambda request: request.lbn == 5)
    shelf = Shelf(hold)
    host = shelf.host
    stuck = host.send(1, read10(5, 1), 512, tag=SIMPLE, timeout_s=3)
    other = host.do(1, read10(6, 1), 512, tag=SIMPLE)
    host.finish(stuck)
    assert (stuck.port_status, other.status) == (TIMED_OUT, 0)
    assert "end the current task" in host.console
    assert host.driver.resets == 1
    hold.release()
    assert host.do(1, TUR).status == 0


def test_an_untagged_command_that_takes_too_long_is_aborted_too() -> None:
    hold = Hold()
    shelf = Shelf(hold)
    stuck = shelf.host.do(1, read10(5, 1), 512, timeout_s=3)
    assert stuck.port_status is TIMED_OUT
    assert shelf.host.driver.resets == 1


def test_a_target_that_hears_no_abort_is_reset_and_then_the_bus() -> None:
    shelf = Shelf(Hold())
    host = shelf.host
    stuck = host.send(1, read10(5, 1), 512, tag=SIMPLE, timeout_s=3)
    other = host.send(1, read10(6, 1), 512, tag=SIMPLE)
    host.clock.run_for(1_000_000)
    shelf.port.scsi_id = 6  # deaf from now on
    host.finish(stuck, other)
    assert (stuck.port_status, other.port_status) == (TIMED_OUT, RESET)
    assert "target reset" in host.console
    assert host.driver.resets == 2


def test_a_command_that_hangs_on_the_bus_is_ended_by_a_bus_reset() -> None:
    host = PkeHost().booted()
    fake = connected(host, (COMMAND, 6))
    fake.stays = True
    assert host.do(1, TUR, timeout_s=2).port_status is TIMED_OUT
    assert host.driver.resets == 2
    assert host.bus.free


def test_a_target_that_comes_back_with_an_unknown_command_is_sent_away() -> None:
    host = PkeHost().booted()
    fake = connected(host, (COMMAND, 6), (STATUS, b"\0"), (MESSAGE_IN, b"\0"))
    host.do(1, TUR)
    fake.heard.clear()
    fake.come_back((MESSAGE_IN, b"\x80\x20\x11"), (MESSAGE_OUT, 1))
    host.clock.run_for(1_000_000)
    assert fake.heard == [b"\x0d"]
    fake.heard.clear()
    fake.come_back((MESSAGE_IN, b"\x80"), (MESSAGE_OUT, 1))
    host.clock.run_for(1_000_000)
    assert fake.heard == [b"\x06"]
    assert host.driver.resets == 1


# -- the adapter itself fails


def spoil(host: PkeHost) -> None:
    """Write an illegal instruction over the dispatcher."""
    offset = host.program.entries["DISP"]
    start = host.chip.read_register(0x2C, 4) & ~0x3F
    host.windows.write_longword(start + offset, 0xFFFF_FFFF)


def test_an_illegal_instruction_restarts_the_adapter_which_loads_its_program_anew() -> None:
    shelf = Shelf()
    host = shelf.host
    spoil(host)
    assert host.do(1, TUR).port_status is RESET
    host.until(lambda: host.ready == 2)
    assert host.driver.failures == 1
    assert "adapter is restarted" in host.console
    host.do(1, TUR)
    assert host.do(1, TUR).status == 0


def test_a_bus_fault_restarts_the_adapter() -> None:
    shelf = Shelf()
    host = shelf.host
    command = host.send(1, read10(0, 16), 8192)
    host.windows.write_register(0x500, 0, 4)  # the mapped window is closed
    host.finish(command)
    assert command.port_status is RESET
    assert host.driver.failures == 1


def test_an_adapter_that_fails_again_and_again_is_dead_and_says_so() -> None:
    shelf = Shelf()
    host = shelf.host
    host.windows.write_register(0x400, 0, 4)  # no program can be fetched
    command = host.send(1, TUR)
    waiting = [host.send(1, TUR) for _ in range(5)]
    host.until(lambda: host.driver.state is PortState.DEAD)
    assert command.answers == 1
    assert statuses(waiting) == [RESET] * 3 + [PortStatus.DEAD] * 2
    assert host.driver.failures == 4
    assert host.lost == 1
    assert host.do(1, TUR).port_status is PortStatus.DEAD


# -- side by side


def test_two_hosts_on_one_bus_share_a_target() -> None:
    clock = Scheduler()
    bus = ParallelBus(clock, Tracer())
    hosts = [PkeHost(bus, clock, scsi_id) for scsi_id in (7, 6)]
    target = Target(clock, Tracer())
    TargetPort(clock, bus, 1, target)
    medium = SlowDevice(MemoryDevice(1000), clock, lambda request: 500_000, parallel=True)
    target.attach(0, LogicalUnit(medium, HSZ, clock, Tracer(), "unit", "unit"))
    for host in hosts:
        host.booted()
    for host in hosts:
        assert host.do(1, TUR).status == 2  # each is told of the resets
        assert host.do(1, TUR).status == 0
    commands = [
        host.send(1, write10(100 * index + n, 1), data=bytes((index + 1,)) * 512, tag=SIMPLE)
        for n in range(30)
        for index, host in enumerate(hosts)
    ]
    clock.run_until(lambda: all(command.answers for command in commands), clock.now_ns + SECOND_NS)
    assert [command.status for command in commands] == [0] * 60
    assert [host.driver.failures for host in hosts] == [0, 0]


def test_every_memory_that_was_mapped_is_given_back() -> None:
    shelf = Shelf()
    host = shelf.host
    for cdb, length in ((INQUIRY, 36), (read10(0x7000, 1), 512), (read10(0, 100), 51200)):
        host.do(1, cdb, length)
    assert host.bridge._lent._free == [(0, 8192)]


def test_a_drive_of_its_own_needs_no_tag() -> None:
    host = PkeHost()
    target = Target(host.clock, Tracer())
    TargetPort(host.clock, host.bus, 3, target, offset=0)
    unit = LogicalUnit(MemoryDevice(204_864), PROFILES["RZ23"], host.clock, Tracer(), "RZ23", "RZ23")
    target.attach(0, unit)
    host.booted()
    host.do(3, TUR)
    assert host.do(3, INQUIRY, 36).data[16:20] == b"RZ23"
