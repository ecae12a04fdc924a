"""Run clauses on a target."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from emu.conform.clause import Clause, NotApplicable, Violation
from emu.conform.host import Host
from emu.conform.target import Target, TargetLost


class Outcome(Enum):
    """How a clause came out."""

    PASSED = "passed"
    FAILED = "failed"
    EXPECTED = "expected failure"  # it failed, and somebody has said why
    UNEXPECTED = "unexpected pass"  # it passed, and somebody has said why it cannot
    DIFFERS = "differs"  # it failed a rule that the manuals leave in doubt
    SKIPPED = "skipped"

    @property
    def is_bad(self) -> bool:
        return self in (Outcome.FAILED, Outcome.UNEXPECTED)


@dataclass(frozen=True, slots=True)
class Result:
    """One clause on one target.

    reason: what is violated, or missing, or what was expected.  exchange: what passed, when it failed.
    """

    clause: Clause
    outcome: Outcome
    reason: str = ""
    exchange: list[str] = field(default_factory=list)


def run_suite(
    target: Target, clauses: Iterable[Clause], expected: Mapping[str, str] | None = None, *, dataloss: bool
) -> Iterator[Result]:
    """Try each clause in turn.

    expected: why clauses fail, by name.  dataloss: clauses may write to the scratch unit.
    """
    for clause in clauses:
        yield run_clause(target, clause, (expected or {}).get(clause.name), dataloss=dataloss)


def run_clause(target: Target, clause: Clause, expected: str | None = None, *, dataloss: bool) -> Result:
    """Try one clause on a target."""
    missing = [need for need in clause.needs if target.facts.missing(need)]
    if missing:
        return Result(clause, Outcome.SKIPPED, f"needs {', '.join(missing)}")
    if clause.changes_data and not dataloss:
        return Result(clause, Outcome.SKIPPED, "needs leave to write to the scratch unit (--dataloss)")
    host = Host(target)
    try:
        target.renew()
        clause.check(host)
    except NotApplicable as missing_feature:
        return Result(clause, Outcome.SKIPPED, f"needs {missing_feature}")
    except (Violation, TargetLost, OSError) as violation:  # an adapter's line may break
        reason = str(violation)
        if expected is not None:
            return Result(clause, Outcome.EXPECTED, f"{expected} ({reason})", host.exchange.explain())
        if clause.open_question:
            reason = f"{reason}; in doubt: {clause.open_question}"
            return Result(clause, Outcome.DIFFERS, reason, host.exchange.explain())
        return Result(clause, Outcome.FAILED, reason, host.exchange.explain())
    if expected is not None:
        return Result(clause, Outcome.UNEXPECTED, f"it passed, but: {expected}")
    return Result(clause, Outcome.PASSED)
