"""Who is a member after MOUNT: what the disks say about themselves decides (spec 1.4)."""

from contextlib import suppress

import pytest

from drivers.message import Failure
from drivers.shadow.mount import MountRequest
from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES, BlockRequest, Function
from emu.core.clock import MICROSECOND_NS
from emu.media.memory import MemoryDevice
from emu.wire.codes.ods2 import ods2_checksum
from emu.wire.generated.ods2 import FileHeader, HomeBlock, StorageControlBlock
from tests.simulation.stage import LABEL, NORMAL, SET, Stage, contents

SCB_LBN = 29  # index file 22 blocks, directory 1, SECURITY.SYS 6
SOURCE, TARGET = MemberState.SOURCE, MemberState.TARGET
BLOCK = b"\x33" * BLOCK_BYTES


def control_block(disk: MemoryDevice) -> StorageControlBlock:
    return StorageControlBlock.unpack(contents(disk)[SCB_LBN * 512 : (SCB_LBN + 1) * 512])


def states(stage: Stage) -> list[MemberState]:
    return [member.state for member in stage.alpha.shadow.units[SET].members]


def test_disks_initialized_together_are_mounted_without_a_copy() -> None:
    stage = Stage()
    vu = stage.ready()
    assert [member.state for member in vu.members] == [SOURCE] * 3
    assert stage.idents() == ["MOUNTED", "SHDWMEMSUCC", "SHDWMEMSUCC", "SHDWMEMSUCC"]


def test_disks_initialized_one_by_one_are_copied_from_the_first() -> None:
    stage = Stage()
    stage.initialize(shadow=False)
    vu = stage.mount()
    assert stage.idents() == ["MOUNTED", "SHDWMEMSUCC", "SHDWMEMCOPY", "SHDWMEMCOPY"]
    stage.wait_for_copies(vu)
    assert states(stage) == [SOURCE] * 3
    stage.assert_members_identical(vu)


def test_the_control_block_holds_what_the_manual_says() -> None:
    stage = Stage(boot_time=0x00A0_0000_0000_0000)
    stage.ready()
    raw = contents(stage.disks[0])[29 * 512 : 30 * 512]
    assert raw[0:2] == b"\x01\x02"  # structure level 2, version 1
    assert int.from_bytes(raw[4:8], "little") == 20_000
    assert int.from_bytes(raw[32:34], "little") == 1  # one write-mount
    assert raw[34:46] == b"PAYROLL     "
    assert int.from_bytes(raw[56:64], "little") >= 0x00A0_0000_0000_0000  # generation, a VMS time
    assert raw[74:77] == b"\xa0\xa0\xa0"  # src,valid: SDA's 000000A0
    assert raw[108:113] == bytes([3, 3, 0, 0, 0])
    assert int.from_bytes(raw[510:512], "little") == ods2_checksum(raw, 255)


def test_every_change_writes_a_larger_generation_on_the_remaining_members_only() -> None:
    stage = Stage()
    stage.ready()
    before = [control_block(disk).genernum for disk in stage.disks]
    stage.dismount("$1$DUA11:")
    after = [control_block(disk).genernum for disk in stage.disks]
    assert len(set(before)) == 1
    assert after[1] == before[1]
    assert after[0] == after[2] > before[0]


def test_a_set_properly_dismounted_is_mounted_again_without_a_copy() -> None:
    stage = Stage()
    stage.ready()
    stage.dismount(SET)
    assert control_block(stage.disks[0]).writecnt == 0
    stage.mount()
    assert states(stage) == [SOURCE] * 3


def test_a_disk_that_left_earlier_is_copied_however_the_disks_are_named() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.dismount("$1$DUA10:")
    stage.write_now(vu, 900, BLOCK)
    stage.dismount(SET)
    vu = stage.mount()  # the stale disk is named first
    assert states(stage) == [TARGET, SOURCE, SOURCE]
    stage.wait_for_copies(vu)
    assert contents(stage.disks[0])[900 * 512 : 901 * 512] == BLOCK
    stage.assert_members_identical(vu)


def test_a_set_mounted_elsewhere_is_what_it_is_there_and_other_disks_are_copied_to() -> None:
    stage = Stage(vax=True, latency_us=(1000, 1000))
    stage.ready()
    assert stage.vax is not None
    stage.dismount("$1$DUA12:")
    vu = stage.mount(stage.names, node=stage.vax)  # the disk that left is named, too
    assert [(member.device, member.state) for member in vu.members] == [
        ("$1$DUA10:", SOURCE),
        ("$1$DUA11:", SOURCE),
        ("$1$DUA12:", TARGET),
    ]


def test_members_of_a_set_that_crashed_are_made_equal() -> None:
    first = Stage()
    vu = first.ready()
    first.write_now(vu, 900, BLOCK)
    second = Stage(disks=first.disks)  # the node is gone, the disks are not
    vu = second.mount()
    assert states(second) == [SOURCE, SOURCE, SOURCE]
    assert vu.state.merging
    second.wait_for_copies(vu)
    assert contents(second.disks[2])[900 * 512 : 901 * 512] == BLOCK
    second.assert_members_identical(vu)


class StopAt(Exception):
    """The process is killed here."""


class KillAtControlBlock:
    """Kills the process instead of the n-th write of a control block, on whichever member it falls."""

    def __init__(self, survive: int) -> None:
        self.left = survive

    def on_request(self, request: BlockRequest) -> None:
        if request.function == Function.WRITE and request.lbn == SCB_LBN and request.byte_count == 512:
            if self.left == 0:
                raise StopAt
            self.left -= 1


@pytest.mark.parametrize("survive", range(14))
def test_a_process_killed_between_any_two_control_blocks_loses_nothing(survive: int) -> None:
    kill = KillAtControlBlock(1 << 30)
    first = Stage(rules=[[kill]] * 3)
    vu = first.ready()
    written: list[int] = []
    kill.left = survive
    try:
        first.write_now(vu, 800, BLOCK)
        written.append(800)
        first.dismount("$1$DUA11:", Policy.MINICOPY)
        first.write_now(vu, 5_000, BLOCK)
        written.append(5_000)
        first.mount(["$1$DUA11:"], Policy.MINICOPY)
        first.wait_for_copies(vu)
        first.write_now(vu, 9_000, BLOCK)
        written.append(9_000)
        first.dismount("$1$DUA10:")
        first.write_now(vu, 12_000, BLOCK)
        written.append(12_000)
        first.dismount(SET)
    except StopAt:
        pass
    second = Stage(disks=first.disks)
    vu = second.mount()
    second.wait_for_copies(vu)
    assert len(vu.sources) == 3
    for lbn in written:
        assert second.read_now(vu, lbn, 512) == (NORMAL, BLOCK)
    second.assert_members_identical(vu)


@pytest.mark.parametrize("survive", range(4))
def test_a_mount_killed_between_control_blocks_leaves_no_copy_target_newer_than_its_sources(
    survive: int,
) -> None:
    kill = KillAtControlBlock(1 << 30)
    first = Stage(rules=[[kill]] * 3)
    vu = first.ready()
    first.dismount("$1$DUA10:")
    assert first.write_now(vu, 800, BLOCK) == NORMAL
    first.dismount(SET)
    kill.left = survive
    with suppress(StopAt):
        first.wait_for_copies(first.mount())  # the disk that left is the first member again
    second = Stage(disks=first.disks)
    vu = second.mount()
    second.wait_for_copies(vu)
    assert len(vu.sources) == 3
    assert second.read_now(vu, 800, 512) == (NORMAL, BLOCK)
    second.assert_members_identical(vu)


def test_a_set_on_write_protected_disks_is_refused() -> None:
    stage = Stage(disks=[MemoryDevice(5_000), MemoryDevice(5_000, write_protected=True)])
    stage.initialize(["$1$DUA10:"])
    assert stage.refusal(stage.mount) == ["SHADOWFAIL", "WRITLCK"]
    assert stage.refusal(lambda: stage.initialize(["$1$DUA11:"])) == ["ERASEFAIL", "WRITLCK"]


def test_a_disk_of_another_size_is_refused() -> None:
    stage = Stage(disks=[MemoryDevice(5_000), MemoryDevice(5_001)])
    stage.initialize(["$1$DUA10:"])
    stage.initialize(["$1$DUA11:"])
    assert stage.refusal(stage.mount) == ["SHDWINCVOL", "INCSHAMEM"]
    stage.mount(["$1$DUA10:"])
    assert stage.refusal(lambda: stage.mount(["$1$DUA11:"])) == ["SHDWINCVOL", "INCSHAMEM"]
    assert len(stage.alpha.shadow.units[SET].members) == 1


def test_a_fourth_member_is_refused() -> None:
    stage = Stage(members=4)
    stage.initialize(stage.names[:3])
    assert stage.refusal(stage.mount) == ["XSMBRS"]
    stage.mount(stage.names[:3])
    assert stage.refusal(lambda: stage.mount(stage.names[3:])) == ["XSMBRS"]


def test_a_member_of_another_virtual_unit_is_refused() -> None:
    stage = Stage(members=2)
    stage.ready()
    assert stage.refusal(lambda: stage.mount(["$1$DUA10:"], unit="DSA2:")) == ["DEVSHAMEM"]
    stage.dismount(SET)
    assert stage.refusal(lambda: stage.mount(unit="DSA2:")) == ["WRONGVU"]


def test_wrong_names_are_refused() -> None:
    stage = Stage()
    assert stage.refusal(lambda: stage.mount(["$1$DUA99:"])) == ["NOSUCHDEV"]
    assert stage.refusal(lambda: stage.mount(["$1$DUA10:", "$1$DUA10:"])) == ["DEVSHAMEM"]
    assert stage.refusal(stage.mount) == ["NOHOMEBLK"]
    stage.initialize()
    assert stage.refusal(lambda: stage.mount(label="OTHER")) == ["INCVOLLABEL"]
    assert stage.refusal(lambda: stage.dismount("$1$DUA10:")) == ["CANNOTDMT", "DEVNOTMOUNT"]
    assert stage.refusal(lambda: stage.dismount("DSA7:")) == ["CANNOTDMT", "DEVNOTMOUNT"]


def test_nocopy_refuses_a_copy_and_changes_nothing() -> None:
    stage = Stage()
    stage.initialize(shadow=False)
    before = [contents(disk) for disk in stage.disks]
    assert stage.refusal(lambda: stage.mount(copy=False)) == ["SHDWCOPYREQ"]
    assert [contents(disk) for disk in stage.disks] == before


def damage(stage: Stage, *lbns: int) -> None:
    unit = stage.alpha.disk("$1$DUA10:")
    stage.world.run(stage.alpha, unit.online())
    for lbn in lbns:
        block = bytearray(contents(stage.disks[0])[lbn * 512 : (lbn + 1) * 512])
        block[100] ^= 0xFF
        stage.write_now(unit, lbn, bytes(block))  # type: ignore[arg-type]


def test_a_damaged_control_block_is_not_believed_and_not_overwritten() -> None:
    stage = Stage(members=1)
    stage.initialize()
    damage(stage, SCB_LBN)
    before = contents(stage.disks[0])
    assert stage.refusal(stage.mount) == ["SHADSCB"]
    assert contents(stage.disks[0]) == before


def test_a_damaged_home_block_is_told_and_the_alternate_used() -> None:
    stage = Stage(members=1)
    stage.initialize()
    damage(stage, 1)
    before = contents(stage.disks[0])[: SCB_LBN * 512]
    stage.mount()
    assert stage.idents() == ["HOMBLKBAD", "MOUNTED", "SHDWMEMSUCC"]
    assert contents(stage.disks[0])[: SCB_LBN * 512] == before


def test_no_home_block_is_no_volume() -> None:
    stage = Stage(members=1)
    stage.initialize()
    damage(stage, 1, 2)
    before = contents(stage.disks[0])
    assert stage.refusal(stage.mount) == ["NOHOMEBLK"]
    assert contents(stage.disks[0]) == before


def test_a_control_block_that_cannot_be_found_is_not_believed() -> None:
    stage = Stage(members=1)
    stage.initialize()
    damage(stage, 7)  # the header of BITMAP.SYS
    assert stage.refusal(stage.mount) == ["SHADSCB"]


def test_the_home_block_carries_label_and_checksums() -> None:
    stage = Stage(members=1)
    stage.initialize()
    raw = contents(stage.disks[0])[512:1024]
    home = HomeBlock.unpack(raw)
    assert raw[472:484] == b"PAYROLL     "
    assert raw[496:508] == b"DECFILE11B  "
    assert home.checksum1 == ods2_checksum(raw, 29)
    assert home.checksum2 == ods2_checksum(raw, 255)


def test_a_former_member_mounted_by_itself_is_write_locked() -> None:
    stage = Stage()
    stage.ready()
    stage.dismount("$1$DUA12:")
    stage.idents()
    utilities = stage.alpha.utilities
    mount = utilities.mount_disk("$1$DUA12:", "PAYROLL", write=True, override=False, say=stage.said.append)
    stage.world.run(stage.alpha, mount)
    assert stage.idents() == ["VOLSHDWMEM", "MOUNTED"]
    assert utilities.private["$1$DUA12:"].write_locked
    assert stage.refusal(lambda: stage.mount(["$1$DUA12:"])) == ["DEVMOUNT"]


# -- disks that cannot be mounted


def rewrite(disk: MemoryDevice, lbn: int, block: HomeBlock | FileHeader | StorageControlBlock) -> None:
    """Put a block on a disk, with its checksum."""
    checksum = ods2_checksum(block.pack(), 255)  # which is not of itself
    if isinstance(block, HomeBlock):
        block.checksum2 = checksum
    else:
        block.checksum = checksum
    disk.content[lbn * BLOCK_BYTES : (lbn + 1) * BLOCK_BYTES] = block.pack()


def home_block(disk: MemoryDevice) -> HomeBlock:
    return HomeBlock.unpack(contents(disk)[BLOCK_BYTES : 2 * BLOCK_BYTES])


def test_the_target_of_an_unfinished_copy_is_no_source() -> None:
    stage = Stage(members=2, latency_us=(1000, 1000))
    stage.initialize(shadow=False)
    stage.mount()
    stage.world.clock.run_for(1_000 * MICROSECOND_NS)
    stage.dismount(SET)
    before = contents(stage.disks[1])
    assert stage.refusal(lambda: stage.mount(["$1$DUA11:"])) == ["NOMASTER"]
    assert contents(stage.disks[1]) == before
    stage.mount()
    assert states(stage) == [SOURCE, TARGET]


def test_disks_of_one_generation_that_deny_each_other_are_refused() -> None:
    stage = Stage(members=2)
    stage.ready()
    stage.dismount(SET)
    for disk in stage.disks:
        block = control_block(disk)
        own = 0 if disk is stage.disks[0] else 1
        for other in {0, 1} - {own}:
            setattr(block, f"member_status_{other}", 0)
            setattr(block, f"member_id_{other}", 0)
        rewrite(disk, SCB_LBN, block)
    before = [contents(disk) for disk in stage.disks]
    assert stage.refusal(stage.mount) == ["DETSHADINCON"]
    assert [contents(disk) for disk in stage.disks] == before
    stage.mount(["$1$DUA10:"])


def test_an_ods1_volume_is_no_member() -> None:
    stage = Stage(members=1)
    stage.initialize()
    home = home_block(stage.disks[0])
    home.format = b"DECFILE11A  "
    rewrite(stage.disks[0], 1, home)
    stage.disks[0].content[1024:1536] = bytes(512)
    assert stage.refusal(stage.mount) == ["NOODS1"]


def make_ods5(disk: MemoryDevice) -> None:
    """Make a fresh volume one of ODS-5, as far as shadowing looks at it."""
    home, header, block = (
        home_block(disk),
        FileHeader.unpack(contents(disk)[7 * 512 : 8 * 512]),
        control_block(disk),
    )
    home.struclev = header.struclev = block.struclev = 0x0501
    home.checksum1 = ods2_checksum(home.pack(), 29)
    for lbn, part in ((1, home), (7, header), (SCB_LBN, block)):
        rewrite(disk, lbn, part)


def test_an_ods5_volume_is_shadowed_and_stays_one() -> None:
    stage = Stage(members=2)
    stage.initialize()
    for disk in stage.disks:
        make_ods5(disk)
    vu = stage.mount()
    assert not vu.targets
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    stage.write_now(vu, 900, BLOCK)
    stage.mount(["$1$DUA11:"], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    assert [control_block(disk).struclev for disk in stage.disks] == [0x0501] * 2
    stage.assert_members_identical(vu)


def test_another_node_takes_the_structure_level_over() -> None:
    stage = Stage(members=1, vax=True)
    stage.initialize()
    make_ods5(stage.disks[0])
    stage.mount()
    assert stage.mount([], node=stage.vax).state.structure_level == 0x0501


def test_an_ods1_volume_is_not_mounted_alone() -> None:
    stage = Stage(members=1)
    stage.initialize()
    home = home_block(stage.disks[0])
    home.format = b"DECFILE11A  "
    rewrite(stage.disks[0], 1, home)
    stage.disks[0].content[1024:1536] = bytes(512)
    alone = stage.alpha.utilities.mount_disk(
        "$1$DUA10:", LABEL, write=True, override=False, say=stage.said.append
    )
    assert stage.refusal(lambda: stage.world.run(stage.alpha, alone)) == ["FILESTRUCT"]


def without_its_last_disk(**options: bool) -> tuple[Stage, MountRequest]:
    """A set that was well dismounted, whose third disk is taken away, and what is to be mounted."""
    stage = Stage()
    stage.ready()
    stage.dismount(SET)
    stage.idents()
    stage.controller.detach_unit(12)
    return stage, MountRequest(SET, stage.names, LABEL, **options)  # type: ignore[arg-type]


def test_a_set_is_formed_without_a_member_that_cannot_be_reached() -> None:
    stage, request = without_its_last_disk()
    stage.world.run(stage.alpha, stage.alpha.utilities.mount(request, ["ALPHA1"], stage.said.append))
    assert stage.idents() == ["SHDWMEMFAIL", "MEDOFL", "MOUNTED", "SHDWMEMSUCC", "SHDWMEMSUCC"]
    assert states(stage) == [SOURCE] * 2


def test_of_several_disks_to_add_the_one_that_is_there_is_added() -> None:
    stage = Stage()
    stage.initialize()
    vu = stage.mount(stage.names[:1])
    stage.controller.detach_unit(11)
    stage.idents()
    stage.mount(stage.names[1:])
    assert stage.idents() == ["SHDWMEMFAIL", "MEDOFL", "SHDWMEMCOPY"]
    assert [member.device for member in vu.members] == ["$1$DUA10:", "$1$DUA12:"]
    assert stage.refusal(lambda: stage.mount(["$1$DUA11:"])) == ["SHADOWFAIL", "MEDOFL"]


def test_the_policy_require_members_forms_no_set_without_one() -> None:
    stage, request = without_its_last_disk(require_members=True)
    mount = stage.alpha.utilities.mount(request, ["ALPHA1"], stage.said.append)
    assert stage.refusal(lambda: stage.world.run(stage.alpha, mount)) == ["NOTALLMEM", "MEDOFL"]
    assert not stage.alpha.shadow.units


def test_a_set_of_which_no_member_can_be_reached_is_not_formed() -> None:
    stage = Stage(members=2)
    stage.ready()
    stage.dismount(SET)
    for number in (10, 11):
        stage.controller.detach_unit(number)
    assert stage.refusal(stage.mount) == ["SHADOWFAIL", "MEDOFL"]


def test_a_set_is_mounted_under_its_label_only() -> None:
    stage = Stage(vax=True)
    stage.initialize()
    stage.mount(stage.names[:2])
    assert stage.refusal(lambda: stage.mount(stage.names[2:], label="OTHER")) == ["DIFVOLMNT"]
    assert stage.refusal(lambda: stage.mount([], label="OTHER", node=stage.vax)) == ["DIFVOLMNT"]


def test_a_member_needs_an_allocation_class_in_a_cluster() -> None:
    stage = Stage(members=1, vax=True)
    stage.initialize()
    stage.alpha.controllers[0].allocation_class = 0
    assert stage.refusal(stage.mount) == ["NOALOCLASS"]


def test_no_set_is_mounted_where_shadowing_is_off() -> None:
    stage = Stage(members=1)
    stage.initialize()
    parameters = stage.alpha.platform.parameters
    parameters.write_current("SHADOWING", 0)
    parameters.boot()
    assert stage.refusal(stage.mount) == ["NOSHADOW"]


@pytest.mark.parametrize("after_us", range(0, 100, 10))
def test_a_member_that_returns_while_the_set_is_dismounted_is_refused_or_in_time(after_us: int) -> None:
    stage = Stage(latency_us=(10, 10))
    stage.ready()
    stage.dismount("$1$DUA11:")
    utilities, ended = stage.alpha.utilities, []
    request = MountRequest(SET, ["$1$DUA11:"], LABEL)
    stage.alpha.run(
        "mount", utilities.mount(request, stage.alpha.cluster.nodes, stage.said.append), ended.append
    )
    stage.world.clock.run_for(after_us * MICROSECOND_NS)
    stage.alpha.run("dismount", utilities.dismount_unit(SET, stage.said.append), ended.append)
    assert stage.world.settle(lambda: len(ended) == 2)
    assert SET not in stage.alpha.shadow.units
    refusals = [message.ident for end in ended if isinstance(end, Failure) for message in end.messages]
    assert refusals in ([], ["SHADUNSTABLE"], ["DEVNOTMOUNT"])
