"""The restrictions of minicopy, in the order of the manual's list (Volume Shadowing for OpenVMS, section 7.5)."""

from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES
from tests.simulation.stage import LABEL, NORMAL, SET, Stage

BLOCK = b"\x42" * BLOCK_BYTES
A, B, C = "$1$DUA10:", "$1$DUA11:", "$1$DUA12:"


def test_1_every_node_of_the_cluster_handles_bitmaps_or_none_is_made() -> None:
    stage = Stage(vax=True)
    assert stage.vax is not None
    vu = stage.ready()
    stage.world.crash("VAX1")
    stage.world.reboot("VAX1").cluster.manager.capabilities = 0
    stage.world.boot()
    assert not stage.alpha.cluster.minicopy_enabled
    assert stage.refusal(lambda: stage.dismount(C, Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    stage.dismount(C, Policy.OPTIONAL)
    assert vu.state.bitmaps == ()


def test_2_a_bitmap_is_used_once_and_members_that_leave_one_at_a_time_have_one_each() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(B, Policy.MINICOPY)
    stage.dismount(C, Policy.MINICOPY)
    assert [bitmap.device for bitmap in vu.state.bitmaps] == [B, C]
    for device in (B, C):
        stage.mount([device])
        stage.wait_for_copies(vu)
    assert [ident for ident in stage.idents() if ident.startswith("SHDWMEM")][-2:] == ["SHDWMEMMCPY"] * 2
    stage.dismount(B)
    stage.mount([B])
    stage.wait_for_copies(vu)
    assert stage.idents()[-1] == "SHDWMEMCOPY"
    stage.assert_members_identical(vu)


def test_2_a_bitmap_made_by_mount_serves_only_the_first_of_two_absent_members() -> None:
    stage = Stage()
    stage.ready()
    stage.dismount(SET)
    vu = stage.mount([A], Policy.MINICOPY)
    assert len(vu.state.bitmaps) == 1
    assert stage.write_now(vu, 5_000, BLOCK) == NORMAL
    stage.idents()
    for device in (B, C):
        stage.mount([device])
        stage.wait_for_copies(vu)
    assert stage.idents() == ["SHDWMEMMCPY", "SHDWMEMCOPY"]
    stage.assert_members_identical(vu)


def test_3_two_members_in_one_mount_are_copied_one_after_the_other_in_an_order_nobody_chooses() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(B, Policy.MINICOPY)
    stage.dismount(C, Policy.MINICOPY)
    assert stage.write_now(vu, 5_000, BLOCK) == NORMAL
    stage.mount([C, B])
    stage.wait_for_copies(vu)
    copies = stage.alpha.shadow.server.copies
    assert sorted(copy.target.device for copy in copies) == [B, C]
    first, second = copies
    assert first.ended_ns is not None
    assert first.ended_ns <= second.started_ns
    stage.assert_members_identical(vu)


def test_4_a_set_that_needs_a_merge_makes_no_bitmap() -> None:
    crashed = Stage()
    crashed.ready()
    stage = Stage(disks=crashed.disks, boot_time=crashed.alpha.platform.system_time() + 1)
    vu = stage.mount()
    assert vu.state.merging
    assert stage.refusal(lambda: stage.dismount(C, Policy.MINICOPY)) == ["CANNOTDMT", "WBMFAIL"]
    assert len(vu.members) == 3
    stage.wait_for_copies(vu)
    stage.dismount(C, Policy.MINICOPY)
    assert [bitmap.device for bitmap in vu.state.bitmaps] == [C]


def test_5_an_unused_bitmap_lingers_after_the_dismount_and_goes_with_the_next_mount() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(C, Policy.MINICOPY)
    (bitmap,) = vu.state.bitmaps
    stage.dismount(SET)
    assert list(stage.alpha.shadow.bitmaps) == [bitmap.identifier]
    stage.mount([A, B])
    assert stage.alpha.shadow.bitmaps == {}


def test_5_an_unused_bitmap_goes_with_delete_bitmap() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount(C, Policy.MINICOPY)
    (bitmap,) = vu.state.bitmaps
    stage.world.run(stage.alpha, stage.alpha.utilities.delete_bitmap(bitmap.identifier))
    assert stage.alpha.shadow.bitmaps == {}
    stage.mount([C], label=LABEL)
    assert stage.idents()[-1] == "SHDWMEMCOPY"


def test_6_a_dismount_that_can_have_its_bitmap_succeeds_at_once_without_a_misleading_message() -> None:
    """V7.3 may answer the first of these commands with SRCMEM and carry out the second; when is not published."""
    stage = Stage(members=2)
    vu = stage.ready()
    stage.idents()
    stage.dismount(B, Policy.MINICOPY)
    assert stage.idents() == []
    assert [bitmap.device for bitmap in vu.state.bitmaps] == [B]
    assert stage.refusal(lambda: stage.dismount(A, Policy.MINICOPY)) == ["CANNOTDMT", "SRCMEM"]
