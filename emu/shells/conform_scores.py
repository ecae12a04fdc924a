"""`python -m emu.shells.conform_scores`: write what docs/conformance.md says of controllers and clauses.

Tries every clause with every firmware image that comes with the package, and with SIMH's RQ if there is a `pdp11`.
"""

import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from emu.conform.clause import Clause
from emu.conform.clauses import all_clauses
from emu.conform.expectation import reasons
from emu.conform.report.matrix import LEGEND, table
from emu.conform.suite import Outcome, Result, run_suite
from emu.shells.conform_targets import OpenTarget, open_target, simh_expectations
from emu.shells.firmware_files import known_firmware

PAGE = Path("docs/conformance.md")  # in the root of a checkout
SIMH = "pdp11"
SIMH_COLUMN = "SIMH 3.8"

Column = tuple[str, list[Result]]


def run(opened: OpenTarget, clauses: Sequence[Clause]) -> list[Result]:
    """Try all clauses on a target, and close it."""
    try:
        return [*run_suite(opened.target, clauses, reasons(opened.expected), dataloss=True)]
    finally:
        opened.target.close()


def columns(clauses: Sequence[Clause]) -> list[Column]:
    """Try all clauses on all targets."""
    found = [(name, run(open_target(f"emulation:{name}"), clauses)) for name in known_firmware()]
    if shutil.which(SIMH) is not None:
        found.append((SIMH_COLUMN, run(open_target(f"simh:{SIMH}"), clauses)))
    return found


def scores(found: Sequence[Column]) -> Iterator[str]:
    """The lines about the controllers."""
    yield f"{len(found[0][1])} clauses. How many of them each controller passes:"
    yield ""
    yield from _totals(found)
    yield ""
    yield "### What SIMH 3.8's RQ does otherwise"
    yield ""
    yield from _simh()
    yield ""
    yield "### Open questions"
    yield ""
    yield "Rules that the manuals, as far as they can be read, leave in doubt. Who does otherwise differs (?)."
    yield ""
    yield from _open_questions(found)


def matrix(found: Sequence[Column]) -> Iterator[str]:
    """The lines about the clauses."""
    yield f"{LEGEND}. Sections: 1 UQSSP, 2 and 3 MSCP, 4 DUP, 5 and 6 what hosts do and need."
    yield ""
    yield from table(found)


def _totals(found: Sequence[Column]) -> Iterator[str]:
    outcomes = [
        outcome for outcome in Outcome if any(r.outcome is outcome for _, all_ in found for r in all_)
    ]
    yield f"| Controller | {' | '.join(outcome.value for outcome in outcomes)} |"
    yield "|---|" + "---|" * len(outcomes)
    for name, results in found:
        counts = Counter(result.outcome for result in results)
        yield f"| {name} | {' | '.join(str(counts[outcome]) for outcome in outcomes)} |"


def _simh() -> Iterator[str]:
    yield "| What | Clauses | In pdp11_rq.c | Seen by hand |"
    yield "|---|---|---|---|"
    for expectation in simh_expectations():
        names = expectation.clauses
        clauses = ", ".join(f"`{name}`" for name in names[:2])
        if len(names) > 2:
            clauses += f" and {len(names) - 2} more"
        cells = (expectation.why, clauses, expectation.source, expectation.checked)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _open_questions(found: Sequence[Column]) -> Iterator[str]:
    simh = {
        result.clause.name: result for name, results in found if name == SIMH_COLUMN for result in results
    }
    yield "| Clause | § | Why it is in doubt | Ours | SIMH 3.8 |"
    yield "|---|---|---|---|---|"
    for index, result in enumerate(found[0][1]):
        clause = result.clause
        if not clause.open_question:
            continue
        ours = {results[index].outcome for name, results in found if name != SIMH_COLUMN} - {Outcome.SKIPPED}
        words = ", ".join(sorted(outcome.value for outcome in ours)) or "skipped"
        theirs = simh[clause.name].outcome.value if clause.name in simh else "not tried"
        yield f"| `{clause.name}` | {clause.section} | {clause.open_question} | {words} | {theirs} |"


def main() -> int:
    """Write both parts between their marks."""
    found = columns(all_clauses())
    page = PAGE.read_text(encoding="utf-8")
    for name, lines in (("scores", scores(found)), ("clauses", matrix(found))):
        begin, end = f"<!-- printed: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = page.partition(begin)
        _, there, after = rest.partition(end)
        assert there, f"{PAGE} has the marks of {name}"
        page = "\n".join((before + begin, *lines, end + after))
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
