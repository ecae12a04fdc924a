"""An Alpha's stores: seen by the processor at once, by others behind a barrier; and drivers that keep to it."""

from random import Random

import pytest
from check_host_memory import check_host_memory
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.platform.alpha import AlphaPlatform
from drivers.port.mscp_port import PortState
from emu.core.clock import SECOND_NS
from emu.hw.memory.ram import Ram
from emu.hw.memory.store_buffer import StoreBuffer
from emu.media.memory import MemoryDevice
from emu.shells.firmware_files import load_firmware, load_scripts
from emu.sim.storage_shelf import HSZ
from emu.sim.world import World, drive_for


def test_the_processor_sees_host_memory() -> None:
    check_host_memory(lambda: StoreBuffer(Ram(8192)), 8192)
    check_host_memory(lambda: StoreBuffer(Ram(8192), 1), 8192)


def test_others_see_a_store_behind_the_barrier() -> None:
    ram = Ram(4096)
    stores = StoreBuffer(ram)
    stores.write_longword(8, 0x1234_5678)
    assert stores.read_longword(8) == 0x1234_5678
    assert ram.read_longword(8) == 0
    stores.barrier()
    assert ram.read_longword(8) == 0x1234_5678
    assert not stores.waiting


def test_a_full_buffer_lets_out_the_store_that_is_chosen_and_not_the_oldest() -> None:
    ram = Ram(4096)
    stores = StoreBuffer(ram, 3, lambda count: count - 1)
    for place in range(4):
        stores.write_longword(16 * place, place + 1)
    assert [ram.read_longword(16 * place) for place in range(4)] == [0, 0, 3, 0]


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.binary(min_size=1, max_size=8)), max_size=30),
    st.integers(1, 5),
    st.integers(0, 1000),
)
def test_one_processor_never_notices_its_buffer(
    writes: list[tuple[int, bytes]], entries: int, seed: int
) -> None:
    ram, plain = Ram(128), Ram(128)
    stores = StoreBuffer(ram, entries, Random(seed).randrange)
    for address, data in writes:
        stores.write(address, data)
        plain.write(address, data)
        assert bytes(stores.read(0, 128)) == bytes(plain.read(0, 128))
    stores.barrier()
    assert bytes(ram.read(0, 128)) == bytes(plain.read(0, 128))


# -- drivers


def boot(kind: str, monkeypatch: pytest.MonkeyPatch, *, barriers: bool, seed: int = 1) -> bool:
    """Boot an Alpha whose stores are buffered; whether its disk is found and can be brought on line.

    barriers: without them nothing leaves the buffer by itself, since a store that left late would be seen, too.
    """
    world = World()
    if not barriers:
        monkeypatch.setattr(AlphaPlatform, "barrier", lambda self: None)
    options: dict[str, object] = {
        "stores": lambda ram: StoreBuffer(ram, 6 if barriers else None, Random(seed).randrange)
    }
    if kind == "SCSI":
        shelf = world.add_shelf()
        shelf.add_disk(1, MemoryDevice(1000), HSZ)
        node = world.add_alpha("ALPHA1", shelves=[shelf], program=load_scripts("pke"), **options)  # type: ignore[arg-type]
        ports = [driver.port for driver in node.adapters]
    else:
        controller = world.add_controller(load_firmware("hbvs-shadow"))
        medium = MemoryDevice(1000)
        controller.attach_unit(0, medium, drive_for(controller.firmware, medium))
        node = world.add_alpha("ALPHA1", controller, **options)  # type: ignore[arg-type]
        ports = [driver.port for driver in node.controllers]  # type: ignore[misc]
    done: list[object] = []
    node.run("boot", node.boot(), done.append)
    world.clock.run_until(lambda: bool(done), 100 * SECOND_NS)
    if not done or not node.disks:
        return False
    return world.run(node, node.disks[0].online()) == 1 and ports[0].state is PortState.RUNNING


@pytest.mark.parametrize("kind", ["SCSI", "MSCP"])
def test_drivers_have_the_barriers_that_an_alpha_needs(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(boot(kind, monkeypatch, barriers=True, seed=seed) for seed in range(5))


@pytest.mark.parametrize("kind", ["SCSI", "MSCP"])
def test_a_driver_that_forgets_its_barriers_gets_nowhere(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not boot(kind, monkeypatch, barriers=False)


def test_a_store_that_leaves_does_not_take_others_along_past_older_ones() -> None:
    memory = Ram(1 << 12)
    stores = StoreBuffer(memory, 3, choose=lambda count: count - 1)
    stores.write_longword(0x104, 1)
    stores.write(0x100, bytes(16))
    stores.write_longword(0x108, 2)
    stores.write_longword(0x200, 3)  # the last of those that wait leaves, and the zeros before it
    stores.barrier()
    assert [memory.read_longword(address) for address in (0x104, 0x108, 0x200)] == [0, 2, 3]
