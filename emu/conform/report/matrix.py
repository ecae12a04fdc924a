"""Clauses and results as text: one target's lines, or a table of several targets."""

from collections import Counter
from collections.abc import Iterable, Sequence

from emu.conform.suite import Outcome, Result

MARKS = {
    Outcome.PASSED: "+",
    Outcome.FAILED: "FAILED",
    Outcome.EXPECTED: "x",
    Outcome.UNEXPECTED: "PASSED",
    Outcome.DIFFERS: "?",
    Outcome.SKIPPED: "-",
}
LEGEND = "+ passed, - skipped, x expected failure, ? differs where the manuals leave doubt"


def line(result: Result) -> str:
    """One clause."""
    reason = f": {result.reason}" if result.reason else ""
    return f"{MARKS[result.outcome]:>6}  {result.clause.section:<5} {result.clause.name}{reason}"


def summary(results: Sequence[Result]) -> str:
    """How many of each."""
    counts = Counter(result.outcome for result in results)
    parts = [f"{counts[outcome]} {outcome.value}" for outcome in Outcome if counts[outcome]]
    return f"{len(results)} clauses: " + ", ".join(parts)


def failures(results: Iterable[Result]) -> Iterable[str]:
    """The bad ones with what passed between host and controller."""
    for result in results:
        if result.outcome.is_bad:
            yield f"{result.clause.name} ({result.clause.section}): {result.reason}"
            yield from (f"    {text}" for text in result.exchange)


def table(columns: Sequence[tuple[str, Sequence[Result]]]) -> list[str]:
    """A Markdown table, clauses × targets; all columns have the same clauses in the same order."""
    names = [name for name, _ in columns]
    lines = [f"| Clause | § | {' | '.join(names)} |", "|---|---|" + "---|" * len(names)]
    for row in zip(*(results for _, results in columns), strict=True):
        clause = row[0].clause
        marks = " | ".join(MARKS[result.outcome] for result in row)
        lines.append(f"| {clause.name} | {clause.section} | {marks} |")
    return lines
