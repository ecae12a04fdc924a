"""Shadow sets on SCSI disks: one bus, one or two Alphas, copies by EXTENDED COPY, and what goes wrong."""

import pytest

from drivers.classes.disk import UnitState
from drivers.platform.host import WaitingIrp
from drivers.platform.irp import Irp
from drivers.shadow.mount import MountRequest
from drivers.shadow.utility import Policy
from emu.core.block import BlockRequest, MediumError
from emu.core.clock import MILLISECOND_NS, SECOND_NS
from emu.media.faulty import BadBlocks, DeadFrom, Hold
from emu.sim.ledger import Ledger
from emu.wire.codes.scsi_bus import PHASE
from emu.wire.codes.vms import IO, SS
from tests.simulation.scsi_stage import TARGET, ScsiStage
from tests.simulation.stage import LABEL, NORMAL, SET

EXTENDED_COPY, COPY_RESULTS = 0x83, 0x84


class Opcodes:
    """What the units of the target are told."""

    def __init__(self, stage: ScsiStage) -> None:
        self.seen: list[int] = []
        target = stage.shelf.targets[TARGET]
        submit = target.submit

        def listening(task):  # type: ignore[no-untyped-def]
            self.seen.append(task.cdb[0])
            submit(task)

        target.submit = listening  # type: ignore[method-assign]


def test_a_set_on_scsi_disks_holds_what_is_written() -> None:
    stage = ScsiStage()
    vu = stage.ready()
    application = stage.application(vu)
    stage.run_application(application, 200)
    assert application.faults == []
    stage.assert_members_identical(vu)
    for name in stage.names:
        stage.assert_holds(name, application.written)
    stage.dismount(SET)
    assert all(stage.alpha.disk(name).state is UnitState.AVAILABLE for name in stage.names)


def test_a_set_on_drives_of_their_own_holds_what_is_written() -> None:
    stage = ScsiStage(drives=True)
    vu = stage.ready()
    application = stage.application(vu)
    stage.run_application(application, 100)
    assert application.faults == []
    stage.assert_members_identical(vu)


def test_a_minicopy_between_units_of_one_target_moves_no_block_across_the_bus() -> None:
    stage = ScsiStage()
    vu = stage.ready()
    opcodes = Opcodes(stage)
    data_bytes = stage.leave_and_return("$1$DKA101:")
    copy = stage.alpha.shadow.server.copies[-1]
    assert copy.by_command
    assert copy.bitmap is not None
    assert copy.blocks_copied > 1000
    # Home and control blocks are read and written; the rest are parameter lists: 28 bytes for 127 blocks and more.
    assert data_bytes < 20_000 < copy.blocks_copied * 512
    assert opcodes.seen.count(EXTENDED_COPY) == opcodes.seen.count(COPY_RESULTS) > 0
    stage.assert_members_identical(vu)


def test_one_command_copies_as_many_segments_as_the_target_takes() -> None:
    stage = ScsiStage(latency_us=None)
    stage.ready()
    opcodes = Opcodes(stage)
    stage.leave_and_return("$1$DKA102:", writes=150)
    copy = stage.alpha.shadow.server.copies[-1]
    assert copy.ranges_copied > 30
    assert opcodes.seen.count(EXTENDED_COPY) <= copy.ranges_copied // 8


def test_a_full_copy_between_units_of_one_target_goes_by_command_too() -> None:
    stage = ScsiStage(members=2)
    stage.initialize()
    vu = stage.mount(stage.names[:1])
    application = stage.application(vu)
    stage.run_application(application, 50)
    before = stage.data_bytes
    stage.mount(stage.names[1:], Policy.NOMINICOPY)
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].by_command
    assert stage.data_bytes - before < 20_000
    stage.assert_members_identical(vu)


def test_drives_of_their_own_are_copied_by_the_host() -> None:
    stage = ScsiStage(members=2, drives=True, block_count=4000)
    vu = stage.ready()
    stage.leave_and_return("$1$DKA200:", writes=20)
    copy = stage.alpha.shadow.server.copies[-1]
    assert not copy.by_command
    assert copy.blocks_copied < 4000
    stage.assert_members_identical(vu)


def test_a_set_of_scsi_and_mscp_members_copies_each_as_it_can() -> None:
    stage = ScsiStage(members=2, mscp_members=1)
    vu = stage.ready()
    stage.leave_and_return("$1$DKA101:", writes=30)
    assert stage.alpha.shadow.server.copies[-1].by_command
    stage.leave_and_return("$1$DUA10:", writes=30)
    assert not stage.alpha.shadow.server.copies[-1].by_command
    stage.assert_members_identical(vu)


def test_writes_go_on_under_a_minicopy_by_command() -> None:
    stage = ScsiStage()
    vu = stage.ready()
    application = stage.application(vu)
    application.start()
    stage.world.settle(lambda: application.writes > 80)
    stage.dismount("$1$DKA101:", Policy.MINICOPY)
    stage.world.settle(lambda: application.writes > 200)
    stage.mount(["$1$DKA101:"], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].by_command
    application.stop()
    stage.finish(application)
    assert application.faults == []
    stage.assert_members_identical(vu)
    stage.assert_holds("$1$DKA101:", application.written)


@pytest.mark.parametrize("when_us", [0, 150, 900, 4_000])
def test_a_bus_reset_under_load_loses_nothing_and_expels_nobody(when_us: int) -> None:
    stage = ScsiStage()
    vu = stage.ready()
    application = stage.application(vu)
    application.start()
    stage.world.settle(lambda: application.writes > 30)
    stage.world.clock.run_for(when_us * 1000)
    port = stage.alpha.adapters[0].port
    resets = port.resets
    port.reset_bus("the test wants it")
    stage.world.settle(lambda: application.writes > 90)
    application.stop()
    stage.finish(application)
    assert port.resets == resets + 1
    assert application.faults == []
    assert len(vu.sources) == 3
    stage.assert_members_identical(vu)


def test_a_bus_reset_under_an_extended_copy_lets_it_be_done_again() -> None:
    hold = Hold(lambda request: request.function == 1 and request.lbn >= 35)
    hold.holding = False
    stage = ScsiStage(rules=[[], [hold]])
    vu = stage.ready()
    stage.dismount("$1$DKA101:", Policy.MINICOPY)
    stage.run_application(stage.application(vu, read_share=0), 40)
    hold.holding = True
    stage.mount(["$1$DKA101:"], Policy.MINICOPY)
    stage.world.settle(lambda: bool(hold.held))
    stage.alpha.adapters[0].port.reset_bus("the test wants it")
    hold.holding = False
    stage.world.clock.run_for(10_000_000)
    hold.release()
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].by_command
    assert len(vu.sources) == 3
    stage.assert_members_identical(vu)


def test_a_disk_that_dies_is_expelled_and_the_application_notices_nothing() -> None:
    stage = ScsiStage(rules=[[], [DeadFrom(60)]])
    vu = stage.ready()
    application = stage.application(vu)
    stage.run_application(application, 200)
    assert application.faults == []
    assert [member.device for member in vu.members] == ["$1$DKA100:", "$1$DKA102:"]
    stage.assert_members_identical(vu)
    stage.assert_holds("$1$DKA102:", application.written)


def test_a_bad_block_of_the_source_is_read_from_another_member() -> None:
    stage = ScsiStage(rules=[[BadBlocks([500])]])
    vu = stage.ready()
    data = b"\x5a" * 512
    assert stage.write_now(vu, 499, data) == NORMAL
    for _ in range(6):
        assert stage.read_now(vu, 499, 1024)[0] == NORMAL


def test_a_range_the_target_cannot_copy_is_copied_by_the_host() -> None:
    stage = ScsiStage(rules=[[BadBlocks([5000])]])
    vu = stage.ready()
    stage.dismount("$1$DKA102:", Policy.MINICOPY)
    # The other full member has the block; the first one, from which the target copies, cannot read it any more.
    assert stage.write_now(vu, 5001, b"\xa5" * 512) == NORMAL
    assert stage.write_now(vu, 9000, b"\xa6" * 512) == NORMAL
    stage.mount(["$1$DKA102:"], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].by_command
    assert len(vu.sources) == 3
    stage.assert_members_identical(vu)


PARITY = 0x1F4


@pytest.mark.parametrize("drives", [False, True], ids=["EXTENDED COPY", "by the host"])
def test_a_block_that_no_source_can_read_is_unreadable_on_the_target_too(drives: bool) -> None:
    stage = ScsiStage(members=2, drives=drives, block_count=4000)
    stage.initialize()
    vu = stage.mount(stage.names[:1])
    data = bytes(range(256)) * 10
    assert stage.write_now(vu, 1200, data) == NORMAL
    source, target = (stage.alpha.disk(name) for name in stage.names)
    assert stage.world.run(stage.alpha, source.force_error(1202)) == NORMAL
    stage.mount(stage.names[1:], Policy.NOMINICOPY)
    stage.wait_for_copies(vu)
    assert stage.alpha.shadow.server.copies[-1].by_command is not drives
    assert len(vu.sources) == 2
    assert stage.read_now(vu, 1202, 512)[0] == PARITY
    stage.dismount(stage.names[0])
    assert len(vu.sources) == 1
    assert stage.read_now(vu, 1202, 512)[0] == PARITY
    assert stage.read_now(vu, 1200, 1024) == (NORMAL, data[:1024])
    assert stage.read_now(vu, 1203, 1024) == (NORMAL, data[1536:2560])
    assert stage.write_now(vu, 1202, bytes(512)) == NORMAL
    assert stage.read_now(vu, 1202, 512) == (NORMAL, bytes(512))
    assert target.errors > 0


def test_an_unreadable_block_comes_back_from_an_mscp_disk_as_a_forced_error() -> None:
    stage = ScsiStage(members=1, mscp_members=1, block_count=4000)
    stage.initialize()
    vu = stage.mount(stage.names[:1])
    source = stage.alpha.disk(stage.names[0])
    assert stage.world.run(stage.alpha, source.force_error(77)) == NORMAL
    stage.mount(stage.names[1:], Policy.NOMINICOPY)
    stage.wait_for_copies(vu)
    stage.dismount(stage.names[0])
    assert stage.read_now(vu, 77, 512)[0] == 0x2144
    assert stage.write_now(vu, 77, bytes(512)) == NORMAL
    assert stage.read_now(vu, 77, 512) == (NORMAL, bytes(512))


def test_a_disk_on_which_no_block_can_be_marked_is_no_member_unless_that_is_overridden() -> None:
    stage = ScsiStage(members=2)
    stage.initialize()
    for name in stage.names:
        assert stage.world.run(stage.alpha, stage.alpha.disk(name).online()) == NORMAL
    stage.alpha.disk(stage.names[1]).no_forced_error = True
    assert stage.refusal(stage.mount) == ["DEVNOFE"]


def test_a_target_without_forced_error_cannot_take_a_block_that_is_unreadable() -> None:
    stage = ScsiStage(members=2, drives=True, block_count=4000)
    stage.initialize()
    vu = stage.mount(stage.names[:1])
    source, target = (stage.alpha.disk(name) for name in stage.names)
    assert stage.world.run(stage.alpha, source.force_error(1202)) == NORMAL
    assert stage.world.run(stage.alpha, target.online()) == NORMAL
    target.no_forced_error = True
    request = MountRequest(SET, stage.names[1:], LABEL, Policy.NOMINICOPY, override_no_forced_error=True)
    nodes, utilities = stage.alpha.cluster.nodes, stage.alpha.utilities
    stage.world.run(stage.alpha, utilities.mount(request, nodes, stage.said.append))
    stage.wait_for_copies(vu)
    assert [member.device for member in vu.members] == [stage.names[0]]
    assert stage.alpha.shadow.server.copies[-1].cancelled


def test_a_member_that_another_host_reserves_is_expelled() -> None:
    stage = ScsiStage()
    vu = stage.ready()
    unit = stage.shelf.targets[TARGET].units[1]
    unit.reserved_by = "0,t,1"
    assert stage.write_now(vu, 100, b"\x11" * 512) == NORMAL
    assert [member.device for member in vu.members] == ["$1$DKA100:", "$1$DKA102:"]


def test_two_alphas_on_one_bus_share_a_set() -> None:
    stage = ScsiStage(alphas=2)
    _, second = stage.alphas
    vu = stage.ready()
    there = stage.mount([], node=second)
    applications = [
        stage.application(vu, region=(35, 9000)),
        stage.application(there, second, ledger=Ledger(1 << 32), region=(9000, 20_000)),
    ]
    for application in applications:
        application.start(150)
    stage.finish(*applications)
    assert [application.faults for application in applications] == [[], []]
    stage.assert_members_identical(vu)
    for application in applications:
        stage.assert_holds("$1$DKA102:", application.written)


def test_a_bus_reset_by_one_alpha_is_noticed_and_survived_by_the_other() -> None:
    stage = ScsiStage(alphas=2)
    _, second = stage.alphas
    vu = stage.ready()
    there = stage.mount([], node=second)
    applications = [
        stage.application(vu, region=(35, 9000)),
        stage.application(there, second, ledger=Ledger(1 << 32), region=(9000, 20_000)),
    ]
    for application in applications:
        application.start()
    for node in stage.alphas:
        stage.world.settle(lambda: applications[0].writes > 40)
        before = [each.adapters[0].port.resets for each in stage.alphas]
        node.adapters[0].port.reset_bus("the test wants it")
        stage.world.clock.run_for(300 * MILLISECOND_NS)
        assert [each.adapters[0].port.resets for each in stage.alphas] == [n + 1 for n in before]
    for application in applications:
        application.stop()
    stage.finish(*applications)
    assert [application.faults for application in applications] == [[], []]
    assert len(vu.sources) == 3
    stage.assert_members_identical(vu)


def test_a_member_returns_by_minicopy_while_both_alphas_write() -> None:
    stage = ScsiStage(alphas=2)
    _, second = stage.alphas
    vu = stage.ready()
    there = stage.mount([], node=second)
    applications = [
        stage.application(vu, region=(35, 9000)),
        stage.application(there, second, ledger=Ledger(1 << 32), region=(9000, 20_000)),
    ]
    for application in applications:
        application.start()
    stage.world.settle(lambda: applications[0].writes > 20)
    stage.dismount("$1$DKA101:", Policy.MINICOPY)
    stage.world.settle(lambda: applications[0].writes > 60)
    stage.mount(["$1$DKA101:"], Policy.MINICOPY)
    stage.wait_for_copies(vu)
    for application in applications:
        application.stop()
    stage.finish(*applications)
    assert [application.faults for application in applications] == [[], []]
    stage.assert_members_identical(vu)


def test_the_traffic_of_writes_is_what_they_wrote_for_each_member() -> None:
    stage = ScsiStage(members=2)
    vu = stage.ready()
    before = stage.shelf.bus.moved_bytes[PHASE.DATA_OUT]
    assert stage.write_now(vu, 300, bytes(5120)) == NORMAL
    assert stage.shelf.bus.moved_bytes[PHASE.DATA_OUT] - before == 2 * 5120


def test_a_request_of_a_unit_that_has_gone_fails_when_the_unit_does_not_come_back() -> None:
    stage = ScsiStage(members=1)
    vu = stage.ready()
    port = stage.shelf.ports[TARGET]
    port.scsi_id = 5  # somebody turned the switch
    irp: Irp = stage.write(vu, 100, bytes(512))
    stage.world.clock.run_for(20 * SECOND_NS)
    assert not irp.status  # the set waits for its last member
    port.scsi_id = TARGET
    assert stage.world.settle(lambda: bool(irp.status))
    assert irp.status == NORMAL


def test_writes_that_fail_together_are_all_known_to_have_failed() -> None:
    hold = Hold()
    hold.holding = False
    stage = ScsiStage(members=1, rules=[[hold, Unwritable()]])
    stage.ready()
    disk, platform = stage.alpha.disk("DKA100"), stage.alpha.platform
    hold.holding = True
    writes = []
    for lbn in (100, 200, 300):
        writes.append(WaitingIrp(platform, IO.WRITEPBLK, lbn, 512, platform.pool.allocate(512)))
        disk.queue_io(writes[-1])
    stage.world.clock.run_for(SECOND_NS)
    assert len(hold.held) == 3
    hold.holding = False
    hold.release()  # at one instant: each sense is held until it is fetched
    assert stage.world.settle(lambda: all(write.finished.is_set for write in writes))
    assert [write.status for write in writes] == [int(SS.PARITY)] * 3


class Unwritable:
    """A medium that cannot be written at three places, once each."""

    def __init__(self) -> None:
        self._bad = {100, 200, 300}

    def on_request(self, request: BlockRequest) -> MediumError | None:
        if request.lbn in self._bad:
            self._bad.discard(request.lbn)
            return MediumError("the block cannot be written", lbn=request.lbn)
        return None
