"""A member fails: it is put out of the set, and no request is lost."""

import pytest

from drivers.platform.host import WaitingIrp
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.core.block import BLOCK_BYTES, BlockRequest, Function
from emu.core.clock import SECOND_NS
from emu.core.trace import ConsoleLine
from emu.media.faulty import BadBlocks, DeadFrom
from emu.wire.codes.vms import IO
from tests.simulation.stage import NORMAL, SET, Stage, contents

BLOCK = b"\x42" * BLOCK_BYTES


@pytest.mark.parametrize("after", [15, 16, 19, 47, 97])
@pytest.mark.parametrize("victim", [0, 2])
def test_a_member_that_dies_under_load_is_expelled_and_the_application_notices_nothing(
    after: int, victim: int
) -> None:
    rules: list[list[DeadFrom]] = [[], [], []]
    rules[victim] = [DeadFrom(after)]
    stage = Stage(seed=after, rules=rules, latency_us=(20, 2_000))
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    vu = stage.ready()
    application = stage.application(vu)
    stage.run_application(application, 150)
    assert application.faults == []
    assert [member.device for member in vu.members] == [
        name for index, name in enumerate(stage.names) if index != victim
    ]
    stage.assert_members_identical(vu)
    assert any("Volume processing in progress" in line for line in lines)
    assert any(f"{stage.names[victim]} has been removed from shadow set" in line for line in lines)


def test_a_disk_taken_away_is_waited_for_and_then_expelled() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.controller.detach_unit(12)
    before_ns = stage.world.clock.now_ns
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    assert stage.world.clock.now_ns - before_ns >= 119 * SECOND_NS  # SHADOW_MBR_TMO
    assert [member.device for member in vu.members] == ["$1$DUA10:", "$1$DUA11:"]


def test_a_disk_that_comes_back_in_time_stays_a_member_and_gets_the_write() -> None:
    stage = Stage()
    vu = stage.ready()
    medium = stage.controller.detach_unit(12)
    irp = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(20 * SECOND_NS)
    assert not irp.finished.is_set
    stage.controller.load_unit(12, medium)
    assert stage.world.settle(lambda: irp.finished.is_set)
    assert irp.status == NORMAL
    assert len(vu.members) == 3
    stage.assert_members_identical(vu)


def test_a_read_that_one_member_cannot_do_is_done_by_another() -> None:
    stage = Stage(members=2, rules=[[BadBlocks([700])]])
    vu = stage.ready()
    for _ in range(4):
        assert stage.read_now(vu, 690, 20 * BLOCK_BYTES)[0] == NORMAL


def test_a_block_that_no_member_can_read_is_an_error_and_the_set_survives() -> None:
    stage = Stage(members=2, rules=[[BadBlocks([700])], [BadBlocks([700])]])
    vu = stage.ready()
    assert stage.read_now(vu, 700, BLOCK_BYTES)[0] == 0x1F4  # SS$_PARITY
    assert stage.read_now(vu, 701, BLOCK_BYTES)[0] == NORMAL
    assert len(vu.members) == 2


def test_reads_of_the_last_member_gone_fail_after_the_mount_verification_timeout() -> None:
    stage = Stage(members=1)
    vu = stage.ready()
    stage.controller.detach_unit(10)
    irp = stage.write(vu, 100, BLOCK)
    assert stage.world.settle(lambda: irp.finished.is_set)
    assert irp.status == 0x1A4  # SS$_MEDOFL
    assert stage.world.clock.now_ns >= 3_599 * SECOND_NS  # MVTIMEOUT


def test_a_target_that_dies_under_a_minicopy_is_expelled_and_its_bitmap_is_gone() -> None:
    class DieOnData:
        armed = False

        def on_request(self, request: BlockRequest) -> object:
            wanted = request.function in (Function.WRITE, Function.COPY) and request.lbn > 34
            return BadBlocks([request.lbn]).on_request(request) if self.armed and wanted else None

    rule = DieOnData()
    stage = Stage(rules=[[], [rule]])  # type: ignore[list-item]
    vu = stage.ready()
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    for lbn in range(100, 10_000, 500):
        stage.write_now(vu, lbn, BLOCK)
    rule.armed = True
    stage.mount(["$1$DUA11:"], Policy.MINICOPY)
    stage.world.settle(lambda: not vu.targets)
    assert vu.state.member("$1$DUA11:") is None
    assert stage.alpha.shadow.bitmaps == {}
    assert stage.write_now(vu, 50, BLOCK) == NORMAL
    rule.armed = False
    stage.mount(["$1$DUA11:"])
    assert stage.idents()[-1] == "SHDWMEMCOPY"
    stage.wait_for_copies(vu)
    stage.assert_members_identical(vu)


def test_a_source_that_dies_under_a_copy_leaves_the_copy_to_the_other_source() -> None:
    stage = Stage(rules=[[DeadFrom(30)]], latency_us=(20, 2_000))
    vu = stage.ready()
    stage.dismount("$1$DUA12:", Policy.MINICOPY)
    application = stage.application(vu)
    stage.run_application(application, 40)
    stage.mount(["$1$DUA12:"])
    stage.wait_for_copies(vu)
    assert application.faults == []
    assert [member.device for member in vu.members] == ["$1$DUA11:", "$1$DUA12:"]
    stage.assert_members_identical(vu)


@pytest.mark.parametrize("seed", range(6))
def test_a_controller_that_dies_again_and_again_loses_nothing(seed: int) -> None:
    stage = Stage(seed=seed, latency_us=(20, 3_000))
    vu = stage.ready()
    application = stage.application(vu)
    stream = stage.chance.stream("resets")
    (port,) = stage.controller.ports

    def reset() -> None:
        if port.state.name == "RUN":
            port.fail(12)
        stage.world.clock.call_after(stream.randrange(2_000_000, 30_000_000), reset)

    stage.world.clock.call_after(10_000_000, reset)
    application.start()
    stage.world.settle(lambda: application.writes >= 60)
    stage.dismount("$1$DUA11:", Policy.MINICOPY)
    stage.world.settle(lambda: application.writes >= 120)
    stage.mount(["$1$DUA11:"])
    stage.wait_for_copies(vu)
    application.stop()
    stage.finish(application)
    assert application.faults == []
    assert stage.alpha.controllers[0].port.failures > 2
    assert len(vu.members) == 3
    stage.assert_members_identical(vu)
    stage.assert_holds("$1$DUA11:", application.written)


def test_a_request_with_a_buffer_that_is_no_memory_fails_and_costs_no_member() -> None:
    stage = Stage()
    vu = stage.ready()
    irp = WaitingIrp(stage.alpha.platform, IO.WRITEPBLK, 100, 512, 0x3FFF_0000)
    vu.queue_io(irp)
    assert stage.world.settle(lambda: irp.finished.is_set)
    assert irp.status == 0x34C  # SS$_IVBUFLEN
    assert len(stage.alpha.shadow.units[SET].members) == 3


def test_a_request_beyond_the_end_is_refused() -> None:
    stage = Stage()
    vu = stage.ready()
    assert stage.write_now(vu, 19_999, 2 * BLOCK) == 0xDC  # SS$_ILLBLKNUM
    assert contents(stage.disks[0])[19_999 * 512 :] == bytes(512)


def copying(*, by_command: bool) -> tuple[Stage, VirtualUnit]:
    """A set that copies to $1$DUA12:, which takes some time."""
    stage = Stage(latency_us=(100, 2_000))
    vu = stage.ready()
    stage.alpha.shadow.use_copy_commands = by_command
    stage.dismount("$1$DUA12:")
    for lbn in range(100, 20_000, 500):
        stage.write_now(vu, lbn, BLOCK)
    stage.mount(["$1$DUA12:"])
    assert stage.world.settle(lambda: vu.targets[0].fence_lbn > 0)
    return stage, vu


@pytest.mark.parametrize("by_command", [False, True])
def test_a_target_that_comes_back_in_time_is_copied_on(by_command: bool) -> None:
    stage, vu = copying(by_command=by_command)
    medium = stage.controller.detach_unit(12)
    stage.world.clock.run_for(20 * SECOND_NS)
    assert len(vu.targets) == 1
    stage.controller.load_unit(12, medium)
    stage.wait_for_copies(vu)
    assert len(vu.sources) == 3
    stage.assert_members_identical(vu)
    assert len(stage.alpha.shadow.server.copies) == 1


def test_a_target_that_stays_away_is_put_out_in_the_end() -> None:
    stage, vu = copying(by_command=False)
    stage.controller.detach_unit(12)
    stage.world.clock.run_for(130 * SECOND_NS)  # SHADOW_MBR_TMO and a little
    assert not vu.targets
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    stage.assert_members_identical(vu)


def test_a_copy_by_the_host_waits_for_memory_and_keeps_no_write_waiting() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    stage.alpha.shadow.use_copy_commands = False
    stage.dismount("$1$DUA11:")
    pool, taken = stage.alpha.platform.pool, []
    while (address := pool.try_allocate(BLOCK_BYTES)) is not None:
        taken.append(address)
    for address in taken[-100:]:  # enough for MOUNT and writes, too little for a range
        pool.free(address)
    stage.mount(["$1$DUA11:"])
    stage.world.clock.run_for(10 * SECOND_NS)
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    assert vu.targets[0].fence_lbn == 0
    for address in taken[:-100]:
        pool.free(address)
    stage.wait_for_copies(vu)
    assert len(vu.sources) == 2
    stage.assert_members_identical(vu)
