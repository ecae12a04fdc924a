"""PUDRIVER: bringing ports up, credits, rings, and ports that die or lose signals."""

from dataclasses import replace

import pytest

from drivers.platform.alpha import AlphaPlatform
from drivers.port.mscp_port import PortState
from drivers.port.pudriver import Connection, PuDriver
from emu.core.bus import Bytes
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.firmware import PortKind
from emu.hw.memory.ram import Ram
from emu.hw.mscp.own_blocks import VolatileBlocks
from emu.hw.uqssp.port import UqsspPort
from emu.media.faulty import FaultyDevice, Hold
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import known_firmware, load_firmware
from tests.disk_host import (
    BLOCKS,
    MEMORY_BYTES,
    NORMAL,
    READ,
    SECOND_NS,
    WRITE,
    DiskHost,
    block,
)

IP, SA = 0, 2
DEVOFFLINE = 0x84


class Registers:
    """The registers of a port, or what is left of them.

    stuck_sa: what SA shows, whatever the port does; None shows the port's.  deaf: nothing reaches the port.
    echo_flips: (SA bit of the step, bit to flip): what the port shows in that step is wrong; `times` of them.
    """

    def __init__(self, port: UqsspPort) -> None:
        self.port = port
        self.stuck_sa: int | None = None
        self.deaf = False
        self.lost_polls = 0
        self.echo_flip = (0, 0)
        self.times = 0
        self.resets = 0

    def read_register(self, offset: int, width: int) -> int:
        if offset == IP and self.lost_polls:
            self.lost_polls -= 1
            return 0
        value = 0 if self.deaf else self.port.read_register(offset, width)
        if offset == SA and self.stuck_sa is not None:
            return self.stuck_sa
        step, flip = self.echo_flip
        if offset == SA and value & step and self.times:
            self.times -= 1
            return value ^ flip
        return value

    def write_register(self, offset: int, value: int, width: int) -> None:
        self.resets += offset == IP
        if not self.deaf:
            self.port.write_register(offset, value, width)


class Listener:
    """A class driver that only writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.texts: list[bytes] = []
        self.datagrams: list[bytes] = []
        self.connection: Connection

    def port_ready(self) -> None:
        self.heard.append("ready")

    def port_lost(self, dead: bool) -> None:
        self.heard.append("dead" if dead else "lost")

    def credits_came(self) -> None:
        self.heard.append("credits")

    def receive(self, text: Bytes) -> None:
        self.texts.append(bytes(text))

    def receive_datagram(self, text: Bytes) -> None:
        self.datagrams.append(bytes(text))


class Quiet:
    """A server that answers nothing by itself."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def receive(self, text: Bytes, length: int) -> None:
        self.received.append(bytes(text)[:length])

    def port_reset(self) -> None:
        return None


class Pair:
    """A port and its driver, up and running, with a listener and a quiet server at connection 0."""

    def __init__(self) -> None:
        clock, tracer, ram = Scheduler(), Tracer(), Ram(MEMORY_BYTES)
        platform = AlphaPlatform("ALPHA1", clock, ram, MEMORY_BYTES, tracer)
        self.clock = clock
        self.hardware = UqsspPort(
            clock, ram, platform.interrupt_line(), tracer, "PUA", load_firmware("kdm70")
        )
        self.server = Quiet()
        self.link = self.hardware.connect(0, self.server)
        self.port = PuDriver(platform, "PUA0", self.hardware)
        self.listener = Listener()
        self.connection = self.port.connect(0, self.listener)
        self.port.start()
        clock.run_until(lambda: self.port.state is PortState.RUNNING)


def with_registers(firmware: str = "hbvs-shadow", **more: object) -> tuple[DiskHost, Registers]:
    made: list[Registers] = []

    def make(port: UqsspPort) -> Registers:
        made.append(Registers(port))
        return made[0]

    host = DiskHost(firmware, registers=make, **more)  # type: ignore[arg-type]
    return host, made[0]


# -- init


def fitting() -> list[tuple[str, str]]:
    """Every packaged controller on the nodes whose bus it fits: all on a VAX, XMI alone on an Alpha."""
    pairs = [(name, "VAX") for name in known_firmware()]
    return pairs + [(n, "Alpha") for n in known_firmware() if load_firmware(n).port_kind is PortKind.XMI]


@pytest.mark.parametrize(("firmware", "kind"), fitting())
def test_every_controller_comes_up_and_its_disk_can_be_used(firmware: str, kind: str) -> None:
    image = load_firmware(firmware)
    size = BLOCKS if "RX50" in image.drives else min(drive.block_count for drive in image.drives.values())
    host = DiskHost(firmware, kind, [VolatileBlocks(size)]).booted()
    assert host.port.state is PortState.RUNNING
    assert (host.port.model, host.port.microcode_version) == (image.model, image.microcode_version)
    assert host.unit().block_count == size
    assert host.do(WRITE, 5, block(5)) == NORMAL
    irp = host.queue(READ, 5)
    host.finish(irp)
    assert host.read_buffer(irp) == block(5)


def test_all_packaged_firmware_is_tried() -> None:
    names = {"hbvs-shadow", "kda50", "kdm70", "rqdx1", "rqdx3", "uda50", "uda50a"}
    assert {name for name, _ in fitting()} >= names


def test_a_port_that_never_answers_is_given_up_after_three_attempts_of_ten_seconds() -> None:
    host, registers = with_registers()
    registers.deaf = True
    assert not host.boot()
    assert host.port.state is PortState.DEAD
    assert registers.resets == 3
    assert 30 * SECOND_NS <= host.clock.now_ns < 31 * SECOND_NS
    assert host.said == ["%PU-E-DEAD, _PUA0: port does not initialise, controller is off line"]


def test_a_port_that_shows_an_error_is_given_up_at_once_and_its_code_kept() -> None:
    host, registers = with_registers()
    registers.stuck_sa = 0x8009
    assert not host.boot()
    assert registers.resets == 3
    assert host.port.last_failure == 0x8009
    assert host.clock.now_ns < SECOND_NS


@pytest.mark.parametrize("step", [0x1000, 0x2000])
def test_a_wrong_echo_starts_the_sequence_anew(step: int) -> None:
    host, registers = with_registers()
    registers.echo_flip, registers.times = (step, 0x0010), 2
    assert host.boot()
    assert registers.resets == 3


@pytest.mark.parametrize("step", [0x1000, 0x2000])
def test_a_third_wrong_echo_is_the_end(step: int) -> None:
    host, registers = with_registers()
    registers.echo_flip, registers.times = (step, 0x0001), 3
    assert not host.boot()
    assert host.port.state is PortState.DEAD


def test_a_running_port_that_goes_silent_fails_its_requests_and_nothing_hangs() -> None:
    host, registers = with_registers()
    host.booted()
    registers.deaf = True
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(40)]
    host.finish(*irps)
    assert {irp.status for irp in irps} == {DEVOFFLINE}
    assert all(irp.answers == 1 for irp in irps)
    assert host.port.state is PortState.DEAD
    assert host.unit().queue_length == 0


def test_what_is_asked_of_a_dead_controller_is_refused() -> None:
    host, registers = with_registers()
    host.booted()
    registers.deaf = True
    host.do(WRITE)
    assert host.do(READ) == 0x1A4  # SS$_MEDOFL
    assert host.run(host.unit().online()) == DEVOFFLINE
    assert host.run(host.unit().available()) == DEVOFFLINE


# -- credits and rings


@pytest.mark.parametrize(("credits", "under_way"), [(15, 15), (5, 5), (2, 2), (1, 1)])
def test_never_more_commands_than_credits_and_one_is_kept_back(credits: int, under_way: int) -> None:
    hold = Hold()
    media = [FaultyDevice(MemoryDevice(BLOCKS), [hold])]
    host = DiskHost(replace(load_firmware("kdm70"), credits=credits), media=media).booted()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(40)]
    host.clock.run_soon()
    assert len(hold.held) == under_way, "the first credit is the one kept back"
    left = host.run(host.driver.command_status(irps[0]))
    assert left == 512, "an immediate command has its credit"
    while hold.held:
        assert len(hold.held) <= under_way
        hold.release(hold.held[-1])
        host.clock.run_soon()
    assert [irp.answers for irp in irps] == [1] * 40


def test_more_credits_than_descriptors_fill_both_rings_and_everything_is_answered_in_order() -> None:
    host = DiskHost(replace(load_firmware("kdm70"), credits=200)).booted()
    host.finish(*(host.queue(READ, 0) for _ in range(20)))  # each end message brings at most 15
    host.log.clear()
    irps = [host.queue(WRITE, lbn, block(lbn)) for lbn in range(150)]
    host.finish(*irps)
    assert host.log == irps
    assert host.clock.now_ns < SECOND_NS, "no watch was needed"


def test_thirty_two_responses_of_one_interrupt_are_all_taken() -> None:
    pair = Pair()
    for number in range(40):
        pair.link.send_sequential(bytes([number]) * 12)
    pair.clock.run_for(SECOND_NS)
    assert [text[0] for text in pair.listener.texts] == list(range(40))
    assert pair.port.interrupts == 2, "one for a full ring, one for what waited for slots"


def test_credits_are_told_once_for_all_messages_of_an_interrupt() -> None:
    pair = Pair()
    pair.connection.send(bytes(12))
    pair.clock.run_soon()
    assert len(pair.server.received) == 1
    pair.link.send_end(bytes(12))
    pair.link.send_sequential(bytes(12))
    pair.clock.run_soon()
    assert pair.listener.heard == ["ready", "credits"]
    assert pair.connection.credits == 15  # min(14, pool of 15) and the command's own


def test_a_short_message_reads_as_if_padded_with_zeros() -> None:
    pair = Pair()
    for _ in range(33):  # the slot of the short one has held a long one
        pair.link.send_sequential(b"\xff" * 60)
        pair.clock.run_soon()
    pair.link.send_sequential(b"\x01" * 12)
    pair.clock.run_soon()
    assert pair.listener.texts[-1] == b"\x01" * 12 + bytes(48)


def test_a_datagram_for_nobody_is_for_everybody() -> None:
    pair = Pair()
    pair.hardware.traffic.send(bytes([12, 0, 0x10, 0xFF]) + bytes(range(12)))
    pair.clock.run_soon()
    assert pair.listener.datagrams == [bytes(range(12)) + bytes(48)]
    assert pair.listener.texts == []


def test_a_datagram_of_a_connection_is_its_own_and_needs_no_credit() -> None:
    pair = Pair()
    pair.link.send_datagram(bytes(20))
    pair.clock.run_soon()
    assert len(pair.listener.datagrams) == 1
    assert pair.connection.credits == 1


def test_a_message_for_an_unknown_connection_is_dropped_and_its_slot_goes_back() -> None:
    pair = Pair()
    for _ in range(100):
        pair.hardware.traffic.send(bytes([12, 0, 0x01, 0x02]) + bytes(12))
        pair.clock.run_soon()
    pair.link.send_sequential(bytes(12))
    pair.clock.run_soon()
    assert len(pair.listener.texts) == 1


def test_a_credit_notification_gives_credits_and_has_no_text() -> None:
    pair = Pair()
    pair.hardware.traffic.send(bytes([0, 0, 0x23, 0x00]))
    pair.clock.run_soon()
    assert pair.connection.credits == 4
    assert pair.listener.texts == []


def test_an_unanswered_crn_is_nobodys() -> None:
    host = DiskHost().booted()
    host.controller.servers[0].connection.send_sequential(b"\x99\x99\0\0" + bytes(4) + b"\xa1" + bytes(23))
    host.clock.run_soon()
    assert host.do(READ) == NORMAL


# -- death and lost signals


def test_the_last_failure_comes_as_a_datagram_after_the_restart() -> None:
    host = DiskHost().booted()
    host.hardware.fail(6)
    assert host.do(READ) == NORMAL
    assert host.port.last_failure == 0x8006
    (datagram,) = host.driver.datagrams
    assert datagram[8] == 0  # controller error log
    assert datagram[22:24] == b"\x06\x00"
    assert "%PU-W-RESTART, _PUA0: port is restarted, SA was 100006" in host.said


def test_a_death_without_an_interrupt_is_seen_within_a_second_while_an_answer_is_due() -> None:
    hold = Hold()
    host = DiskHost(media=[FaultyDevice(MemoryDevice(BLOCKS), [hold])]).booted()
    irp = host.queue(READ)
    host.clock.run_soon()
    host.hardware.fail(6)
    hold.holding = False
    died_ns = host.clock.now_ns
    host.finish(irp)
    assert irp.status == NORMAL
    assert host.clock.now_ns - died_ns < 1.1 * SECOND_NS


def test_a_controller_that_interrupts_when_it_dies_is_restarted_at_once() -> None:
    host = DiskHost("rqdx3", "VAX").booted()
    died_ns = host.clock.now_ns
    host.hardware.fail(6)
    host.clock.run_until(lambda: host.port.state is PortState.INITIALISING)
    assert host.clock.now_ns == died_ns


def test_a_lost_poll_costs_a_second() -> None:
    host, registers = with_registers()
    host.booted()
    registers.lost_polls = 1
    before_ns = host.clock.now_ns
    assert host.do(READ) == NORMAL
    assert host.clock.now_ns - before_ns == SECOND_NS
    assert host.port.failures == 0


def test_a_lost_interrupt_costs_a_second() -> None:
    host = DiskHost().booted()
    host.hardware.vector = 0
    before_ns = host.clock.now_ns
    assert host.do(READ) == NORMAL
    assert host.clock.now_ns - before_ns == SECOND_NS
    assert host.port.failures == 0


def test_nobody_looks_at_a_port_that_has_nothing_to_answer() -> None:
    host = DiskHost().booted()
    assert host.do(READ) == NORMAL
    host.clock.run_for(10 * SECOND_NS)
    assert host.clock.next_deadline_ns() is None


def test_a_restarted_port_has_one_credit_again_and_empty_rings() -> None:
    pair = Pair()
    pair.link.send_end(bytes(12))
    pair.clock.run_soon()
    assert pair.connection.credits == 16
    pair.port.restart()
    assert pair.connection.credits == 0
    pair.clock.run_until(lambda: pair.port.state is PortState.RUNNING)
    assert pair.connection.credits == 1
    assert pair.listener.heard == ["ready", "credits", "lost", "ready"]
    pair.connection.send(b"\x01" * 12)
    pair.clock.run_soon()
    assert pair.server.received[-1] == b"\x01" * 12


def test_restarts_without_a_class_driver_that_calls_it_started_end_after_three() -> None:
    pair = Pair()
    for _ in range(3):
        pair.port.restart()
        pair.clock.run_until(lambda: pair.port.state is not PortState.INITIALISING)
    assert pair.port.state is PortState.DEAD
    assert pair.listener.heard[-1] == "dead"


def test_a_class_driver_that_calls_it_started_has_the_attempts_counted_anew() -> None:
    pair = Pair()
    for _ in range(10):
        pair.port.started()
        pair.port.restart()
        pair.clock.run_until(lambda: pair.port.state is not PortState.INITIALISING)
    assert pair.port.state is PortState.RUNNING
