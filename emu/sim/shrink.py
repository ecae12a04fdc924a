"""The shortest story of a failure: steps are left out for as long as the same thing goes wrong."""

from collections.abc import Callable

from emu.sim.outcome import Outcome
from emu.sim.scenario import Scenario

RUNS = 150  # at the most


def kind_of(failure: str) -> str:
    """Say what went wrong without its numbers, or what was raised."""
    lines = failure.strip().splitlines()
    return "".join(" " if letter.isdigit() else letter for letter in lines[-1])


def shrink(scenario: Scenario, run: Callable[[Scenario], Outcome]) -> Scenario:
    """Leave out what the failure of a scenario does not need: halves of its steps, then quarters, then single ones.

    run: plays a scenario.  The scenario has to fail.
    """
    outcome = run(scenario)
    assert outcome.failures, "a scenario that fails is shrunk"
    kind = kind_of(outcome.failures[0])
    steps = [step.number for step in scenario.steps]
    size = max(1, len(steps) // 2)
    runs = 0
    while runs < RUNS:
        removed = False
        place = 0
        while place < len(steps) and runs < RUNS:
            fewer = steps[:place] + steps[place + size :]
            runs += 1
            outcome = run(scenario.only(frozenset(fewer)))
            if outcome.failures and kind_of(outcome.failures[0]) == kind:
                steps, removed = fewer, True
            else:
                place += size
        if size == 1 and not removed:
            break
        size = max(1, size // 2)
    return scenario.only(frozenset(steps))
