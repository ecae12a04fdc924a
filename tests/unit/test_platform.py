"""Platforms: interrupts, and how buffers become reachable for a controller."""

import pytest

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.host import Platform
from drivers.platform.process import Procedure
from drivers.platform.vax import VaxPlatform
from emu.core.bus import NonexistentMemory
from emu.core.clock import Scheduler
from emu.core.trace import Tracer
from emu.hw.memory.qbus_map import QbusMap
from emu.hw.memory.ram import Ram
from emu.hw.uqssp.buffers import mapped_buffer

MEMORY_BYTES = 8 << 20


class Vax:
    """A MicroVAX with 8 MB, and its Q-bus."""

    def __init__(self) -> None:
        self.clock = Scheduler()
        self.ram = Ram(MEMORY_BYTES)
        self.qbus = QbusMap(self.ram)
        self.platform = VaxPlatform("VAX1", self.clock, self.ram, MEMORY_BYTES, self.qbus.registers, Tracer())

    def valid(self) -> int:
        """Count valid map registers."""
        return sum(entry >> 31 for entry in self.qbus.registers.cast("I"))


def make_alpha(clock: Scheduler | None = None) -> tuple[AlphaPlatform, Ram]:
    ram = Ram(MEMORY_BYTES)
    return AlphaPlatform("ALPHA1", clock or Scheduler(), ram, MEMORY_BYTES, Tracer()), ram


# -- interrupts


def any_platform(clock: Scheduler | None = None) -> Platform:
    return make_alpha(clock)[0]


def test_a_request_stays_until_it_is_granted_and_is_granted_once() -> None:
    clock = Scheduler()
    platform, served = any_platform(clock), []
    vector = platform.connect_interrupt(lambda: served.append(1))
    line = platform.interrupt_line()
    line.request(vector)
    line.request(vector)
    assert served == []
    clock.run_soon()
    assert served == [1]


def test_a_processor_that_is_busy_grants_a_request_later() -> None:
    clock = Scheduler()
    platform, served = any_platform(clock), []
    platform.interrupt_latency_ns = 500
    vector = platform.connect_interrupt(lambda: served.append(clock.now_ns))
    platform.interrupt_line().request(vector)
    clock.run_for(1000)
    assert served == [500]


def test_a_withdrawn_request_is_not_granted() -> None:
    clock = Scheduler()
    platform, served = any_platform(clock), []
    line = platform.interrupt_line()
    line.request(platform.connect_interrupt(lambda: served.append(1)))
    line.withdraw()
    clock.run_soon()
    assert served == []


def test_two_devices_have_vectors_of_their_own_that_fit_a_step_1_word() -> None:
    platform, served = any_platform(), []
    vectors = [platform.connect_interrupt(lambda name=name: served.append(name)) for name in "AB"]
    assert len(set(vectors)) == 2
    assert all(0 < vector < 512 and vector % 4 == 0 for vector in vectors)
    platform.interrupt(vectors[1])
    platform.interrupt(vectors[0])
    assert served == ["B", "A"]


def test_an_interrupt_nobody_serves_is_counted() -> None:
    platform = any_platform()
    platform.interrupt(0o154)
    assert platform.unexpected_interrupts == 1


def test_system_time_counts_units_of_100_ns() -> None:
    clock = Scheduler()
    platform = any_platform(clock)
    platform.boot_time = 5_000_000
    clock.run_for(2_345)
    assert platform.system_time() == 5_000_023


# -- the VAX's map registers


def test_a_buffer_borrows_a_map_register_for_each_page_it_touches() -> None:
    vax = Vax()
    for address, length, pages in ((0x4000, 512, 1), (0x41FE, 4, 2), (0x4001, 512, 2), (0x4000, 0, 1)):
        mapped = vax.platform.map_buffer(address, length)
        assert mapped is not None
        assert vax.valid() == pages
        assert mapped & 511 == address & 511
        vax.platform.unmap_buffer(mapped, length)
        assert vax.valid() == 0


def test_a_mapped_buffer_is_the_memory_itself_and_an_unmapped_one_is_nowhere() -> None:
    vax = Vax()
    vax.ram.write(0x6_0123, b"seen through the map")
    mapped = vax.platform.map_buffer(0x6_0123, 5000)
    assert mapped is not None
    assert bytes(vax.qbus.read(mapped, 20)) == b"seen through the map"
    assert mapped + 5000 < 1 << 22
    vax.platform.unmap_buffer(mapped, 5000)
    with pytest.raises(NonexistentMemory):
        vax.qbus.read(mapped, 20)


def test_map_registers_that_come_back_in_any_order_make_one_run_again() -> None:
    vax = Vax()
    lent = [vax.platform.map_buffer(0x1_0000, 512 * pages) for pages in (3, 1, 4, 1, 5)]
    for index in (3, 0, 4, 2, 1):
        mapped = lent[index]
        assert mapped is not None
        vax.platform.unmap_buffer(mapped, 512 * (3, 1, 4, 1, 5)[index])
    whole = vax.platform.map_buffer(0, 8192 * 512)
    assert whole == 0
    assert vax.valid() == 8192


def test_when_all_map_registers_are_lent_a_waiter_hears_once_of_the_first_that_comes_back() -> None:
    vax, heard = Vax(), []

    def hear() -> None:
        heard.append(1)

    most = vax.platform.map_buffer(0, 8191 * 512)
    last = vax.platform.map_buffer(0, 512)
    assert most is not None
    assert last is not None
    assert vax.platform.map_buffer(0, 512) is None
    vax.platform.await_map_registers(hear)
    vax.platform.await_map_registers(hear)
    vax.clock.run_soon()
    assert heard == []
    vax.platform.unmap_buffer(last, 512)
    vax.platform.unmap_buffer(most, 8191 * 512)
    assert heard == [], "not from inside the one who gives them back"
    vax.clock.run_soon()
    assert heard == [1]


def test_the_longest_buffer_leaves_map_registers_for_others() -> None:
    vax = Vax()
    longest = vax.platform.maximum_buffer_bytes
    assert all(vax.platform.map_buffer(0, longest) is not None for _ in range(3))


# -- the Alpha's page table


def test_every_page_frame_of_an_alpha_is_in_its_table() -> None:
    platform, ram = make_alpha()
    assert ram.read_longword(platform.page_table) == 0x8000_0000
    assert ram.read_longword(platform.page_table + 4 * 16383) == 0x8000_0000 | 16383
    assert platform.pool.free_bytes == MEMORY_BYTES - 65536
    assert platform.pool.allocate(64) == 65536, "pool begins behind the table"


@pytest.mark.parametrize("address", [0x10000, 0x1_2344, 0x7F_FE00])
def test_a_controller_finds_an_alpha_buffer_through_the_table(address: int) -> None:
    platform, ram = make_alpha()
    mapped = platform.map_buffer(address, 512)
    assert mapped & 0x8000_0000
    ram.write(address, bytes(range(256)) * 2)
    buffer = mapped_buffer(ram, mapped, platform.page_table, 512)
    assert buffer.error is None
    assert b"".join(buffer.views) == bytes(range(256)) * 2
    platform.unmap_buffer(mapped, 512)


def test_two_nodes_share_nothing() -> None:
    one, other = Vax(), Vax()
    assert one.platform.map_buffer(0x4000, 512) == other.platform.map_buffer(0x8000, 512)
    assert one.valid() == other.valid() == 1
    assert one.platform.pool.allocate(64) == other.platform.pool.allocate(64)


def test_a_platform_that_halts_does_nothing_more() -> None:
    clock = Scheduler()
    platform, done = any_platform(clock), []

    def body() -> Procedure:
        done.append("begun")
        yield 1_000
        done.append("goes on")

    platform.process("test", body())
    platform.clock.call_after(2_000, lambda: done.append("timer"))
    vector = platform.connect_interrupt(lambda: done.append("interrupt"))
    clock.run_for(500)
    platform.halt()
    platform.interrupt_line().request(vector)
    platform.fork(lambda: done.append("fork"))
    clock.run_for(5_000)
    assert done == ["begun"]


# -- pool


def test_a_process_without_memory_goes_on_at_the_instant_at_which_enough_is_given_back() -> None:
    clock = Scheduler()
    platform = any_platform(clock)
    small, rest = platform.pool.allocate(64), platform.pool.allocate(platform.pool.free_bytes - 64)
    process = platform.process("test", platform.allocate(1024))
    clock.run_for(1_000_000)
    platform.pool.free(small)  # too little
    clock.run_for(1_000_000)
    assert process.running
    assert clock.next_deadline_ns() is None, "nobody looks for it meanwhile"
    platform.pool.free(rest)
    clock.run_soon()
    assert not process.running
    assert platform.pool.free_bytes == platform.pool.size_bytes - 1024


def test_of_two_processes_without_memory_one_has_what_comes_back_and_the_other_waits_on() -> None:
    clock = Scheduler()
    platform = any_platform(clock)
    size = platform.pool.size_bytes
    taken = platform.pool.allocate(size)
    processes = [platform.process("test", platform.allocate(size)) for _ in range(2)]
    clock.run_soon()
    platform.pool.free(taken)
    clock.run_soon()
    assert [process.running for process in processes] == [False, True]
    platform.pool.free(processes[0].finished.value)
    clock.run_soon()
    assert not processes[1].running
