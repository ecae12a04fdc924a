"""Volume processing: all members away, the last one refusing, blocks that cannot be read."""

import pytest

from drivers.platform.host import WaitingIrp
from drivers.shadow.shdriver import VirtualUnit
from emu.core.block import BLOCK_BYTES, BlockRequest, Function, MediumError
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.core.trace import ConsoleLine
from emu.media.faulty import BadBlocks
from emu.media.memory import MemoryDevice
from tests.simulation.stage import NORMAL, Stage, contents

DRVERR, MEDOFL, PARITY, FORCEDERROR = 0x8C, 0x1A4, 0x1F4, 0x2144
BLOCK = b"\x42" * BLOCK_BYTES
OTHER = b"\x17" * BLOCK_BYTES


class RefusesWrites:
    """A block that can be read, and written no more once it is armed."""

    def __init__(self, lbn: int) -> None:
        self.lbn = lbn
        self.armed = False

    def on_request(self, request: BlockRequest) -> MediumError | None:
        blocks = range(request.lbn, request.lbn + -(-request.byte_count // BLOCK_BYTES))
        wrong = self.armed and request.function == Function.WRITE and self.lbn in blocks
        return MediumError(f"block {self.lbn} cannot be written", self.lbn) if wrong else None


class UnreadableUntilWritten:
    """Blocks that read with an error until they are written, as a disk's that reassigns them."""

    def __init__(self) -> None:
        self.lbns: set[int] = set()

    def on_request(self, request: BlockRequest) -> MediumError | None:
        blocks = range(request.lbn, request.lbn + -(-request.byte_count // BLOCK_BYTES))
        bad = sorted(self.lbns.intersection(blocks))
        if request.function == Function.WRITE:
            self.lbns.difference_update(blocks)
        elif request.function == Function.READ and bad:
            return MediumError(f"block {bad[0]} cannot be read", bad[0])
        return None


def operator_lines(stage: Stage) -> list[str]:
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    return lines


def devices(vu: VirtualUnit) -> list[str]:
    return [member.device for member in vu.members]


# -- mount verification


def test_a_set_whose_members_are_all_away_stalls_and_goes_on_when_one_comes_back() -> None:
    stage = Stage(members=2)
    lines = operator_lines(stage)
    vu = stage.ready()
    stage.controller.detach_unit(10)
    medium = stage.controller.detach_unit(11)
    write = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(3_000 * SECOND_NS)
    assert not write.finished.is_set
    assert devices(vu) == ["$1$DUA10:", "$1$DUA11:"]
    assert any("DSA1: is offline." in line for line in lines)
    stage.controller.load_unit(11, medium)
    back_ns = stage.world.clock.now_ns
    assert stage.world.settle(lambda: write.finished.is_set)
    assert write.status == NORMAL
    assert devices(vu) == ["$1$DUA11:"]
    assert stage.world.clock.now_ns - back_ns >= 119 * SECOND_NS  # from now on the other has SHADOW_MBR_TMO
    assert any("DSA1: has completed volume processing" in line for line in lines)
    assert contents(stage.disks[1])[100 * BLOCK_BYTES : 101 * BLOCK_BYTES] == BLOCK


def away_and_replaced(medium: MemoryDevice | None, then: int = 300) -> tuple[Stage, list[str], WaitingIrp]:
    """A set whose second member is taken away under a write; another medium, or itself, is put into its drive."""
    stage = Stage(members=2)
    lines = operator_lines(stage)
    vu = stage.ready()
    own = stage.controller.detach_unit(11)
    write = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(20 * SECOND_NS)
    stage.controller.load_unit(11, medium if medium is not None else own)
    stage.world.clock.run_for(then * SECOND_NS)
    return stage, lines, write


def test_a_disk_that_comes_back_with_another_volume_is_told_left_alone_and_put_out() -> None:
    stranger = Stage(members=1, boot_time=0x00A0_0000_0000_0000)
    stranger.ready()
    before = contents(stranger.disks[0])
    stage, lines, write = away_and_replaced(stranger.disks[0])
    assert contents(stranger.disks[0]) == before
    assert [line for line in lines if "wrong volume" in line] == [
        "%SHADOW-I-VOLPROC, $1$DUA11: contains the wrong volume."
    ]
    assert write.status == NORMAL
    assert devices(stage.alpha.shadow.units["DSA1:"]) == ["$1$DUA10:"]


def test_the_right_volume_may_come_after_a_wrong_one() -> None:
    stage, _, write = away_and_replaced(MemoryDevice(20_000), then=20)
    assert not write.finished.is_set
    stage.controller.detach_unit(11)
    stage.world.clock.run_for(5 * SECOND_NS)
    stage.controller.load_unit(11, stage.disks[1])
    assert stage.world.settle(lambda: write.finished.is_set)
    vu = stage.alpha.shadow.units["DSA1:"]
    assert devices(vu) == ["$1$DUA10:", "$1$DUA11:"]
    stage.assert_members_identical(vu)


def test_a_member_that_comes_back_write_locked_is_told_and_put_out() -> None:
    stage = Stage(members=2)
    lines = operator_lines(stage)
    vu = stage.ready()
    medium = stage.controller.detach_unit(11)
    stage.disks[1].write_protected = True
    stage.controller.load_unit(11, medium)
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    assert "%SHADOW-I-VOLPROC, $1$DUA11: has been write-locked." in lines
    assert devices(vu) == ["$1$DUA10:"]


def test_members_that_all_come_back_stay_members() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    media = [stage.controller.detach_unit(number) for number in (10, 11)]
    write = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(1_000 * SECOND_NS)
    for number, medium in zip((10, 11), media, strict=True):
        stage.controller.load_unit(number, medium)
    assert stage.world.settle(lambda: write.finished.is_set)
    assert write.status == NORMAL
    assert len(vu.members) == 2
    stage.assert_members_identical(vu)


def test_a_read_waits_for_a_member_too() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    media = [stage.controller.detach_unit(number) for number in (10, 11)]

    def load() -> None:
        for number, medium in zip((10, 11), media, strict=True):
            stage.controller.load_unit(number, medium)

    stage.world.clock.call_after(500 * SECOND_NS, load)
    assert stage.read_now(vu, 100, BLOCK_BYTES) == (NORMAL, BLOCK)
    assert stage.world.clock.now_ns >= 499 * SECOND_NS


def test_a_set_is_aborted_when_mount_verification_times_out_and_merged_when_it_is_mounted_again() -> None:
    stage = Stage(members=2)
    lines = operator_lines(stage)
    vu = stage.ready()
    media = [stage.controller.detach_unit(number) for number in (10, 11)]
    write = stage.write(vu, 100, BLOCK)
    assert stage.read_now(vu, 7, BLOCK_BYTES)[0] == MEDOFL
    assert stage.world.clock.now_ns >= 3_599 * SECOND_NS  # MVTIMEOUT
    assert write.status == MEDOFL
    assert any("DSA1: has aborted volume processing" in line for line in lines)
    for number, medium in zip((10, 11), media, strict=True):
        stage.controller.load_unit(number, medium)
    assert stage.write_now(vu, 100, BLOCK) == MEDOFL  # until it is dismounted
    stage.dismount("DSA1:")
    again = stage.mount()
    assert again.state.merging
    assert stage.write_now(again, 100, BLOCK) == NORMAL
    stage.wait_for_copies(again)
    stage.assert_members_identical(again)


def test_both_nodes_wait_for_the_members_and_go_on() -> None:
    stage = Stage(members=2, vax=True)
    assert stage.vax is not None
    stage.ready()
    on_vax = stage.mount(node=stage.vax)
    on_alpha = stage.alpha.shadow.units["DSA1:"]
    media = [stage.controller.detach_unit(number) for number in (10, 11)]
    writes = [stage.write(on_alpha, 100, BLOCK), stage.write(on_vax, 200, BLOCK, stage.vax)]
    stage.world.clock.run_for(1_000 * SECOND_NS)
    assert not any(write.finished.is_set for write in writes)
    for number, medium in zip((10, 11), media, strict=True):
        stage.controller.load_unit(number, medium)
    assert stage.world.settle(lambda: all(write.finished.is_set for write in writes))
    assert [write.status for write in writes] == [NORMAL, NORMAL]
    assert devices(on_vax) == devices(on_alpha) == ["$1$DUA10:", "$1$DUA11:"]


def test_a_write_that_only_the_last_full_member_refuses_ends_with_its_error_and_the_set_survives() -> None:
    rule = RefusesWrites(700)
    stage = Stage(members=2, rules=[[rule], [BadBlocks([700])]])
    vu = stage.ready()
    rule.armed = True
    assert stage.write_now(vu, 700, BLOCK) == DRVERR
    assert len(vu.members) == 1
    assert stage.write_now(vu, 701, BLOCK) == NORMAL
    assert stage.read_now(vu, 701, BLOCK_BYTES) == (NORMAL, BLOCK)


def test_the_target_of_a_copy_is_like_the_last_full_member_when_that_has_refused_a_write() -> None:
    rule = RefusesWrites(701)
    stage = Stage(members=2, rules=[[rule]], latency_us=(200, 2_000), block_count=400_000)
    vu = stage.ready()
    stage.dismount("$1$DUA11:")
    stage.mount(["$1$DUA11:"])
    assert stage.world.settle(lambda: vu.targets[0].fence_lbn > 1_000)
    rule.armed = True
    assert stage.write_now(vu, 700, 3 * BLOCK) == DRVERR
    stage.wait_for_copies(vu)
    assert len(vu.members) == 2
    stage.assert_members_identical(vu)


@pytest.mark.parametrize("by_controller", [False, True])
def test_a_copy_whose_sources_are_all_away_waits_for_them_and_goes_on(*, by_controller: bool) -> None:
    stage = Stage(members=2, latency_us=(2_000, 20_000), block_count=100_000)
    vu = stage.ready()
    stage.alpha.shadow.use_copy_commands = by_controller
    stage.dismount("$1$DUA11:")
    stage.mount(["$1$DUA11:"])
    assert stage.world.settle(lambda: vu.targets[0].fence_lbn > 1_000)
    medium = stage.controller.detach_unit(10)
    stage.world.clock.run_for(1_000 * SECOND_NS)
    assert [member.device for member in vu.targets] == ["$1$DUA11:"]
    stage.controller.load_unit(10, medium)
    assert stage.write_now(vu, 19_000, BLOCK) == NORMAL
    stage.wait_for_copies(vu)
    assert devices(vu) == ["$1$DUA10:", "$1$DUA11:"]
    stage.assert_members_identical(vu)
    assert len(stage.alpha.shadow.server.copies) == 1


# -- bad blocks


def test_a_block_that_one_member_cannot_read_is_answered_and_written_back() -> None:
    rule = UnreadableUntilWritten()
    stage = Stage(members=3, rules=[[rule]])
    lines = operator_lines(stage)
    vu = stage.ready()
    assert stage.write_now(vu, 700, BLOCK) == NORMAL
    rule.lbns = {700}
    assert stage.read_now(vu, 690, 20 * BLOCK_BYTES)[1][10 * BLOCK_BYTES :][:BLOCK_BYTES] == BLOCK
    assert stage.world.settle(lambda: not rule.lbns)
    assert len(vu.members) == 3
    stage.assert_members_identical(vu)
    assert not any("VOLPROC" in line for line in lines)


def test_a_forced_error_on_one_member_is_taken_away() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    assert stage.write_now(vu, 700, BLOCK) == NORMAL
    marked = vu.members[0].unit
    stage.world.run(stage.alpha, marked.force_error(700))
    assert stage.read_now(vu, 700, BLOCK_BYTES) == (NORMAL, BLOCK)
    stage.world.clock.run_for(SECOND_NS)
    stage.dismount("$1$DUA11:")
    assert stage.read_now(vu, 700, BLOCK_BYTES) == (NORMAL, BLOCK)  # of the one that was marked


def test_a_request_of_which_each_member_can_read_another_part_is_answered() -> None:
    rules = [UnreadableUntilWritten(), UnreadableUntilWritten()]
    stage = Stage(members=2, rules=[[rules[0]], [rules[1]]])
    vu = stage.ready()
    assert stage.write_now(vu, 700, 4 * BLOCK) == NORMAL
    rules[0].lbns, rules[1].lbns = {700}, {702}
    assert stage.read_now(vu, 700, 4 * BLOCK_BYTES) == (NORMAL, 4 * BLOCK)
    assert rules[0].lbns == rules[1].lbns == set()


def test_a_member_whose_block_cannot_be_written_back_is_put_out() -> None:
    stage = Stage(members=2, rules=[[BadBlocks([700])]])
    lines = operator_lines(stage)
    vu = stage.ready()
    assert stage.read_now(vu, 690, 20 * BLOCK_BYTES)[0] == NORMAL
    assert stage.world.settle(lambda: len(vu.members) == 1)
    assert devices(vu) == ["$1$DUA11:"]
    assert any("$1$DUA10: has been removed from shadow set" in line for line in lines)


def test_a_block_that_no_member_can_read_stays_an_error() -> None:
    rules = [UnreadableUntilWritten(), UnreadableUntilWritten()]
    stage = Stage(members=2, rules=[[rules[0]], [rules[1]]])
    vu = stage.ready()
    for rule in rules:
        rule.lbns = {700}
    for _ in range(3):
        assert stage.read_now(vu, 700, BLOCK_BYTES)[0] == PARITY
        assert stage.read_now(vu, 699, 3 * BLOCK_BYTES)[0] == PARITY
    assert stage.read_now(vu, 701, BLOCK_BYTES)[0] == NORMAL
    assert len(vu.members) == 2
    assert stage.write_now(vu, 700, OTHER) == NORMAL
    assert stage.read_now(vu, 700, BLOCK_BYTES) == (NORMAL, OTHER)


def test_a_forced_error_on_all_members_stays_one() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    for member in vu.members:
        stage.world.run(stage.alpha, member.unit.force_error(700))
    for _ in range(2):
        assert stage.read_now(vu, 700, BLOCK_BYTES)[0] == FORCEDERROR
    assert len(vu.members) == 2


def test_a_repair_undoes_no_write_of_another_node_that_comes_meanwhile() -> None:
    rule = UnreadableUntilWritten()
    stage = Stage(members=2, vax=True, rules=[[rule]], latency_us=(2_000, 2_000))
    assert stage.vax is not None
    vu = stage.ready()
    on_vax = stage.mount(node=stage.vax)
    for delay_ms in range(20):
        lbn = 700 + delay_ms
        assert stage.write_now(vu, lbn, BLOCK) == NORMAL
        rule.lbns = {lbn}
        while lbn in rule.lbns and not vu.changing:  # whichever member is read first
            assert stage.read_now(vu, lbn, BLOCK_BYTES) == (NORMAL, BLOCK)
        stage.world.clock.run_for(delay_ms * MILLISECOND_NS)
        assert stage.write_now(on_vax, lbn, OTHER, stage.vax) == NORMAL
        stage.world.clock.run_for(SECOND_NS)
        assert stage.read_now(vu, lbn, BLOCK_BYTES) == (NORMAL, OTHER)
    assert len(vu.members) == 2
    stage.assert_members_identical(vu)


def test_repairs_can_be_switched_off() -> None:
    rule = UnreadableUntilWritten()
    stage = Stage(members=2, rules=[[rule]])
    vu = stage.ready()
    stage.alpha.platform.parameters.write_active("SHADOW_SYS_DISK", 8192)
    rule.lbns = {700}
    for _ in range(3):
        assert stage.read_now(vu, 700, BLOCK_BYTES)[0] == NORMAL
    stage.world.clock.run_for(SECOND_NS)
    assert rule.lbns == {700}
