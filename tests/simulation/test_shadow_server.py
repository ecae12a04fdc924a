"""Who copies, how many sets at a time, and where a copy goes on."""

from dataclasses import replace

import pytest

from drivers.message import Failure
from drivers.shadow.server import _copied
from drivers.shadow.state import MemberState
from drivers.shadow.utility import Policy
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT
from emu.core.block import BLOCK_BYTES, BlockRequest, Function
from emu.core.trace import ConsoleLine
from emu.media.faulty import BadBlocks
from tests.simulation.stage import SET, Stage

LEAVING = "$1$DUA11:"
BLOCK = b"\x24" * BLOCK_BYTES
FIRST_LBN = 400


def copying(rule: object = None, node: str = "alpha") -> Stage:
    """A stage where one node, whose set the other has mounted too, copies to a member by the host; every range differs.

    rule: what happens to the target.
    """
    rules = [[], [rule] if rule is not None else []]
    stage = Stage(vax=True, latency_us=(10, 2_000), rules=rules)  # type: ignore[arg-type]
    vu = stage.ready()
    assert stage.vax is not None
    stage.mount([], node=stage.vax)
    stage.alpha.shadow.use_copy_commands = stage.vax.shadow.use_copy_commands = False
    stage.dismount(LEAVING)
    for lbn in range(FIRST_LBN, vu.block_count, BLOCKS_PER_BIT):
        stage.write_now(vu, lbn, BLOCK)
    stage.mount([LEAVING], node=stage.vax if node == "vax" else stage.alpha)
    return stage


def test_a_full_copy_goes_on_from_its_fence_when_its_node_dismounts() -> None:
    stage = copying()
    assert stage.vax is not None
    alpha_vu = stage.alpha.shadow.units[SET]
    (target,) = alpha_vu.targets
    assert stage.world.settle(lambda: target.fence_lbn > 0)
    stage.dismount(SET)
    vax_vu = stage.vax.shadow.units[SET]
    begun_at = vax_vu.state.targets[0].fence_lbn
    assert begun_at > 0
    stage.wait_for_copies(vax_vu)
    (copy,) = stage.vax.shadow.server.copies
    assert copy.blocks_copied <= vax_vu.block_count - begun_at
    stage.assert_members_identical(vax_vu)


def test_the_operators_hear_where_a_copy_ends_and_goes_on() -> None:
    stage = copying()
    assert stage.vax is not None
    lines: list[str] = []
    stage.world.tracer.subscribe(lambda e: lines.append(e.text) if isinstance(e, ConsoleLine) else None)
    vu = stage.alpha.shadow.units[SET]
    assert stage.world.settle(lambda: vu.targets[0].fence_lbn > 0)
    stage.dismount(SET)
    lbn = stage.vax.shadow.units[SET].state.targets[0].fence_lbn
    said = [line for line in lines if "SHADOW_SERVER" in line]
    assert sorted(said) == [
        f"%SHADOW_SERVER-I-SSRVRESCPY, resuming copy operation on device _DSA1: at LBN: {lbn}, "
        "I/O size: 127 blocks, ID number: 1",
        f"%SHADOW_SERVER-I-SSRVTERMCPY, terminating copy operation on device _DSA1: at LBN: {lbn}, ID number: 1",
    ]


def test_a_full_copy_goes_on_from_the_fence_that_was_published_when_its_node_is_lost() -> None:
    stage = copying(node="vax")
    assert stage.vax is not None
    (known,) = stage.alpha.shadow.units[SET].targets
    (target,) = stage.vax.shadow.units[SET].targets
    assert stage.world.settle(lambda: known.fence_lbn > 0)
    assert known.fence_lbn <= target.fence_lbn
    stage.world.crash("VAX1")
    begun_at = known.fence_lbn
    vu = stage.alpha.shadow.units[SET]
    stage.wait_for_copies(vu)
    (copy,) = stage.alpha.shadow.server.copies
    assert copy.blocks_copied <= vu.block_count - begun_at
    stage.assert_members_identical(vu)


def test_a_node_that_has_enough_to_do_leaves_a_copy_to_one_that_can_begin() -> None:
    stage = Stage(vax=True, members=4, latency_us=(10, 2_000))
    assert stage.vax is not None
    for unit, names in (("DSA1:", stage.names[:2]), ("DSA2:", stage.names[2:])):
        stage.initialize(names)
        stage.mount(names, unit=unit)
        stage.mount([], unit=unit, node=stage.vax)
        stage.dismount(names[1])
    stage.alpha.platform.parameters.write_active("SHADOW_MAX_COPY", 1)
    stage.mount([stage.names[1]], unit="DSA1:")
    stage.mount([stage.names[3]], unit="DSA2:")
    units = stage.alpha.shadow.units
    assert stage.world.settle(lambda: units["DSA2:"].state.copier == "VAX1")
    for vu in units.values():
        stage.wait_for_copies(vu)
    assert [copy.vu.name for copy in stage.alpha.shadow.server.copies] == ["DSA1:"]
    assert [copy.vu.name for copy in stage.vax.shadow.server.copies] == ["DSA2:"]


def test_a_node_that_reaches_members_directly_copies_in_place_of_one_that_is_served() -> None:
    stage = Stage(vax=True, served=True, latency_us=(10, 2_000))
    vu = stage.ready()
    assert stage.vax is not None
    vax = stage.vax
    assert stage.world.settle(lambda: len(vax.disks) == 3)
    stage.mount([], node=vax)
    stage.dismount(LEAVING)
    stage.write_now(vu, 77, BLOCK)
    stage.mount([LEAVING], node=vax)
    assert vax.shadow.server.copy_delay_s(vax.shadow.units[SET]) == 90
    stage.wait_for_copies(vu)
    assert vax.shadow.server.copies == []
    assert len(stage.alpha.shadow.server.copies) == 1
    stage.assert_members_identical(vu)


def test_a_node_that_may_not_copy_leaves_it_to_another() -> None:
    stage = Stage(vax=True, latency_us=(10, 2_000))
    vu = stage.ready()
    assert stage.vax is not None
    stage.mount([], node=stage.vax)
    stage.vax.platform.parameters.write_active("SHADOW_MAX_COPY", 0)
    stage.dismount(LEAVING, Policy.MINICOPY)
    stage.write_now(vu, 77, BLOCK)
    stage.mount([LEAVING], node=stage.vax)
    stage.wait_for_copies(vu)
    assert stage.vax.shadow.server.copies == []
    assert len(stage.alpha.shadow.server.copies) == 1
    stage.assert_members_identical(vu)


def test_a_copy_waits_while_no_node_may_do_it_and_begins_when_one_may() -> None:
    stage = Stage()
    vu = stage.ready()
    parameters = stage.alpha.platform.parameters
    parameters.write_active("SHADOW_MAX_COPY", 0)
    stage.dismount(LEAVING)
    stage.write_now(vu, 77, BLOCK)
    stage.mount([LEAVING])
    stage.world.clock.run_for(60_000_000_000)
    assert len(vu.targets) == 1
    assert stage.alpha.shadow.server.copies == []
    parameters.write_active("SHADOW_MAX_COPY", 4)
    stage.wait_for_copies(vu)
    assert not vu.targets
    stage.assert_members_identical(vu)


class RefuseWrites:
    """A medium that cannot write one block for a while."""

    def __init__(self) -> None:
        self.lbn: int | None = None

    def on_request(self, request: BlockRequest) -> object:
        writes = request.function in (Function.WRITE, Function.COPY)
        return BadBlocks([self.lbn]).on_request(request) if writes and self.lbn is not None else None


def test_a_range_that_failed_while_its_node_dismounted_is_copied_by_the_next_node() -> None:
    rule = RefuseWrites()
    stage = copying(rule)
    assert stage.vax is not None
    vu = stage.alpha.shadow.units[SET]
    (target,) = vu.targets
    assert stage.world.settle(lambda: target.fence_lbn > 2_000)
    failing = target.fence_lbn
    rule.lbn = failing + (FIRST_LBN - failing) % BLOCKS_PER_BIT  # of the lowest range under way
    stage.dismount(SET)
    rule.lbn = None
    vax_vu = stage.vax.shadow.units[SET]
    assert vax_vu.targets[0].fence_lbn <= failing
    stage.wait_for_copies(vax_vu)
    stage.assert_members_identical(vax_vu)


def test_the_end_of_a_copy_makes_nobody_else_a_full_member() -> None:
    stage = Stage()
    vu = stage.ready()
    first, _, third = vu.state.members
    state = replace(vu.state, members=(first, replace(third, state=MemberState.TARGET)))
    assert _copied(state, LEAVING) == state  # it was dismounted as its copy ended


def test_a_mount_that_needs_a_minicopy_says_which_node_is_in_its_way() -> None:
    stage = copying(node="vax")
    stage.dismount("$1$DUA12:", Policy.MINICOPY)
    with pytest.raises(Failure, match=r"VAX1 is copying, and ALPHA1 has the write bitmap for _\$1\$DUA12:"):
        stage.mount(["$1$DUA12:"], Policy.MINICOPY)
    stage.wait_for_copies(stage.alpha.shadow.units[SET])
    stage.mount(["$1$DUA12:"], Policy.MINICOPY)
    assert stage.idents()[-1] == "SHDWMEMMCPY"
