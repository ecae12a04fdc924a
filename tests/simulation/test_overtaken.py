"""A node without quorum that others left behind: they change the set, die, and are back knowing of nothing."""

from collections.abc import Callable

from drivers.classes.disk import UnitState
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.utility import Policy
from emu.core.clock import SECOND_NS
from tests.simulation.stage import contents
from tests.simulation.test_node_crash import RECOVERED_NS, Crashing

FIRST, SECOND, THIRD, SPARE = "$1$DUA10:", "$1$DUA11:", "$1$DUA12:", "$1$DUA13:"


class Overtaken(Crashing):
    """The VAX is cut off; the Alpha has votes enough and goes on alone.  A set of three, and a spare disk."""

    def __init__(self) -> None:
        super().__init__(members=4)

    def ready(self) -> VirtualUnit:
        self.initialize()
        return self.mount([FIRST, SECOND, THIRD])

    def while_apart(self, action: Callable[[], object]) -> None:
        """Let the Alpha do something alone, die and boot again, now that the VAX can hear it."""
        self.go_on(SECOND_NS)
        self.world.lan.cut("ALPHA1", "VAX1")
        self.go_on(RECOVERED_NS)
        assert self.vu("ALPHA1").state.nodes == ("ALPHA1",)
        action()
        self.go_on(SECOND_NS)
        self.crash("ALPHA1")
        self.world.lan.mend()
        assert sorted(self.devices()) == [FIRST, SECOND, THIRD]  # nobody is left who could have told it
        self.boot_again("ALPHA1")
        self.go_on(SECOND_NS)

    def devices(self) -> list[str]:
        return [member.device for member in self.vu("VAX1").state.members]


def test_what_a_node_held_back_without_quorum_goes_to_no_disk_that_has_left_meanwhile() -> None:
    stage, left = Overtaken(), []

    def leave() -> None:
        stage.dismount(SECOND)
        left.append(contents(stage.disk(SECOND)))

    stage.while_apart(leave)
    assert stage.devices() == [FIRST, THIRD]
    assert contents(stage.disk(SECOND)) == left[0]
    stage.end()


def test_a_change_asked_for_without_quorum_is_made_of_the_set_that_others_have_left() -> None:
    stage, left, ended = Overtaken(), [], []
    node = stage.node("VAX1")

    def leave() -> None:
        node.run("command", node.utilities.dismount_member(THIRD, Policy.DEFAULT, str), ended.append)
        stage.dismount(SECOND)
        left.append(contents(stage.disk(SECOND)))

    stage.while_apart(leave)
    assert ended == [None]
    assert stage.devices() == [FIRST]
    assert contents(stage.disk(SECOND)) == left[0]
    stage.end()


def test_the_only_member_that_others_have_left_is_found_though_this_node_never_knew_it() -> None:
    stage = Overtaken()

    def move() -> None:
        vu = stage.vu("ALPHA1")
        stage.dismount(FIRST)
        stage.mount([SPARE])
        stage.wait_for_copies(vu)
        stage.dismount(SECOND)
        stage.dismount(THIRD)

    stage.while_apart(move)
    assert stage.devices() == [SPARE]
    node = stage.node("VAX1")
    assert [node.disk(name).state for name in stage.names] == [UnitState.AVAILABLE] * 3 + [UnitState.ONLINE]
    stage.end()


def test_a_copy_that_was_under_way_when_others_went_on_is_given_up() -> None:
    stage = Overtaken()
    stage.dismount(SECOND)
    stage.node("ALPHA1").platform.parameters.write_active("SHADOW_MAX_COPY", 0)
    stage.node("VAX1").platform.parameters.write_active("SHADOW_MAX_COPY", 0)
    stage.mount([SECOND])
    assert stage.vu("VAX1").state.targets
    stage.while_apart(lambda: None)
    assert stage.devices() == [FIRST, THIRD]
    stage.end()
