"""The local terminal: how the world goes on while a command is carried out."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import DummyInput
from prompt_toolkit.output import DummyOutput

from emu.console.session import CommandsInHand
from emu.core.clock import Scheduler
from emu.shells.console_terminal import Terminal
from emu.sim.world import World


class WallTime:
    """A loop that nobody is connected to at the moment; it lets the world go on, and counts."""

    serves = False

    def __init__(self, clock: Scheduler) -> None:
        self._clock = clock
        self.runs = 0

    def run(self, until: Callable[[], bool], signalled: Callable[[int], None]) -> None:
        self.runs += 1
        self._clock.run_until(until)


@pytest.mark.parametrize(("link", "runs"), [(object(), 1), (None, 0)])
def test_who_is_in_a_cluster_of_processes_keeps_to_wall_time_though_the_others_are_away(
    link: object, runs: int
) -> None:
    world = World()
    world.add_vax("VAX1")
    world.boot()
    machine = SimpleNamespace(world=world, commands=CommandsInHand(), link=link)
    loop = WallTime(world.clock)
    with create_app_session(input=DummyInput(), output=DummyOutput()):
        terminal = Terminal(cast(Any, machine), cast(Any, loop))
    terminal._carry_out("WAIT 00:00:01")
    assert loop.runs == runs
