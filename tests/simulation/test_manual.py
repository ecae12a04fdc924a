"""Sentences of the Volume Shadowing manual that no other story tells."""

import pytest

from drivers.platform.host import WaitingIrp
from drivers.shadow.mount import MountRequest
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES, BlockRequest, Function
from emu.core.clock import SECOND_NS
from emu.core.trace import ConsoleLine
from emu.wire.codes.vms import IO, SS
from emu.wire.generated.ods2 import StorageControlBlock
from tests.simulation.stage import LABEL, NORMAL, SET, Stage, contents

LEAVING = "$1$DUA11:"
SCB_LBN = 29
BLOCK = b"\x24" * BLOCK_BYTES


class Counts:
    """Counts what reaches a disk, by function."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}

    def on_request(self, request: BlockRequest) -> None:
        self.counts[int(request.function)] = self.counts.get(int(request.function), 0) + 1

    def of(self, function: Function) -> int:
        return self.counts.get(int(function), 0)


def control_block(stage: Stage, index: int = 0) -> StorageControlBlock:
    return StorageControlBlock.unpack(
        contents(stage.disks[index])[SCB_LBN * BLOCK_BYTES : (SCB_LBN + 1) * BLOCK_BYTES]
    )


def erase_now(stage: Stage, vu: VirtualUnit, lbn: int, block_count: int) -> int:
    irp = WaitingIrp(stage.alpha.platform, IO.DSE, lbn, block_count * BLOCK_BYTES)
    vu.queue_io(irp)
    assert stage.world.settle(lambda: irp.finished.is_set), "the erase is answered"
    return irp.status


# -- the storage control block


def test_the_control_block_of_a_set_that_is_copied_tells_of_the_target() -> None:
    stage = Stage(members=2, latency_us=(1000, 1000))
    stage.initialize(shadow=False)
    vu = stage.mount()
    block = control_block(stage)
    assert block.shadow_status == 1 | 1 << 5  # NORMAL, COPYING
    assert (block.member_status_0, block.member_status_1) == (0xA0, 0x05)  # SRC and VALID; FCPY and CIP
    assert (block.devices, block.members, block.fc_targets) == (2, 1, 1)
    stage.wait_for_copies(vu)
    block = control_block(stage)
    assert (block.shadow_status, block.members, block.fc_targets) == (1, 2, 0)


def test_the_control_block_of_a_set_that_is_merged_tells_of_the_members() -> None:
    crashed = Stage(members=2)
    crashed.ready()
    stage = Stage(disks=crashed.disks, latency_us=(1000, 1000))
    vu = stage.mount()
    block = control_block(stage)
    assert block.shadow_status == 1 | 1 << 6  # NORMAL, MERGING
    assert (block.member_status_0, block.member_status_1) == (0xA2, 0xA2)  # and MERGE
    assert (block.members, block.mrg_targets) == (2, 2)
    stage.wait_for_copies(vu)
    stage.dismount(SET)
    assert (control_block(stage).shadow_status, control_block(stage).mrg_targets) == (1, 0)


# -- reads, writes and erases


def test_a_copy_target_serves_no_read() -> None:
    counts = Counts()
    stage = Stage(members=2, latency_us=(1000, 1000), rules=[[], [counts]])
    stage.initialize(shadow=False)
    vu = stage.mount()
    vu.members[0].unit.read_cost = 10_000
    before = counts.of(Function.READ)
    assert all(stage.read_now(vu, lbn, BLOCK_BYTES)[0] == NORMAL for lbn in (1, 19_000))
    assert counts.of(Function.READ) == before
    assert vu.targets
    stage.wait_for_copies(vu)
    stage.read_now(vu, 1, BLOCK_BYTES)
    assert counts.of(Function.READ) == before + 1


def test_reads_set_no_bit() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    assert stage.read_now(vu, 5000, BLOCK_BYTES)[0] == NORMAL
    assert bitmap.set_count == 0


def test_an_erase_is_a_write_to_bitmaps_and_members() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.write_now(vu, 5000, BLOCK * 2)
    stage.dismount(LEAVING, Policy.MINICOPY)
    (bitmap,) = stage.alpha.shadow.bitmaps.values()
    assert erase_now(stage, vu, 5000, 128) == NORMAL
    assert [bitmap.is_set(lbn) for lbn in (4900, 5000, 5127, 5207)] == [False, True, True, False]
    stage.mount([LEAVING])
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)
    assert contents(stage.disks[1])[5000 * BLOCK_BYTES : 5002 * BLOCK_BYTES] == bytes(2 * BLOCK_BYTES)


def test_no_write_of_a_node_that_mounted_nowrite_reaches_a_member() -> None:
    stage = Stage(members=2, vax=True)
    vu = stage.ready()
    request = MountRequest(SET, (), LABEL, write=False)
    assert stage.vax is not None
    stage.world.run(stage.vax, stage.vax.utilities.mount(request, stage.vax.cluster.nodes, stage.said.append))
    on_vax = stage.vax.shadow.units[SET]
    before = contents(stage.disks[0])
    assert stage.write_now(on_vax, 900, BLOCK, stage.vax) == SS.WRITLCK
    assert contents(stage.disks[0]) == before
    assert stage.write_now(vu, 900, BLOCK) == NORMAL
    assert stage.read_now(on_vax, 900, BLOCK_BYTES, stage.vax) == (NORMAL, BLOCK)


# -- copies


def test_a_full_copy_onto_an_equal_disk_compares_and_writes_nothing() -> None:
    counts = Counts()
    stage = Stage(rules=[[], [counts]])
    vu = stage.ready()
    stage.alpha.shadow.use_copy_commands = False
    stage.dismount(LEAVING)
    stage.mount([LEAVING])
    before = counts.of(Function.WRITE)
    stage.wait_for_copies(vu)
    assert counts.of(Function.WRITE) - before == 1  # the control block, when the copy had ended


def test_the_shadow_server_tells_when_a_copy_begins_and_ends() -> None:
    stage = Stage(members=2)
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    stage.initialize(shadow=False)
    stage.wait_for_copies(stage.mount())
    assert [line for line in lines if "SHADOW" in line] == [
        "%SHADOW_SERVER-I-SSRVINICPY, initiating copy operation on device _DSA1: at LBN: 0, "
        "I/O size: 127 blocks, ID number: 1",
        "%SHADOW_SERVER-I-SSRVCMPFCPY, completing copy operation on device _DSA1: at LBN: 20000, ID number: 1",
        "%SHADOW-I-VOLPROC, $1$DUA11: shadow copy has been completed.",
    ]


def test_the_shadow_server_tells_when_a_merge_begins_and_ends() -> None:
    crashed = Stage(members=2)
    crashed.ready()
    stage = Stage(disks=crashed.disks)
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    stage.wait_for_copies(stage.mount())
    stage.world.clock.run_for(SECOND_NS)
    assert [line for line in lines if "SHADOW" in line] == [
        "%SHADOW_SERVER-I-SSRVINIMRG, initiating merge operation on device _DSA1: at LBN: 0, "
        "I/O size: 127 blocks, ID number: 1, delay factor: 200",
        "%SHADOW_SERVER-I-SSRVCMPMRG, completing merge operation on device _DSA1: at LBN: 20000, ID number: 1",
        "%SHADOW-I-VOLPROC, DSA1: shadow merge has been completed.",
    ]


# -- bitmaps and MOUNT


def test_no_bitmap_is_made_by_mount_where_another_node_has_the_set() -> None:
    stage = Stage(vax=True)
    stage.ready()
    stage.mount([], node=stage.vax)
    stage.dismount(SET)
    assert stage.refusal(lambda: stage.mount(stage.names[:2], Policy.MINICOPY)) == ["REQ_WBM_FAIL"]
    stage.idents()
    vu = stage.mount(stage.names[:2], Policy.OPTIONAL)
    assert stage.idents() == ["WBM_NOTSTARTED", "MOUNTED"]
    assert vu.state.bitmaps == ()


def test_mount_makes_no_bitmap_when_no_member_is_absent() -> None:
    stage = Stage()
    stage.ready()
    stage.dismount(SET)
    stage.idents()
    assert stage.refusal(lambda: stage.mount(policy=Policy.MINICOPY)) == ["REQ_WBM_FAIL"]
    vu = stage.mount(policy=Policy.OPTIONAL)
    assert stage.idents()[:2] == ["WBM_NOTSTARTED", "MOUNTED"]
    assert vu.state.bitmaps == ()


def test_a_member_returns_by_full_copy_where_minicopy_is_not_wanted() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.idents()
    stage.mount([LEAVING], Policy.NOMINICOPY)
    assert stage.idents() == ["SHDWMEMCOPY"]
    assert vu.state.bitmaps == ()  # it would serve nobody any more
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].blocks_copied == vu.block_count


def test_an_expelled_member_stays_away_until_somebody_mounts_it() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    medium = stage.controller.detach_unit(11)
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    stage.controller.load_unit(11, medium)
    stage.world.clock.run_for(3_600 * SECOND_NS)
    assert [member.device for member in vu.members] == ["$1$DUA10:"]


# -- INITIALIZE/SHADOW


@pytest.mark.parametrize("chosen", [(0, 1, 2), (3, 4, 5), (0, 3, 5)])
def test_any_three_of_six_disks_initialized_together_need_no_copy(chosen: tuple[int, ...]) -> None:
    stage = Stage(members=6, block_count=2_000)
    stage.initialize()
    vu = stage.mount([stage.names[index] for index in chosen])
    assert not vu.targets
    stage.assert_members_identical(vu)


def test_seven_disks_are_not_initialized_together() -> None:
    stage = Stage(members=7, block_count=2_000)
    assert stage.refusal(stage.initialize) == ["XSMBRS"]
    assert contents(stage.disks[0]) == bytes(2_000 * BLOCK_BYTES)
