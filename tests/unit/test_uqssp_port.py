"""The UQSSP port: init steps, boot sequences, fatal errors, timers.  Numbers are the spec's."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emu.core.bus import ParityError
from emu.core.clock import SECOND_NS
from emu.core.trace import Event, MessageMoved, RegisterAccess, StateChanged
from emu.hw.firmware import Behaviour
from emu.hw.memory.ram import Ram
from emu.hw.uqssp.state import State
from emu.shells.firmware_files import load_firmware
from tests.dumb_host import (
    IP,
    OWN,
    RING_BASE,
    SA,
    VECTOR,
    DumbHost,
    SparseBlocks,
    extent,
    longword,
    longwords,
    make_controller,
    started,
    status,
    words,
)

RQDX3 = load_firmware("rqdx3")


def fresh(firmware: str = "rqdx3", log2: int = 3) -> DumbHost:
    controller = make_controller(firmware)
    return DumbHost(controller, log2)


# ---- the four steps


@pytest.mark.parametrize("log2", range(8))
def test_init_echoes_every_ring_length_and_clears_the_area(log2: int) -> None:
    host = fresh(log2=log2)
    area = 8 + 8 * (1 << log2)
    host.ram.write(RING_BASE - 8, b"\xff" * (area + 4))
    assert host.reset() == 0x0B40
    assert host.write_sa(0x8000 | log2 << 11 | log2 << 8 | 0x80 | 0x1B) == 0x1080 | log2 << 3 | log2
    assert host.write_sa(RING_BASE) == 0x209B
    assert host.write_sa(0) == 0x4133
    assert host.ram.read(RING_BASE - 8, 4) == b"\xff" * 4, "without PI the purge channel is not touched"
    assert host.ram.read(RING_BASE - 4, area - 4) == bytes(area - 4)
    assert host.ram.read(RING_BASE + area - 8, 4) == b"\xff" * 4
    assert host.line.requests == [0x6C] * 3, "one interrupt for each of steps 2, 3 and 4"


def test_purge_interrupts_wanted_clear_four_more_bytes() -> None:
    host = fresh()
    host.ram.write(RING_BASE - 8, b"\xff" * 8)
    host.reset()
    for word in (0x8000, RING_BASE | 1, 0):
        host.write_sa(word)
    assert host.ram.read(RING_BASE - 8, 8) == bytes(8)


def test_a_step_never_appears_inside_the_register_write() -> None:
    host = fresh()
    host.port.write_register(IP, 0, 2)
    assert host.sa() == 0
    host.run()
    host.port.write_register(SA, 0x8000, 2)
    assert host.sa() == 0x0B40
    host.port.write_register(SA, 0xFFFF, 2)  # too early: nobody listens
    host.run()
    assert host.sa() == 0x1080


def test_a_step_1_word_without_the_valid_bit_shows_step_1_again() -> None:
    host = fresh()
    host.reset()
    assert host.write_sa(0x0000) == 0x0B40
    assert host.write_sa(0x8000) == 0x1080


def test_a_uda50_dies_of_a_step_1_word_without_the_valid_bit() -> None:
    host = fresh("uda50")
    host.reset()
    assert host.write_sa(0x0000) == 0x8C80


def test_wrap_mode_echoes_for_ever() -> None:
    host = fresh()
    host.reset()
    for word in (0xC000, 0x1234, 0x0000, 0xFFFF):
        assert host.write_sa(word) == word
    assert host.reset() == 0x0B40


def test_the_purge_poll_test_wants_a_zero_and_then_a_poll() -> None:
    host = fresh()
    host.reset()
    host.write_sa(0x8000)
    host.write_sa(RING_BASE)
    assert host.write_sa(0x8000) == 0
    assert host.write_sa(0) == 0
    host.poll()
    host.run()
    assert host.sa() == 0x4133


def test_a_purge_that_is_not_zero_is_fatal_21() -> None:
    host = fresh()
    host.reset()
    for word in (0x8000, RING_BASE, 0x8000, 1):
        host.write_sa(word)
    assert host.sa() == 0x8015


def test_go_may_come_in_a_second_step_4_word() -> None:
    host = fresh()
    host.reset()
    for word in (0x8000, RING_BASE, 0, 3 << 2):
        host.write_sa(word)
    assert host.sa() == 0x4133
    host.port.write_register(SA, 3 << 2 | 1, 2)
    assert not host.sa() & 0x8000
    assert host.port.state is State.RUN


@pytest.mark.parametrize("firmware", ["rqdx3", "kda50"])
def test_a_running_port_shows_zero(firmware: str) -> None:
    host = fresh(firmware)
    host.start()
    assert host.sa() == 0


def test_a_step_interrupts_only_with_interrupt_enable() -> None:
    host = fresh()
    host.reset()
    host.write_sa(0x8000 | 0x1B)
    assert host.line.requests == []


def test_writing_ip_withdraws_the_interrupt_and_forgets_everything() -> None:
    host = started()
    before = host.line.withdrawn
    assert host.reset() == 0x0B40
    assert host.line.withdrawn == before + 1
    assert host.controller.servers[0].online == {}


def test_an_undeclared_access_is_heard_of_and_reads_zero() -> None:
    host = fresh()
    heard: list[Event] = []
    host.controller.tracer.subscribe(heard.append)
    assert host.port.read_register(1, 1) == 0
    host.port.write_register(4, 7, 2)
    assert [event.kind for event in heard if isinstance(event, RegisterAccess)] == [
        "stray read",
        "stray write",
    ]


def test_the_trace_tells_states_registers_and_messages() -> None:
    host = fresh()
    heard: list[Event] = []
    host.controller.tracer.subscribe(heard.append)
    host.start()
    host.scc()
    states = [event.after for event in heard if isinstance(event, StateChanged) and event.after != "BETWEEN"]
    assert states == ["S1", "S2", "S3", "S4", "RUN"]
    assert [event.direction for event in heard if isinstance(event, MessageMoved)] == ["H>C", "C>H"]


# ---- boot ROMs, captured


def hexwords(text: str) -> bytes:
    return words(*(int(word, 16) for word in text.split()))


class BootRom:
    """A boot ROM: one slot each way, no interrupts, packets where it likes."""

    def __init__(self, firmware: str, drive: str, steps: dict[int, int], response: int, command: int) -> None:
        self.controller = make_controller(firmware)
        rom_drive = self.controller.firmware.drives[drive]
        self.controller.attach_unit(0, SparseBlocks(rom_drive.block_count), rom_drive, serial=0)
        self.host = DumbHost(self.controller, 0, vector=0)
        self.host.port.write_register(IP, 0, 2)
        self.host.run()
        self.shown = [self.host.sa()] + [self.host.write_sa(word) for word in list(steps.values())]
        self.host.port.write_register(SA, 1, 2)
        self.ring = steps[2] | steps[3] << 16
        self.response, self.command = response, command

    def ask(self, packet: str, flag: int = 0) -> bytes:
        ram, host = self.host.ram, self.host
        ram.write(self.command - 4, bytes(64))
        ram.write(self.command - 4, hexwords(packet))
        ram.write_longword(self.ring, OWN | self.response)
        ram.write_longword(self.ring + 4, OWN | flag | self.command)
        host.poll()
        assert ram.read_longword(self.ring) == 0x40000000 | self.response
        assert ram.read_longword(self.ring + 4) == 0x40000000 | self.command
        length = int.from_bytes(ram.read(self.response - 4, 2), "little")
        return bytes(ram.read(self.response - 4, 4 + length))


def test_ka655_boots_as_captured() -> None:
    rom = BootRom("rqdx3", "RD54", {1: 0x8000, 2: 0x01C6, 3: 0}, 0x212, 0x1D2)
    assert rom.shown == [0x0B40, 0x1080, 0x2000, 0x4133]
    assert rom.ask("003C 0000 0001 0000 0000 0000 0004 0000 0000 0000 0000 0000") == hexwords(
        "0020 000F 0001 0000 0000 0000 0084 0000 0000 8000 0078 0103 0000 0000 0000 0113 0000 0000"
    )
    online = rom.ask("003C 0000 0001 0000 0000 0000 0009 0000", 0x40000000)
    assert online[:44] == hexwords(  # all but the volume serial number
        "002C 0002 0001 0000 0000 0000 0089 0000 0000 8000 0000 0000"
        " 0000 0000 0000 020D 4036 2564 0000 0000 BFA0 0004"
    )
    read = rom.ask(
        "003C 0000 0001 0000 0000 0000 0021 0000 0200 0000 0418 0000 0000 0000 0000 0000 0001 0000"
    )
    assert read == hexwords(
        "0020 0001 0001 0000 0000 0000 00A1 0000 0200 0000 0418 0000 0000 0000 0000 0000 0001 0000"
    )


def test_vax_780_boots_as_captured() -> None:
    rom = BootRom("uda50a", "RA81", {1: 0x8000, 2: 0xDDD8, 3: 3}, 0x3DE18, 0x3DDE4)
    assert rom.shown == [0x0940, 0x1080, 0x2000, 0x4063]
    scc = rom.ask("0030 0001 0001 0000 0000 0000 0004 0000 0000 0000 00FF 0000")
    assert scc == hexwords(
        "0020 000F 0001 0000 0000 0000 0084 0000 0000 8000 0078 0103 0000 0000 0000 0106 0000 0000"
    )
    online = rom.ask("0030 0001 0001 0000 0000 0000 0009 0000")
    assert online[:44] == hexwords(
        "002C 0002 0001 0000 0000 0000 0089 0000 0000 8000 0000 0000 0000 0000 0000 0205 1051 2564"
        " 0000 0000 98C0 000D"
    )
    read = rom.ask(
        "0030 0001 0001 0000 0000 0000 0021 0000 0200 0000 0018 0000 0000 0000 0000 0000 0001 0000"
    )
    assert read == hexwords(
        "0020 0001 0001 0000 0000 0000 00A1 0000 0200 0000 0018 0000 0000 0000 0000 0000 0001 0000"
    )


def test_pdp_11_boots_as_captured_without_scc_and_with_reference_number_0() -> None:
    rom = BootRom("rqdx3", "RD52", {1: 0x8000, 2: 0x0E84, 3: 0}, 0xE04, 0xE44)
    online = rom.ask("0010 0000 0000 0000 0000 0000 0009 0000")
    assert online[:44] == hexwords(
        "002C 000F 0000 0000 0000 0000 0089 0000 0000 8000 0000 0000 0000 0000 0000 0208 4034 2564"
        " 0000 0000 EC40 0000"
    )
    assert rom.ask("0020 0000 0000 0000 0000 0000 0021 0000 0200") == hexwords(
        "0020 0002 0000 0000 0000 0000 00A1 0000 0200 0000 0000 0000 0000 0000 0000 0000 0000 0000"
    )


def test_m9312_boots_with_its_ring_address_as_the_length() -> None:
    rom = BootRom("uda50a", "RA81", {1: 0x8000, 2: 0x0504, 3: 0}, 0x204, 0x238)
    assert status(rom.ask("0504 0000 0000 0000 0000 0000 0009 0000")[4:]) & 0xFF == 0
    assert status(rom.ask("0504 0000 0000 0000 0000 0000 0021 0000 0200")[4:]) & 0xFF == 0


# ---- fatal errors


class Faulty(Ram):
    """Memory that does not answer certain operations at certain addresses."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self.bad: set[tuple[str, int]] = set()

    def _check(self, operation: str, address: int) -> None:
        if (operation, address) in self.bad:
            raise ParityError(address)

    def read_longword(self, address: int) -> int:
        self._check("read_longword", address)
        return super().read_longword(address)

    def write_longword(self, address: int, value: int) -> None:
        self._check("write_longword", address)
        super().write_longword(address, value)

    def write_word(self, address: int, value: int) -> None:
        self._check("write_word", address)
        super().write_word(address, value)

    def read(self, address: int, length: int) -> memoryview:
        self._check("read", address)
        return super().read(address, length)

    def write(self, address, data) -> None:  # type: ignore[no-untyped-def]
        self._check("write", address)
        super().write(address, data)


def with_faulty_memory() -> tuple[DumbHost, Faulty]:
    host = fresh()
    memory = Faulty()
    host.ram = memory
    host.port._memory = memory  # the port of a host that was built around good memory
    host.start()
    return host, memory


@pytest.mark.parametrize(
    ("operation", "address", "sa"),
    [
        ("read", 0x2200, 0x8001),  # the command's envelope
        ("write", 0x2000, 0x8002),  # the response's envelope
        ("read_longword", RING_BASE + 32, 0x8006),  # the command descriptor
        ("read_longword", RING_BASE, 0x8006),  # the response descriptor
        ("read_longword", RING_BASE + 28, 0x8006),  # the response descriptor before it
        ("write_longword", RING_BASE + 32, 0x8007),
        ("write_longword", RING_BASE, 0x8007),
        ("write_word", RING_BASE - 2, 0x8007),
    ],
)
def test_a_bus_error_in_rings_or_packets_is_fatal(operation: str, address: int, sa: int) -> None:
    host, memory = with_faulty_memory()
    put = host.put
    put(host.command(4, parameters=bytes(20)))
    memory.bad.add((operation, address))
    interrupts = len(host.line.requests)
    host.poll()
    assert host.sa() == sa
    assert host.port.state is State.DEAD
    assert len(host.line.requests) == interrupts + 1, "RQDX3 interrupts when it dies"
    host.poll()
    host.port.write_register(SA, 0, 2)
    host.run()
    assert host.sa() == sa, "only a write to IP helps"
    assert host.reset() == 0x0B40


def test_a_communications_area_outside_memory_is_fatal_7() -> None:
    host = fresh()
    host.reset()
    for word in (0x8000, 0, 0x3F):
        host.write_sa(word)
    assert host.sa() == 0x8007


def test_a_descriptor_that_points_nowhere_is_fatal_1() -> None:
    host = fresh()
    host.start()
    host.ram.write_longword(host.command_ring, OWN | 0x3FFFF0)
    host.poll()
    assert host.sa() == 0x8001


def test_a_descriptor_of_zero_has_no_envelope_before_it() -> None:
    host = fresh()
    host.start()
    host.ram.write_longword(host.command_ring, OWN)
    host.poll()
    assert host.sa() == 0x8001


@pytest.mark.parametrize(
    ("envelope", "sa"),
    [
        (words(12, 0x0300), 0x800E),  # nobody there
        (words(12, 0x0100), 0x800E),
        (words(12, 0x0010), 0x8014),  # a datagram
        (words(12, 0xFFF0), 0x8014),  # maintenance
    ],
)
def test_wrong_connections_and_types_are_fatal(envelope: bytes, sa: int) -> None:
    host = fresh()
    host.start()
    host.put(host.command(4, parameters=bytes(20)), envelope=envelope)
    host.poll()
    assert host.sa() == sa


def test_mapping_asked_of_a_port_without_it_is_fatal_23() -> None:
    firmware = replace(RQDX3, step1_bits=RQDX3.step1_bits & ~0x40)
    host = started(firmware)
    host.send(0x21, parameters=extent(0, 512, 0x80000000))
    assert host.sa() == 0x8017
    assert host.take() is None


def test_a_page_table_outside_memory_is_fatal_22() -> None:
    host = started()
    host.send(0x21, parameters=extent(0, 512, 0x80000000, 0x3F0000))
    assert host.sa() == 0x8016


def test_more_commands_than_credits_are_fatal_10() -> None:
    host = started(replace(RQDX3, credits=0))  # the one credit of every connection, and no more
    hold_everything(host)
    host.send(0x21, parameters=extent(0, 512))
    assert host.port.state is State.RUN
    host.send(0x21, parameters=extent(0, 512))
    assert host.sa() == 0x800A


def hold_everything(host: DumbHost) -> None:
    """Replace the medium of unit 0 by one that never answers."""
    unit = host.controller.units[0]
    unit.medium = Silent(2400)


class Silent(SparseBlocks):
    def submit(self, request) -> None:  # type: ignore[no-untyped-def]
        return None


def test_a_fatal_error_interrupts_only_where_the_firmware_says_so() -> None:
    host = DumbHost(make_controller(replace(RQDX3, behaviour=Behaviour(0))))
    host.start()
    before = len(host.line.requests)
    host.put(host.command(4), envelope=words(12, 0x0010))
    host.ram.write_longword(host.command_ring, OWN | host.packet(8))
    host.poll()
    assert host.sa() == 0x8014
    assert len(host.line.requests) == before


# ---- last fail, host access timer


def test_the_last_failure_is_sent_once_after_the_next_go() -> None:
    host = fresh()
    host.start()
    host.run(61 * SECOND_NS)
    assert host.sa() == 0x8009
    host.start(last_fail=True)
    host.run(10_000_000)  # the slots were given after GO: the datagram waits for them
    assert host.take() == bytes.fromhex(
        "18 00 10 FF 00 00 00 00 00 00 00 00 00 01 0A 00 00 00 00 00 00 00 13 01 03 01 09 00"
    )
    host.start(last_fail=True)
    host.run(10_000_000)
    assert host.take() is None


def test_without_lf_the_last_failure_is_kept() -> None:
    host = fresh()
    host.start()
    host.run(61 * SECOND_NS)
    host.start()
    host.run(10_000_000)
    assert host.take() is None
    host.start(last_fail=True)
    host.run(10_000_000)
    assert host.take() is not None


def test_a_silent_host_is_given_60_seconds_at_first() -> None:
    host = fresh()
    host.start()
    host.run(59 * SECOND_NS)
    assert host.port.state is State.RUN
    host.run(2 * SECOND_NS)
    assert host.sa() == 0x8009


def test_timeout_0_lets_the_host_be_silent_for_ever() -> None:
    host = fresh()
    host.start()
    host.scc(timeout=0)
    host.run(10_000 * SECOND_NS)
    assert host.port.state is State.RUN


def test_each_command_winds_the_timer_up_again() -> None:
    host = fresh()
    host.start()
    host.scc(timeout=10)
    for _ in range(5):
        host.run(9 * SECOND_NS)
        host.scc(timeout=10)
    assert host.port.state is State.RUN
    host.run(13 * SECOND_NS)
    assert host.sa() == 0x8009


def test_an_outstanding_command_stops_the_timer() -> None:
    host = started()
    host.scc(timeout=5)
    hold_everything(host)
    host.send(0x21, parameters=extent(0, 512))
    host.run(100 * SECOND_NS)
    assert host.port.state is State.RUN


# ---- two of everything


def test_two_controllers_side_by_side_do_not_know_each_other() -> None:
    one, other = DumbHost(make_controller(serial=1)), DumbHost(make_controller(serial=2), 5)
    one.start()
    other.start()
    first, second = one.scc(0xD0), other.scc(0)
    assert first[20:28] != second[20:28]
    one.reset()
    assert other.port.state is State.RUN
    assert longword(other.ask(3, 7), 0) == other.crf


# ---- anything at all


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    packets=st.lists(
        st.one_of(
            st.binary(min_size=64, max_size=64),
            st.builds(
                lambda opcode, unit, mod, rest: words(60, 0, 1, 0, unit, 0, opcode, mod) + rest,
                st.integers(0, 0x3F),
                st.integers(0, 2),
                st.integers(0, 0xFFFF),
                st.binary(min_size=48, max_size=48),
            ),
        ),
        max_size=6,
    )
)
def test_no_packet_makes_the_port_raise(packets: list[bytes]) -> None:
    host = started()
    for packet in packets:
        if host.port.state is not State.RUN:
            break
        host.put(packet[4:], envelope=packet[:4])
        host.poll()
        host.run(1000)
        host.responses()
    assert host.port.state in (State.RUN, State.DEAD)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(
    commands=st.lists(st.integers(0, 0xFFFFFFFF), min_size=8, max_size=8),
    responses=st.lists(st.integers(0, 0xFFFFFFFF), min_size=8, max_size=8),
)
def test_no_descriptor_makes_the_port_raise(commands: list[int], responses: list[int]) -> None:
    host = started()
    for index in range(8):
        host.ram.write_longword(RING_BASE + 4 * index, responses[index])
        host.ram.write_longword(host.command_ring + 4 * index, commands[index])
    host.poll()
    host.run(20_000_000)
    assert host.port.state in (State.RUN, State.DEAD)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from(["ip", "sa", "poll", "time"]), st.integers(0, 0xFFFF)), max_size=20)
)
def test_no_register_access_makes_the_port_raise(accesses: list[tuple[str, int]]) -> None:
    host = fresh()
    for kind, value in accesses:
        if kind == "ip":
            host.port.write_register(IP, value, 2)
        elif kind == "sa":
            host.port.write_register(SA, value, 2)
        elif kind == "poll":
            host.poll()
        else:
            host.run()
        assert 0 <= host.sa() <= 0xFFFF


def test_every_reserved_bit_set_changes_nothing() -> None:
    host = started()
    text = bytearray(host.command(0x03))
    text[6:8] = b"\xff\xff"
    text[9] = 0xFF
    host.put(bytes(text) + b"\xff" * 48, envelope=words(60, 0x000F))
    host.poll()
    packet = host.take()
    assert packet is not None
    assert status(packet[4:]) == 0
    assert longwords(host.crf) == packet[4:8]


# ---- purges of a UNIBUS adapter's buffered datapaths


def purging(firmware: str = "uda50a", purge_interrupts: bool = True) -> DumbHost:
    """Make a host with a unit online that wants, or does not want, purge interrupts."""
    controller = make_controller(firmware)
    drive = controller.firmware.drives["RA81"]
    controller.attach_unit(0, SparseBlocks(drive.block_count), drive)
    host = DumbHost(controller)
    host.start(ring_base=RING_BASE | purge_interrupts)
    host.scc()
    assert status(host.online()) == 0
    host.line.requests.clear()
    return host


def channel(host: DumbHost) -> int:
    return host.ram.read(RING_BASE - 5, 1)[0]


@pytest.mark.parametrize("opcode", [0x20, 0x21, 0x22])
def test_a_transfer_through_a_buffered_datapath_ends_when_the_host_has_purged_it(opcode: int) -> None:
    host = purging()
    host.send(opcode, parameters=extent(0, 512, 3 << 24 | 0x10000))
    assert (channel(host), host.line.requests) == (3, [VECTOR])
    assert host.take() is None
    host.port.write_register(SA, 0, 2)
    end = host.take()
    assert end is not None
    assert (status(end[4:]), longword(end, 16)) == (0, 512)


def test_datapaths_are_purged_one_after_the_other() -> None:
    host = purging()
    first, second = (host.send(0x21, parameters=extent(0, 512, path << 24 | 0x10000)) for path in (1, 15))
    assert channel(host) == 1
    host.port.write_register(SA, 0, 2)
    assert channel(host) == 15
    host.port.write_register(SA, 0, 2)
    assert [longword(packet, 4) for packet in host.responses()] == [first, second]
    host.port.write_register(SA, 0, 2)
    assert host.responses() == []


def test_a_direct_datapath_needs_no_purge() -> None:
    assert status(purging().read(0, 512)) == 0


def test_who_does_not_want_purges_or_has_no_unibus_gets_none() -> None:
    assert status(purging(purge_interrupts=False).read(0, 512, 5 << 24 | 0x10000)) == 0
    assert status(purging("kda50").read(0, 512, 5 << 24 | 0x10000)) == 0


def test_what_moves_no_host_data_purges_nothing() -> None:
    host = purging()
    assert status(host.transfer(0x10, 0, 512, 5 << 24)) == 0
    assert status(host.read(5_000_000, 512, 5 << 24 | 0x10000)) == 0x1C01


def test_an_abort_does_not_wait_for_a_purge() -> None:
    host = purging()
    read = host.send(0x21, parameters=extent(0, 512, 3 << 24 | 0x10000))
    host.send(0x01, 0, 0, longwords(read))
    assert [status(packet[4:]) for packet in host.responses()] == [2, 0]
    host.port.write_register(SA, 0, 2)
    assert host.responses() == []


def test_a_purge_is_forgotten_with_the_host() -> None:
    host = purging()
    host.send(0x21, parameters=extent(0, 512, 3 << 24 | 0x10000))
    host.start(ring_base=RING_BASE | 1)
    host.port.write_register(SA, 0, 2)
    assert host.responses() == []
    assert channel(host) == 0
