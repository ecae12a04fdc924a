"""Our drivers, and the dumb host, before a controller that nobody here wrote: the RQ of a stock SIMH.

What differs from a real RQDX3, or from the manual, is SIMH's; what SIMH's own source says is quoted as a number only.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from drivers.classes.disk import UnitState
from drivers.message import Message
from drivers.platform.host import WaitingIrp
from drivers.platform.irp import Irp
from drivers.port.mscp_port import PortState
from drivers.shadow.mount import MountRequest
from drivers.shadow.utility import Policy
from emu.core.bus import NonexistentMemory
from emu.core.clock import Scheduler
from emu.core.trace import ConsoleLine, Event
from emu.shells.simh_bus import RQ_CSR, Disk, SimhBus, SimhMemory
from emu.shells.simh_prompt import SimhError, SimhPrompt
from emu.shells.simh_world import SimhWorld
from tests.dumb_host import (
    DATA,
    IP,
    SA,
    Line,
    RingHost,
    extent,
    longword,
    longwords,
    status,
    word,
    words,
)
from tests.interop.debian import require
from tests.unit.check_host_memory import check_host_memory


@pytest.fixture(scope="module", autouse=True)
def debians_pdp11() -> None:
    require("pdp11", "simh")


READ, WRITE, COMPARE, ERASE = 12, 11, 10, 21  # IO$_READPBLK and so on
NORMAL = 1
RD54_BLOCKS, RX33_BLOCKS, RA92_BLOCKS = 311200, 2400, 2940951
SECOND_NS = 1_000_000_000
ATTENTION_PATIENCE_NS = 3000 * SECOND_NS  # SIMH looks for new media once a second of the wall clock


def image(tmp_path: Path, name: str, blocks: int) -> Path:
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(blocks * 512)
    return path


@pytest.fixture
def disks(tmp_path: Path) -> list[Disk]:
    """A Winchester, a floppy that is write-locked, a large disk; the fourth unit has no medium."""
    return [
        Disk("RD54", image(tmp_path, "rd54", RD54_BLOCKS)),
        Disk("RX33", image(tmp_path, "rx33", RX33_BLOCKS), write_locked=True),
        Disk("RA92", image(tmp_path, "ra92", RA92_BLOCKS)),
        Disk("RX33"),
    ]


class Host:
    """The drivers on SIMH's RQ, every unit with a medium on line."""

    def __init__(self, world: SimhWorld) -> None:
        self.world = world
        self.said: list[str] = []
        world.tracer.subscribe(self._hear)
        assert world.boot()
        self.units = world.driver.units
        for unit in self.units.values():
            if unit.state is UnitState.AVAILABLE:
                assert world.run(unit.online()) == NORMAL

    def _hear(self, event: Event) -> None:
        if isinstance(event, ConsoleLine):
            self.said.append(event.text)

    def buffer(self, data: bytes) -> int:
        address = self.world.platform.pool.allocate(len(data))
        self.world.platform.memory.write(address, data)
        return address

    def contents(self, irp: Irp) -> bytes:
        return bytes(self.world.platform.window(irp.address, irp.byte_count))

    def queue(self, function: int, lbn: int = 0, data: bytes = bytes(512), unit: int = 0) -> "Request":
        return self.queue_at(self.buffer(data), function, lbn, len(data), unit)

    def queue_at(self, address: int, function: int, lbn: int, count: int, unit: int = 0) -> "Request":
        request = Request(function, lbn, count, address)
        self.units[unit].queue_io(request)
        return request

    def finish(self, requests: "Sequence[Request]", patience_ns: int = 60 * SECOND_NS) -> None:
        assert self.until(lambda: all(request.answers for request in requests), patience_ns)
        assert all(request.answers == 1 for request in requests), "each request is answered once"

    def until(self, condition: Callable[[], bool], patience_ns: int = 60 * SECOND_NS) -> bool:
        return self.world.bus.run_until(condition, patience_ns)

    def do(self, function: int, lbn: int = 0, data: bytes = bytes(512), unit: int = 0) -> int:
        request = self.queue(function, lbn, data, unit)
        self.finish([request])
        return request.status


class Request(Irp):
    """A request that counts how often it is answered."""

    __slots__ = ("answers",)

    def __init__(self, function: int, lbn: int, byte_count: int, address: int) -> None:
        super().__init__(function, lbn, byte_count, address)
        self.answers = 0

    def complete(self) -> None:
        self.answers += 1


@pytest.fixture
def host(disks: list[Disk]) -> Iterator[Host]:
    with SimhWorld(*disks) as world:
        yield Host(world)


def blocks(first: int, count: int) -> bytes:
    """Blocks that tell their numbers."""
    return b"".join((b"block %07d " % n * 40)[:512] for n in range(first, first + count))


# -- the port and the units


def test_the_port_comes_up_and_says_who_it_is(host: Host) -> None:
    port, driver = host.world.port, host.world.driver
    assert port.state is PortState.RUNNING
    assert (port.model, port.microcode_version) == (19, 3)  # RQDX3
    assert driver.controller_flags == 0x80D0  # REPLC, and our own flags back
    assert driver.controller_timeout_s == 120
    assert port.interrupts > 0
    assert host.said == []


def test_units_of_three_kinds_are_found_with_their_sizes(host: Host) -> None:
    found = {number: (unit.name, unit.media, unit.block_count) for number, unit in host.units.items()}
    assert found == {
        0: ("$1$DUA0:", "DU RD54", RD54_BLOCKS),
        1: ("$1$DUA1:", "DU RX33", RX33_BLOCKS),
        2: ("$1$DUA2:", "DU RA92", RA92_BLOCKS),
        3: ("$1$DUA3:", "DU RX33", 0),
    }


def test_a_unit_without_a_medium_is_offline_until_its_medium_is_announced(host: Host, tmp_path: Path) -> None:
    unit = host.units[3]
    assert unit.state is UnitState.OFFLINE
    assert host.world.run(unit.online()) == 0x1A4  # SS$_MEDOFL
    host.world.bus.attach(3, Disk("RX33", image(tmp_path, "floppy", RX33_BLOCKS)))
    assert host.until(lambda: unit.state is UnitState.AVAILABLE, ATTENTION_PATIENCE_NS)
    assert host.world.run(unit.online()) == NORMAL
    assert unit.block_count == RX33_BLOCKS


def test_a_unit_that_loses_its_medium_goes_offline_and_comes_back(host: Host, disks: list[Disk]) -> None:
    host.world.bus.detach(0)
    assert host.do(READ) == 0x1A4  # SS$_MEDOFL
    host.world.bus.attach(0, disks[0])
    assert host.until(lambda: host.units[0].state is UnitState.AVAILABLE, ATTENTION_PATIENCE_NS)
    assert host.world.run(host.units[0].online()) == NORMAL
    assert host.do(READ) == NORMAL


def test_a_unit_given_up_is_available_and_comes_on_line_again(host: Host) -> None:
    unit = host.units[2]
    assert host.world.run(unit.available()) == NORMAL
    assert unit.state is UnitState.AVAILABLE
    assert host.world.run(unit.online()) == NORMAL
    assert host.do(READ, unit=2) == NORMAL


def test_a_disabled_unit_hides_those_behind_it(disks: list[Disk]) -> None:
    """To "the next unit" SIMH answers with the hole, as an unknown unit; that is where a walk ends."""
    with SimhWorld(*disks) as world:
        world.prompt.tell("detach rq1")
        world.prompt.tell("set rq1 disabled")
        assert world.boot()
        assert list(world.driver.units) == [0]


# -- transfers


def test_what_the_drivers_write_is_in_the_image(host: Host, disks: list[Disk]) -> None:
    assert host.do(WRITE, 100, blocks(100, 1)) == NORMAL
    assert host.do(WRITE, 200, blocks(200, 40)) == NORMAL
    assert host.do(WRITE, RA92_BLOCKS - 1, blocks(7, 1), unit=2) == NORMAL
    rd54, ra92 = (disks[unit].image for unit in (0, 2))
    assert rd54 is not None
    assert ra92 is not None
    with rd54.open("rb") as file:
        file.seek(99 * 512)
        assert file.read(3 * 512) == bytes(512) + blocks(100, 1) + bytes(512)
        file.seek(200 * 512)
        assert file.read(41 * 512) == blocks(200, 40) + bytes(512)
    assert rd54.stat().st_size == RD54_BLOCKS * 512
    with ra92.open("rb") as file:
        file.seek((RA92_BLOCKS - 1) * 512)
        assert file.read() == blocks(7, 1)


def test_what_is_in_the_image_the_drivers_read(host: Host, disks: list[Disk]) -> None:
    path = disks[1].image
    assert path is not None
    with path.open("r+b") as file:
        file.seek(30 * 512)
        file.write(blocks(30, 70))
    request = host.queue(READ, 30, bytes(70 * 512), unit=1)
    host.finish([request])
    assert request.status == NORMAL
    assert request.transferred == 70 * 512
    assert host.contents(request) == blocks(30, 70)


def test_comparing_finds_the_difference(host: Host) -> None:
    assert host.do(WRITE, 5, blocks(5, 2)) == NORMAL
    assert host.do(COMPARE, 5, blocks(5, 2)) == NORMAL
    assert host.do(COMPARE, 5, blocks(5, 1) + blocks(5, 1)) == 0x5C  # SS$_DATACHECK


def test_erasing_writes_zeros_and_needs_no_buffer(host: Host) -> None:
    assert host.do(WRITE, 8, blocks(8, 3)) == NORMAL
    request = host.queue_at(0, ERASE, 9, 512)
    host.finish([request])
    assert request.status == NORMAL
    read = host.queue(READ, 8, bytes(3 * 512))
    host.finish([read])
    assert host.contents(read) == blocks(8, 1) + bytes(512) + blocks(10, 1)


def test_sixteen_requests_in_flight_on_two_units_all_come_back_right(host: Host) -> None:
    writes = [host.queue(WRITE, 10 * n, blocks(10 * n, 2), unit=n % 2 * 2) for n in range(16)]
    host.finish(writes)
    reads = [host.queue(READ, 10 * n, bytes(1024), unit=n % 2 * 2) for n in range(16)]
    host.finish(reads)
    assert [request.status for request in writes + reads] == [NORMAL] * 32
    assert [host.contents(request) for request in reads] == [blocks(10 * n, 2) for n in range(16)]


def test_more_requests_than_credits_wait_and_are_done_in_order(host: Host) -> None:
    place = host.buffer(blocks(0, 1))
    requests = [host.queue_at(place, WRITE, n, 512) for n in range(60)]
    host.finish(requests)
    assert {request.status for request in requests} == {NORMAL}
    read = host.queue(READ, 0, bytes(60 * 512))
    host.finish([read])
    assert host.contents(read) == blocks(0, 1) * 60


# -- errors


def test_a_write_locked_unit_can_be_read_but_not_written(host: Host) -> None:
    assert host.units[1].write_protected
    assert not host.units[0].write_protected
    assert host.do(WRITE, 0, blocks(0, 1), unit=1) == 0x25C  # SS$_WRITLCK
    assert host.do(READ, 0, unit=1) == NORMAL


@pytest.mark.parametrize(
    ("lbn", "count"), [(RD54_BLOCKS + 7, 1), (RD54_BLOCKS - 1, 2), (0x10000000, 1)], ids=hex
)
def test_a_block_past_the_end_is_refused_and_the_unit_goes_on(host: Host, lbn: int, count: int) -> None:
    assert host.do(READ, lbn, bytes(count * 512)) == 0xDC  # SS$_ILLBLKNUM
    assert host.do(READ, RD54_BLOCKS - 1) == NORMAL


@pytest.mark.parametrize("function", [READ, WRITE, COMPARE])
def test_a_buffer_where_there_is_no_memory_is_a_host_buffer_error(host: Host, function: int) -> None:
    request = host.queue_at((1 << 20) + 512, function, 3, 512)
    host.finish([request])
    assert request.status == 0x34C  # SS$_IVBUFLEN
    assert len(host.world.driver.datagrams) == 1, "SIMH sends an error log message about it"
    assert host.do(READ, 3) == NORMAL


def test_a_request_in_the_units_queue_can_be_asked_about_and_aborted(host: Host) -> None:
    host.world.prompt.tell("deposit rq xtime 20000")  # a slow disk
    requests = [host.queue(READ, n) for n in range(3)]
    host.world.bus.run_for(5_000_000)
    assert host.world.run(host.world.driver.command_status(requests[0])) == 512
    assert (
        host.world.run(host.world.driver.command_status(requests[1])) == 0
    )  # SIMH tells of the active one only
    host.world.driver.abort(requests[1])
    host.finish(requests)
    assert [request.status for request in requests] == [NORMAL, 0x2C, NORMAL]  # SS$_ABORT


# -- above the class driver


def test_a_shadow_set_of_simhs_disks_takes_a_member_back_by_minicopy(tmp_path: Path) -> None:
    images = [image(tmp_path, name, RX33_BLOCKS) for name in ("one", "two", "three")]
    said: list[Message] = []
    with SimhWorld(*(Disk("RX33", path) for path in images)) as world:
        utilities = world.node.utilities

        def mount(names: list[str], policy: Policy) -> None:
            request = MountRequest("DSA1:", names, "PAYROLL", policy, copy=True)
            world.run(utilities.mount(request, world.node.cluster.nodes, said.append))

        def write(lbn: int) -> None:
            address = world.platform.pool.allocate(512)
            world.platform.memory.write(address, blocks(lbn, 1))
            irp = WaitingIrp(world.platform, WRITE, lbn, 512, address)
            world.node.shadow.units["DSA1:"].queue_io(irp)
            assert world.bus.run_until(lambda: irp.finished.is_set)
            assert irp.status == NORMAL

        assert world.boot()
        names = ["$1$DUA0:", "$1$DUA1:", "$1$DUA2:"]
        world.run(utilities.initialize(names, "PAYROLL", shadow=True))
        mount(names, Policy.DEFAULT)
        write(100)
        world.run(utilities.dismount_member("$1$DUA2:", Policy.MINICOPY, said.append))
        for lbn in (200, 1000, 2000):
            write(lbn)
        mount(["$1$DUA2:"], Policy.MINICOPY)
        vu = world.node.shadow.units["DSA1:"]
        assert world.bus.run_until(lambda: not vu.targets and vu.copy is None)
        assert said[-1].ident == "SHDWMEMMCPY"
    one, two, three = (path.read_bytes() for path in images)
    assert one == two == three
    assert all(three[lbn * 512 :].startswith(blocks(lbn, 1)) for lbn in (100, 200, 1000, 2000))


# -- the controller dies


def test_garbage_in_the_command_ring_kills_the_port_and_the_drivers_bring_it_back(host: Host) -> None:
    ask = host.world.prompt.ask
    writes = [host.queue(WRITE, 10 * n, blocks(10 * n, 1), unit=n % 2 * 2) for n in range(10)]
    host.world.bus.run_for(700_000)  # some are answered, some are not
    assert 0 < sum(request.answers for request in writes) < 10
    ring, index = (int(line.split()[1], 8) for line in ask("examine rq cqba,cqidx").splitlines())
    descriptor = ring + 4 * index  # the one that the controller looks at next
    ask(f"deposit {descriptor:o} 177776")  # a packet where there is no memory,
    ask(f"deposit {descriptor + 2:o} 100077")  # given to the controller
    host.finish(writes)
    assert host.world.port.last_failure == 0o100001  # packet read error
    assert host.said == ["%PU-W-RESTART, _PUA0: port is restarted, SA was 100001"]
    assert [request.status for request in writes] == [NORMAL] * 10
    reads = [host.queue(READ, 10 * n, unit=n % 2 * 2) for n in range(10)]
    host.finish(reads)
    assert [host.contents(request) for request in reads] == [blocks(10 * n, 1) for n in range(10)]
    assert len(host.world.driver.datagrams) == 1, "the last-fail packet"


def test_a_controller_initialised_behind_the_drivers_back_is_noticed_by_its_silence(host: Host) -> None:
    writes = [host.queue(WRITE, n, blocks(n, 1)) for n in range(4)]
    host.world.bus.run_for(100_000)
    host.world.prompt.tell("deposit 17772150 0")
    assert not any(request.answers for request in writes)
    host.finish(
        writes, 400 * SECOND_NS
    )  # two controller timeouts of 120 s: SA shows step 1, which is no error
    assert [request.status for request in writes] == [NORMAL] * 4
    assert host.world.port.failures == 1


def test_a_machine_without_the_controller_answers_no_register(tmp_path: Path) -> None:
    with SimhPrompt() as prompt:
        registers = SimhBus(prompt, Scheduler()).registers(0o17760000)
        with pytest.raises(NonexistentMemory):
            registers.read_register(IP, 2)
        with pytest.raises(NonexistentMemory):
            registers.write_register(IP, 0, 2)


# -- the bus itself


def test_the_copy_of_the_machines_memory_keeps_what_every_host_memory_promises() -> None:
    with ExitStack() as stack:
        check_host_memory(lambda: SimhMemory(stack.enter_context(SimhPrompt()), 4096), 4096)


def test_what_both_sides_write_meets_and_nothing_is_lost() -> None:
    with SimhPrompt() as prompt:
        memory = SimhMemory(prompt, 4096)
        memory.write_longword(0o1000, 0x11112222)
        memory.flush()
        prompt.tell("deposit 1002 7")
        memory.stale()
        memory.write_word(0o1000, 0)  # an older copy of the page does not come back with it
        memory.flush()
        assert prompt.ask("examine 1000-1004").split()[1::2] == ["000000", "000007", "000000"]
        assert memory.read_longword(0o1000) == 7 << 16


def test_a_word_written_by_both_sides_at_once_is_a_bug() -> None:
    with SimhPrompt() as prompt:
        memory = SimhMemory(prompt, 4096)
        (view,) = memory.window(0o1000, 4)
        prompt.tell("deposit 1000 5")
        memory.stale()
        view[3] = 1  # late, but another word
        assert memory.read_longword(0o1000) == 0x0100_0005
        prompt.tell("deposit 1000 6")
        memory.stale()
        view[0] = 7
        with pytest.raises(AssertionError, match="word 1000 was written by both"):
            memory.flush()


def test_a_simulator_that_says_nothing_any_more_is_given_up() -> None:
    with SimhPrompt(patience_s=0.1) as prompt:
        prompt.tell("deposit 1000 777")
        prompt.tell("deposit pc 1000")
        with pytest.raises(SimhError, match="no prompt"):
            prompt.ask("step 1000000000")


def test_a_program_that_is_no_simulator_is_refused() -> None:
    with pytest.raises(SimhError, match="has ended"):
        SimhPrompt("true")
    with pytest.raises(FileNotFoundError):
        SimhPrompt("no-such-simulator")


def test_a_simulator_that_refuses_a_disk_is_ended(tmp_path: Path) -> None:
    with pytest.raises(SimhError, match="RA1"):
        SimhWorld(Disk("RA1"))
    with pytest.raises(FileNotFoundError):
        SimhWorld(Disk("RX33", tmp_path / "nowhere"))
    with pytest.raises(SimhError, match="attach"):
        SimhWorld(Disk("RX33", tmp_path))


# -- conversations of the dumb host (MSCP chapter of the spec, captured boot sequences)


class SimhHost(RingHost):
    """The dumb host before SIMH's RQ: it waits for answers."""

    def __init__(self, prompt: SimhPrompt, disks: Sequence[Disk], log2: int = 3) -> None:
        self.bus = SimhBus(prompt, Scheduler(), disks)
        self.line = Line()
        self.bus.line = self.line
        super().__init__(self.bus, self.bus.memory, self.bus.registers(RQ_CSR), log2)

    def answer(self) -> bytes | None:
        packet = None

        def came() -> bool:
            nonlocal packet
            packet = self.take()
            return packet is not None

        self.bus.run_until(came, SECOND_NS)
        return packet

    def packet_of(self, text: bytes) -> bytes:
        """Send a text as it stands and return the answer, envelope and all."""
        self.put(text)
        self.poll()
        answer = self.answer()
        assert answer is not None
        return answer


@pytest.fixture
def simh_host(disks: list[Disk]) -> Iterator[SimhHost]:
    with SimhPrompt() as prompt:
        yield SimhHost(prompt, disks)


def started(host: SimhHost) -> SimhHost:
    host.start()
    host.run()  # GO takes some instructions
    return host


def test_the_boot_roms_step_words_get_the_captured_answers(simh_host: SimhHost) -> None:
    host = simh_host
    assert host.reset() == 0x0B40
    assert host.write_sa(0x8000) == 0x1080
    assert host.write_sa(0x01C6) == 0x2000
    assert host.write_sa(0x0000) == 0x4133
    assert host.write_sa(0x0001) == 0x0000


def test_the_step_words_of_211bsd_are_echoed_and_interrupt_three_times(simh_host: SimhHost) -> None:
    host = simh_host
    host.reset()
    assert host.write_sa(0x9B9B) == 0x109B
    assert host.write_sa(0x1008) == 0x209B
    assert host.write_sa(0x0000) == 0x4133
    assert host.line.requests == [0o154] * 3


def test_the_conversation_of_the_microvax_3800_is_repeated_word_by_word(simh_host: SimhHost) -> None:
    host = started(simh_host)
    answer = host.packet_of(words(1, 0, 0, 0, 4, 0) + bytes(48))
    assert answer == words(0x20, 0x000F, 1, 0, 0, 0, 0x84, 0, 0, 0x8000, 0x78, 0x0103, 0, 0, 0, 0x0113, 0, 0)
    answer = host.packet_of(words(1, 0, 0, 0, 9, 0) + bytes(48))
    assert answer[:4] == words(0x2C, 0x0002)
    assert answer[4:] == (
        words(1, 0, 0, 0, 0x89, 0, 0, 0x8000, 0, 0, 0, 0, 0, 0x020D, 0x4036, 0x2564, 0, 0)
        + words(0xBFA0, 0x0004, 0x029C, 0)
    )
    read = words(1, 0, 0, 0, 0x21, 0, 0x0200, 0, 0x0418, 1, 0, 0, 0, 0, 1, 0)
    answer = host.packet_of(read + bytes(28))
    assert answer == words(0x20, 0x0001, 1, 0, 0, 0, 0xA1, 0, 0x0200, 0, 0x0418, 1, 0, 0, 0, 0, 1, 0)


def test_the_first_answers_open_the_window_to_sixteen(simh_host: SimhHost) -> None:
    host = started(simh_host)
    granted = []
    for _ in range(4):
        before = host.credits
        host.scc()
        granted.append(host.credits - before + 1)
    assert granted == [15, 2, 1, 1]
    assert host.credits == 16


def test_a_block_goes_out_and_comes_back(simh_host: SimhHost) -> None:
    host = started(simh_host)
    assert status(host.online()) == 0
    host.ram.write(DATA, b"\xa5\x5a" * 256)
    assert host.write(7, 512)[8:16] == bytes([0xA2, 0]) + words(0) + longwords(512)
    assert status(host.read(7, 512, DATA + 0x1000)) == 0
    assert bytes(host.ram.read(DATA + 0x1000, 512)) == b"\xa5\x5a" * 256


@pytest.mark.parametrize(
    ("opcode", "unit", "parameters", "endcode", "wanted"),
    [
        (0x33, 0, b"", 0x80, 0x0801),  # no such opcode
        (0x04, 0, words(1, 0, 0), 0x80, 0x0C01),  # a version of MSCP that nobody speaks
        (0x09, 9, bytes(24), 0x89, 0x0003),  # no such unit
        (0x09, 3, bytes(24), 0x89, 0x0023),  # no medium
        (0x21, 2, extent(0, 512), 0xA1, 0x0004),  # not on line
        (0x21, 0, extent(311207, 512), 0xA1, 0x1C01),  # beyond the replacement table
        (0x21, 0, extent(311199, 1024), 0xA1, 0x0C01),  # over the end
        (0x21, 0, extent(0, 511), 0xA1, 0x0049),  # odd byte count
        (0x21, 0, extent(0, 512, DATA + 1), 0xA1, 0x0029),  # odd address
        (0x22, 1, extent(0, 512), 0xA2, 0x2006),  # write-locked
        (0x22, 0, extent(311200, 512), 0xA2, 0x1C01),  # the replacement table is not written
    ],
)
def test_a_command_in_error_ends_with_the_books_status(
    simh_host: SimhHost, opcode: int, unit: int, parameters: bytes, endcode: int, wanted: int
) -> None:
    host = started(simh_host)
    for number in (0, 1):
        assert status(host.online(number)) == 0
    end = host.ask(opcode, unit, 0, parameters)
    assert (end[8], status(end)) == (endcode, wanted)


def test_the_unit_walk_ends_where_it_began(simh_host: SimhHost) -> None:
    host = started(simh_host)
    walk = [host.ask(0x03, number, 1) for number in range(5)]
    assert [(word(end, 4), status(end)) for end in walk] == [(0, 4), (1, 4), (2, 4), (3, 0x23), (0, 4)]
    assert [longword(end, 28) for end in walk] == [0x25644036, 0x25658021, 0x2564105C, 0x25658021, 0x25644036]


def test_what_is_written_to_sa_in_wrap_mode_comes_back(simh_host: SimhHost) -> None:
    host = simh_host
    host.reset()
    for value in (0xC000, 0x1234, 0xFFFF):
        assert host.write_sa(value) == value
    assert host.reset() == 0x0B40


def test_the_purge_and_poll_test_comes_before_step_4(simh_host: SimhHost) -> None:
    host = simh_host
    host.reset()
    host.write_sa(0x8000)
    host.write_sa(0x1008)
    assert host.write_sa(0x8000) == 0
    assert host.write_sa(0) == 0
    host.poll()
    host.run()
    assert host.sa() == 0x4133


@pytest.mark.parametrize(
    ("envelope", "code"),
    [
        (words(12, 0x0700), 0x800E),  # no server has this connection
        (words(12, 0x0010), 0x8014),  # hosts send no datagrams
    ],
)
def test_a_wrong_envelope_is_fatal_and_is_remembered(simh_host: SimhHost, envelope: bytes, code: int) -> None:
    host = started(simh_host)
    host.put(host.command(0x04), envelope=envelope)
    host.poll()
    host.run()
    assert host.sa() == code
    host.start(last_fail=True)
    last_fail = host.answer()
    assert last_fail is not None
    assert last_fail[:4] == words(24, 0xFF10)
    assert word(last_fail[4:], 22) == code & 0x7FFF


def test_a_command_polled_before_go_has_taken_effect_is_not_fetched(simh_host: SimhHost) -> None:
    """SIMH's GO takes ten instructions; a poll that comes sooner is lost, and is not made up for."""
    host = simh_host
    host.start()
    host.send(0x04, 0, 0, bytes(20))
    host.run(SECOND_NS)
    assert host.take() is None
    host.port.read_register(IP, 2)
    assert host.answer() is not None
    assert host.port.read_register(SA, 2) == 0
