"""Several operators at the consoles of one world, none of whom waits for another."""

from collections.abc import Callable

import pytest

from emu.console.interpreter import Interpreter
from emu.console.session import CommandsInHand
from tests.unit.test_console import BLOCK, BLOCKS, A, B, C, Console


class Operator:
    """Somebody at a console, who types and sees."""

    def __init__(self, console: Console, commands: CommandsInHand) -> None:
        self.said: list[str] = []
        self.changes = 0
        self.interpreter = Interpreter(console.world, console.files, self.said.append, commands=commands)
        self.interpreter.changed = self._changed
        self._clock = console.world.clock

    def _changed(self) -> None:
        self.changes += 1

    def starts(self, line: str) -> None:
        self.said.clear()
        self.interpreter.start(line)

    def does(self, line: str) -> list[str]:
        """Start a line and let the world go on until it has ended or asks something."""
        self.starts(line)
        self.waits(lambda: not self.interpreter.busy or self.interpreter.question is not None)
        return self.said

    def waits(self, condition: Callable[[], bool]) -> None:
        assert self._clock.run_until(condition)


class Office:
    """A world with a mounted set, and two operators at it."""

    def __init__(self) -> None:
        self.console = Console()
        self.console.well(f"INIT/SHADOW=({A},{B}) PAYROLL", f"MOUNT/SYSTEM DSA42:/SHADOW=({A},{B}) PAYROLL")
        self.clock = self.console.world.clock
        self.commands = CommandsInHand()
        self.one, self.two = (Operator(self.console, self.commands) for _ in range(2))


@pytest.fixture
def office() -> Office:
    return Office()


def test_a_command_is_begun_and_ends_as_the_world_goes_on(office: Office) -> None:
    office.one.starts("SHOW DEVICE D")
    assert office.one.interpreter.busy
    assert not office.one.said
    office.one.waits(lambda: not office.one.interpreter.busy)
    assert office.one.changes == 1
    assert any("DSA42:" in line for line in office.one.said)


def test_a_line_that_is_no_command_ends_at_once(office: Office) -> None:
    office.one.starts("FROBNICATE")
    assert not office.one.interpreter.busy
    assert office.one.said[0].startswith("%DCL-W-IVVERB")
    assert office.one.changes == 0


def test_one_operators_command_is_in_nobodys_way(office: Office) -> None:
    office.one.starts("WAIT 23:00")
    assert office.two.does("SHOW DEVICE D")
    assert office.one.interpreter.busy
    office.one.interpreter.interrupt()
    office.one.waits(lambda: not office.one.interpreter.busy)
    assert office.one.said == ["%WAIT-F-ABORT, operation canceled by operator"]


def test_a_missing_parameter_is_a_question(office: Office) -> None:
    office.one.starts("DUMP")
    assert office.one.interpreter.question == "_Device: "
    office.one.interpreter.answer("DSA42:")
    assert office.one.interpreter.question is None
    office.one.waits(lambda: not office.one.interpreter.busy)
    assert any("Logical block number 0" in line for line in office.one.said)


def test_a_question_in_the_middle_of_a_command_waits_while_others_work(office: Office) -> None:
    office.one.does(f"MOUNT/CONFIRM DSA42:/SHADOW={C} PAYROLL")
    assert office.one.interpreter.question == "Allow FULL shadow copy on the above member(s)? [N]: "
    office.two.does("SHOW DEVICE D")
    office.one.interpreter.interrupt()  # which is no answer
    office.one.waits(lambda: not office.one.interpreter.busy)
    assert office.one.said[-1] == "%MOUNT-F-OPRABORT, mount aborted by operator"


def test_a_disk_that_one_operator_backs_up_is_taken_for_the_other(office: Office) -> None:
    office.one.starts(f"BACKUP/PHYSICAL {C} x.img")
    office.one.waits(lambda: bool(office.commands.claimed))
    assert office.two.does(f"MOUNT/OVERRIDE=SHADOW {C} X")[0].startswith("%MOUNT-F-DEVALLOC")
    office.one.waits(lambda: not office.one.interpreter.busy)
    assert len(office.console.files.contents["x.img"]) == BLOCKS * BLOCK


def test_an_operator_who_vanishes_in_mid_backup_leaves_nothing_behind(office: Office) -> None:
    office.one.starts(f"BACKUP/PHYSICAL/LOG {C} x.img")
    office.one.waits(lambda: len(office.one.said) > 2)
    said = list(office.one.said)
    office.one.interpreter.hang_up()
    assert not office.one.interpreter.busy
    office.two.waits(lambda: not office.commands.jobs)
    assert office.one.said == said
    assert not office.commands.claimed
    assert office.console.files.open_outputs == 0
    assert "x.img" not in office.console.files.contents


def test_a_mount_goes_on_when_its_operator_vanishes(office: Office) -> None:
    office.one.starts(f"MOUNT DSA42:/SHADOW={C} PAYROLL")
    office.one.interpreter.hang_up()
    office.two.waits(lambda: not office.commands.jobs)
    assert any(C in line for line in office.two.does("SHOW DEVICE DSA42:"))


def test_a_question_to_somebody_who_vanished_is_answered_with_no(office: Office) -> None:
    for ask_first in (True, False):
        operator = Operator(office.console, office.commands)
        operator.starts(f"MOUNT/CONFIRM DSA42:/SHADOW={C} PAYROLL")
        if ask_first:
            operator.waits(lambda operator=operator: operator.interpreter.question is not None)  # type: ignore[misc]
        operator.interpreter.hang_up()
        office.two.waits(lambda: not office.commands.jobs)
        assert not any(C in line for line in office.two.does("SHOW DEVICE DSA42:"))


def test_what_goes_on_in_the_background_still_tells_when_it_fails(office: Office) -> None:
    office.one.starts(f"MOUNT DSA43:/SHADOW={C} NONE")
    office.one.interpreter.interrupt()
    office.one.waits(lambda: not office.one.interpreter.busy)
    assert office.one.said == ["%DCL-W-CONTINUES, MOUNT goes on in the background"]
    office.one.waits(lambda: not office.commands.jobs)
    assert len(office.one.said) > 1
    assert office.one.interpreter.status == "W"


def test_loads_are_everybodys(office: Office) -> None:
    office.one.does("LOAD DSA42:/RATE=100")
    office.one.interpreter.hang_up()
    office.two.does("STOP/LOAD")
    assert office.two.interpreter.succeeded
    assert not any(load.running for load in office.commands.loads.values())


def test_operator_messages_end_with_the_operator(office: Office) -> None:
    office.one.interpreter.session.enable_operator(True)
    office.one.interpreter.hang_up()
    office.two.does(f"MOUNT DSA42:/SHADOW={C} PAYROLL")
    assert not office.one.said
    assert not office.console.world.tracer.heard


def test_two_operators_mount_the_same_set_at_the_same_time(office: Office) -> None:
    office.two.does("DISMOUNT DSA42:")
    office.one.starts(f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    office.two.starts(f"MOUNT DSA42:/SHADOW=({A},{B}) PAYROLL")
    office.one.waits(lambda: not office.commands.jobs)
    assert [office.one.interpreter.succeeded, office.two.interpreter.succeeded].count(True) >= 1
    assert any("DSA42:" in line for line in office.one.does("SHOW DEVICE DSA42:"))
