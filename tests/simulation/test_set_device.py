"""SET DEVICE and DISMOUNT/FORCE_REMOVAL: costs, times, and members that are waited for no more."""

from drivers.shadow.shdriver import VirtualUnit
from emu.core.block import BLOCK_BYTES, Function
from emu.core.clock import SECOND_NS
from tests.simulation.stage import NORMAL, Stage
from tests.simulation.test_volume_processing import BLOCK, MEDOFL, devices


class Watches:
    """Counts what a disk is asked for."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Function, 0)

    def on_request(self, request: object) -> None:
        self.counts[Function(request.function)] += 1  # type: ignore[attr-defined]


def reads(vu: VirtualUnit) -> list[int]:
    return [member.unit.operations for member in vu.members]


def test_reads_go_where_they_cost_least_until_the_set_is_dismounted() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    stage.alpha.utilities.set_read_cost("$1$DUA10:", 500)
    before = reads(vu)
    for lbn in range(100, 110):
        stage.read_now(vu, lbn, BLOCK_BYTES)
    assert [after - count for after, count in zip(reads(vu), before, strict=True)] == [0, 10]
    stage.dismount("DSA1:")
    assert stage.alpha.disk("$1$DUA10:").read_cost == 2


def costs(vu: VirtualUnit) -> list[int]:
    return [member.unit.read_cost for member in vu.members]


def test_a_member_at_another_site_costs_more_to_read() -> None:
    stage = Stage()
    vu = stage.ready()
    utilities = stage.alpha.utilities
    utilities.set_site("$1$DUA10:", 1)
    utilities.set_site("$1$DUA11:", 2)
    assert costs(vu) == [2, 2, 2]  # nobody has told where this node is
    utilities.set_site("DSA1:", 1)
    assert costs(vu) == [2, 42, 2]
    utilities.set_read_cost("$1$DUA10:", 99)
    utilities.set_site("DSA1:", 2)
    assert costs(vu) == [99, 2, 2]  # what an operator has set stays
    stage.dismount("DSA1:")
    vu = stage.mount()
    utilities.set_site("DSA1:", 2)
    assert costs(vu) == [2, 2, 2]  # sites are forgotten with the dismount


def test_a_served_member_costs_the_same_from_any_site() -> None:
    stage = Stage(members=2, vax=True, served=True)
    stage.ready()
    assert stage.vax is not None
    assert stage.world.settle(lambda: len(stage.vax.disks) == 2)
    vu = stage.mount([], node=stage.vax)
    stage.vax.utilities.set_site("DSA1:", 1)
    stage.vax.utilities.set_site("$1$DUA10:", 2)
    assert costs(vu) == [501, 501]


def test_a_member_has_a_time_of_its_own_to_come_back() -> None:
    stage = Stage()
    vu = stage.ready()
    stage.alpha.utilities.set_member_timeout("$1$DUA12:", 10)
    stage.controller.detach_unit(12)
    before_ns = stage.world.clock.now_ns
    assert stage.write_now(vu, 100, BLOCK) == NORMAL
    assert 9 * SECOND_NS <= stage.world.clock.now_ns - before_ns < 15 * SECOND_NS
    assert devices(vu) == ["$1$DUA10:", "$1$DUA11:"]


def test_a_set_has_a_time_of_its_own_in_mount_verification() -> None:
    stage = Stage(members=1)
    vu = stage.ready()
    stage.alpha.utilities.set_verification_timeout("DSA1:", 30)
    stage.controller.detach_unit(10)
    assert stage.write_now(vu, 100, BLOCK) == MEDOFL
    assert 29 * SECOND_NS <= stage.world.clock.now_ns < 60 * SECOND_NS


def test_a_full_copy_by_the_host_reads_from_the_source_that_was_named() -> None:
    watches = [Watches(), Watches(), Watches()]
    stage = Stage(rules=[[watch] for watch in watches])  # type: ignore[list-item]
    stage.alpha.shadow.use_copy_commands = False
    vu = stage.ready()
    stage.dismount("$1$DUA12:")
    stage.alpha.utilities.set_copy_source("$1$DUA11:")
    counts = [watch.counts[Function.READ] for watch in watches]
    stage.mount(["$1$DUA12:"])
    stage.wait_for_copies(vu)
    first, second, _ = (
        watch.counts[Function.READ] - count for watch, count in zip(watches, counts, strict=True)
    )
    assert first == 0
    assert second > 100
    stage.assert_members_identical(vu)


def test_a_member_that_is_waited_for_is_removed_by_force() -> None:
    stage = Stage(vax=True)
    assert stage.vax is not None
    vu = stage.ready()
    stage.mount(node=stage.vax)
    stage.controller.detach_unit(12)
    write = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(5 * SECOND_NS)
    assert not write.finished.is_set
    stage.world.run(stage.vax, stage.vax.utilities.force_removal("$1$DUA12:", stage.said.append))
    stage.world.clock.run_for(2 * SECOND_NS)
    assert write.finished.is_set
    assert write.status == NORMAL
    assert devices(vu) == ["$1$DUA10:", "$1$DUA11:"]


def test_a_member_removed_by_force_in_mount_verification_is_none_when_the_set_goes_on() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    media = [stage.controller.detach_unit(number) for number in (10, 11)]
    write = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(5 * SECOND_NS)
    stage.world.run(stage.alpha, stage.alpha.utilities.force_removal("$1$DUA10:", stage.said.append))
    for number, medium in zip((10, 11), media, strict=True):
        stage.controller.load_unit(number, medium)
    stage.world.clock.run_for(5 * SECOND_NS)
    assert write.status == NORMAL
    assert devices(vu) == ["$1$DUA11:"]


def test_a_member_that_works_is_removed_by_force_and_the_last_one_is_not() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    force = stage.alpha.utilities.force_removal
    stage.world.run(stage.alpha, force("$1$DUA10:", stage.said.append))
    assert devices(vu) == ["$1$DUA11:"]
    refused = stage.refusal(lambda: stage.world.run(stage.alpha, force("$1$DUA11:", stage.said.append)))
    assert refused == ["CANNOTDMT", "SRCMEM"]
    assert stage.refusal(lambda: stage.world.run(stage.alpha, force("$1$DUA10:", stage.said.append))) == [
        "DEVNOTMOUNT"
    ]


def test_a_set_in_mount_verification_is_aborted_by_any_node() -> None:
    stage = Stage(members=2, vax=True)
    assert stage.vax is not None
    vu = stage.ready()
    stage.mount(node=stage.vax)
    for number in (10, 11):
        stage.controller.detach_unit(number)
    write = stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(5 * SECOND_NS)
    stage.world.run(stage.vax, stage.vax.utilities.abort_virtual_unit("DSA1:"))
    assert stage.world.settle(lambda: write.finished.is_set)
    assert write.status == MEDOFL
    assert stage.world.clock.now_ns < 60 * SECOND_NS


def test_a_set_that_is_well_is_not_aborted() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    abort = stage.alpha.utilities.abort_virtual_unit
    assert stage.refusal(lambda: stage.world.run(stage.alpha, abort("DSA1:"))) == ["UNSUPPORTED"]
    stage.controller.detach_unit(10)  # the other one works
    stage.write(vu, 100, BLOCK)
    stage.world.clock.run_for(5 * SECOND_NS)
    assert stage.refusal(lambda: stage.world.run(stage.alpha, abort("DSA1:"))) == ["UNSUPPORTED"]


def test_a_copy_waits_until_the_limit_lets_it() -> None:
    stage = Stage(members=2)
    vu = stage.ready()
    stage.dismount("$1$DUA11:")
    parameters = stage.alpha.platform.parameters
    parameters.write_active("SHADOW_MAX_COPY", 0)
    stage.mount(["$1$DUA11:"])
    stage.world.clock.run_for(10 * SECOND_NS)
    assert vu.targets
    parameters.write_active("SHADOW_MAX_COPY", 1)
    stage.wait_for_copies(vu)
    assert devices(vu) == ["$1$DUA10:", "$1$DUA11:"]


def test_one_copy_begins_at_once_when_the_limit_is_raised() -> None:
    stage = Stage(members=4, latency_us=(100_000, 200_000), block_count=400_000)
    stage.alpha.platform.parameters.write_active("SHADOW_MAX_COPY", 1)
    pairs = {"DSA1:": stage.names[:2], "DSA2:": stage.names[2:]}
    for unit, names in pairs.items():
        stage.initialize(names[:1], shadow=False)
        stage.mount(names, unit=unit)
    copies = stage.alpha.shadow.server.copies
    stage.world.clock.run_for(SECOND_NS // 4)
    assert len(copies) == 1
    stage.alpha.platform.parameters.write_active("SHADOW_MAX_COPY", 2)
    stage.world.clock.run_for(SECOND_NS // 4)
    assert len(copies) == 2


def test_no_more_sets_are_mounted_than_the_system_was_booted_for() -> None:
    stage = Stage(members=1, block_count=2_000)
    parameters = stage.alpha.platform.parameters
    parameters.write_current("SHADOW_MAX_UNIT", 10)
    parameters.boot()
    for number in range(10):
        unit = f"DSA{number * 100}:"  # the number of a unit is not limited
        stage.initialize()
        stage.mount(unit=unit)
        stage.dismount(unit)
    stage.initialize()
    assert stage.refusal(lambda: stage.mount(unit="DSA7777:")) == ["INSFMEM"]


def test_a_set_takes_its_memory_once_and_keeps_it() -> None:
    stage = Stage(members=1, block_count=2_000)
    pool = stage.alpha.platform.pool
    stage.initialize()
    before = pool.free_bytes
    for _ in range(2):
        stage.mount()
        stage.dismount("DSA1:")
        assert before - pool.free_bytes == 4_608


def test_no_set_is_mounted_without_memory_for_it() -> None:
    stage = Stage(members=1, block_count=2_000)
    stage.initialize()
    pool = stage.alpha.platform.pool
    kept = pool.allocate(4_544)  # 64 bytes too few, and enough for everything else
    while (largest := max((size for _, size in pool._free), default=0)) >= 4_608:
        pool.allocate(largest)
    pool.free(kept)
    assert stage.refusal(stage.mount) == ["INSFMEM"]
    assert not stage.alpha.shadow.units
