"""Local bitmaps and SetBits: an Alpha that is not the master, a VAX, and what they tell the master."""

import pytest

from drivers.shadow.recording import Mode
from drivers.shadow.utility import Policy
from drivers.shadow.write_bitmap import WriteBitmap
from emu.core.block import BLOCK_BYTES
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.core.trace import ConsoleLine
from tests.simulation.stage import NORMAL, SET, Stage

LEAVING = "$1$DUA11:"
BLOCK = b"\x24" * BLOCK_BYTES


def recording(**options: object) -> Stage:
    """The Alpha is the master of a bitmap, the VAX has the set mounted too."""
    stage = Stage(vax=True, **options)  # type: ignore[arg-type]
    stage.ready()
    stage.mount([], node=stage.vax)
    stage.dismount(LEAVING, Policy.MINICOPY)
    return stage


def write(stage: Stage, *lbns: int) -> None:
    assert stage.vax is not None
    for lbn in lbns:
        assert stage.write_now(stage.vax.shadow.units[SET], lbn, BLOCK, stage.vax) == NORMAL


def master(stage: Stage) -> WriteBitmap:
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    return bitmap


def test_only_the_first_write_to_a_range_is_reported() -> None:
    stage = recording()
    assert stage.vax is not None
    recorder = stage.vax.shadow.recorder
    write(stage, 5000, 5001, 5080)  # bit 39, then 40
    assert recorder.messages == 2
    write(stage, 5000, 5001, 5080)
    assert recorder.messages == 2
    assert [master(stage).is_set(lbn) for lbn in (5000, 5080, 5207)] == [True, True, False]


def test_a_local_bitmap_holds_the_writes_of_its_node_and_the_master_those_of_all() -> None:
    stage = recording()
    assert stage.vax is not None
    write(stage, 5000)
    assert stage.write_now(stage.alpha.shadow.units[SET], 9000, BLOCK) == NORMAL
    local = stage.vax.shadow.recorder.local(master(stage).record.identifier)
    assert local is not None
    assert (local.is_set(5000), local.is_set(9000)) == (True, False)
    assert (master(stage).is_set(5000), master(stage).is_set(9000)) == (True, True)


def test_without_memory_for_a_local_bitmap_every_write_is_reported() -> None:
    stage = Stage(vax=True)
    stage.ready()
    stage.mount([], node=stage.vax)
    assert stage.vax is not None
    pool = stage.vax.platform.pool
    size = pool.free_bytes
    while (hog := pool.try_allocate(size)) is None:
        size -= 64
    buffers = [pool.allocate(BLOCK_BYTES) for _ in range(2)] if pool.free_bytes > 4 * BLOCK_BYTES else []
    rest = []
    while (piece := pool.try_allocate(64)) is not None:
        rest.append(piece)
    stage.dismount(LEAVING, Policy.MINICOPY)
    assert stage.vax.shadow.recorder.local(master(stage).record.identifier) is None
    for address in (*buffers, *rest, hog):
        pool.free(address)
    write(stage, 5000, 5000, 5000)
    assert stage.vax.shadow.recorder.messages == 3


def test_a_node_that_mounts_the_set_later_gets_a_local_bitmap() -> None:
    stage = Stage(vax=True)
    stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.mount([], node=stage.vax)
    write(stage, 5000, 5000)
    assert stage.vax is not None
    assert stage.vax.shadow.recorder.messages == 1
    assert master(stage).is_set(5000)


def test_local_bitmaps_go_with_their_master() -> None:
    stage = recording()
    assert stage.vax is not None
    write(stage, 5000)
    free_bytes = stage.vax.platform.pool.free_bytes
    identifier = master(stage).record.identifier
    stage.world.run(stage.alpha, stage.alpha.utilities.delete_bitmap(identifier))
    assert stage.vax.shadow.recorder.local(identifier) is None
    assert stage.vax.platform.pool.free_bytes > free_bytes
    write(stage, 6000)
    assert stage.vax.shadow.recorder.messages == 1


def test_many_writes_in_an_interval_are_reported_nine_at_a_time() -> None:
    stage = recording(latency_us=(100, 300))
    assert stage.vax is not None
    recorder = stage.vax.shadow.recorder
    recorder.keeps_local = False
    for record in list(recorder._remotes.values()):
        record.local = None
    stage.vax.platform.parameters.write_active("WBM_MSG_UPPER", 20)
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    application = stage.application(
        stage.vax.shadow.units[SET], stage.vax, depth=32, read_share=0, block_limit=4
    )
    application.start(4000)
    stage.world.settle(lambda: recorder.mode("ALPHA1") is Mode.BUFFERED)
    before = (recorder.messages, recorder.reported)
    stage.finish(application)
    messages, reported = recorder.messages - before[0], recorder.reported - before[1]
    assert reported > 500
    assert messages < reported / 5
    assert application.faults == []
    assert "%WBM-I-MODE, SetBits to node ALPHA1 are buffered messages" in lines
    for lbn in application.written:
        assert master(stage).is_set(lbn)
    write(stage, 700)
    stage.world.clock.run_for(SECOND_NS)
    assert recorder.mode("ALPHA1") is Mode.SINGLE


def test_a_lonely_write_in_buffered_mode_waits_an_interval_and_no_longer() -> None:
    stage = recording()
    assert stage.vax is not None
    recorder, clock = stage.vax.shadow.recorder, stage.world.clock
    write(stage, 100)
    recorder._senders["ALPHA1"].mode = Mode.BUFFERED
    before_ns = clock.now_ns
    irp = stage.write(stage.vax.shadow.units[SET], 9000, BLOCK, stage.vax)
    clock.run_for(9 * MILLISECOND_NS)
    assert not irp.finished.is_set
    assert stage.world.settle(lambda: irp.finished.is_set)
    assert clock.now_ns - before_ns < 12 * MILLISECOND_NS


@pytest.mark.parametrize(("level", "heard"), [(1, 0), (2, 2)])
def test_the_operator_hears_of_each_message_to_a_master_if_he_wants_details(level: int, heard: int) -> None:
    stage = recording()
    assert stage.vax is not None
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    stage.vax.platform.parameters.write_active("WBM_OPCOM_LVL", level)
    write(stage, 5000, 5001, 9000)
    assert lines == ["%WBM-I-SETBITS, writes reported to node ALPHA1: 1"] * heard


@pytest.mark.parametrize("level", [0, 1])
def test_the_operator_hears_of_bitmaps_if_he_wants_to(level: int) -> None:
    stage = Stage()
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    stage.ready()
    stage.alpha.platform.parameters.write_active("WBM_OPCOM_LVL", level)
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.mount([LEAVING])
    stage.wait_for_copies(stage.alpha.shadow.units[SET])
    told = [line.split(",")[0] for line in lines if "WBM" in line]
    assert told == (["%WBM-I-STARTED", "%WBM-I-DELETED"] if level else [])
