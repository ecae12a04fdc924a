"""Run clauses on a controller, and print those it fails as JSON; `mutations` starts this with a bug in `emu.hw`."""

import json
import sys
from collections.abc import Sequence

from emu.conform.clauses import all_clauses
from emu.conform.suite import Outcome, run_clause
from emu.shells.conform import chosen
from emu.shells.conform_emulation import EmulationTarget


def failed(controller: str, patterns: Sequence[str]) -> list[str]:
    """The clauses that match, all of them without any, which the controller does not keep."""
    target = EmulationTarget(controller)
    names = []
    for clause in chosen(all_clauses(), patterns):
        try:
            outcome = run_clause(target, clause, dataloss=True).outcome
        except Exception:  # a model that breaks down has not kept the clause
            outcome = Outcome.FAILED
        if outcome in (Outcome.FAILED, Outcome.DIFFERS):
            names.append(clause.name)
    return names


if __name__ == "__main__":
    print(json.dumps(failed(sys.argv[1], sys.argv[2:])))
