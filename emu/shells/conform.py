"""`hbvs conform mscp`: judge a controller by the clauses of the manuals.

Exit status: 0 when no clause fails but those of which that was expected, 1 when one does, 2 for wrong usage or a
target that cannot be reached.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from emu import __version__
from emu.conform.clause import Clause
from emu.conform.clauses import all_clauses
from emu.conform.expectation import Expectation, ExpectationError, parse_expectations, reasons
from emu.conform.report.junit import junit
from emu.conform.report.matrix import LEGEND, failures, line, summary
from emu.conform.report.page import page
from emu.conform.suite import Result, run_suite
from emu.shells.conform_targets import TargetError, open_target

WRONG_USAGE = 2


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs conform`."""
    protocols = parser.add_subparsers(dest="protocol", required=True, metavar="PROTOCOL")
    mscp = protocols.add_parser("mscp", help="a UQSSP port with its MSCP and DUP servers")
    mscp.add_argument(
        "--target",
        metavar="TARGET",
        help="emulation:NAME, a controller of a firmware image in this process; "
        "buslink:tcp://HOST:PORT?bus=QBUS&other=1, a controller process (docs/buslink.md); simh:PROGRAM, the RQ of an "
        "unmodified SIMH 3.8, simh:pdp11 for instance; python:FILE, whatever that file's target() makes",
    )
    mscp.add_argument(
        "--clause",
        action="append",
        metavar="PATTERN",
        help="only these: a name, a file, or a pattern with * (may be repeated)",
    )
    mscp.add_argument(
        "--dataloss", action="store_true", help="the data of the scratch unit may be overwritten"
    )
    mscp.add_argument("--list", action="store_true", help="list the clauses and try none")
    mscp.add_argument(
        "--expected", type=Path, metavar="FILE", help="failures that are expected, with reasons (TOML)"
    )
    mscp.add_argument("--junit", type=Path, metavar="FILE", help="write the results as JUnit XML")
    mscp.add_argument("--html", type=Path, metavar="FILE", help="write the results as a page")


def run(options: Namespace) -> int:
    """Run `hbvs conform`; returns the exit status."""
    clauses = chosen(all_clauses(), options.clause)
    if not clauses:
        return _refuse(f"no clause matches {', '.join(options.clause)}")
    if options.list:
        for clause in clauses:
            print(f"{clause.section:<5} {clause.name}")
        return 0
    if options.target is None:
        return _refuse("which controller? --target says it")
    try:
        given = _expectations(options.expected) if options.expected else None
        opened = open_target(options.target)
    except (TargetError, ExpectationError) as error:
        return _refuse(str(error))
    expected = reasons(opened.expected if given is None else given)
    results: list[Result] = []
    try:
        for result in run_suite(opened.target, clauses, expected, dataloss=options.dataloss):
            results.append(result)
            print(line(result), flush=True)
    finally:
        opened.target.close()
    for text in failures(results):
        print(text)
    print(LEGEND)
    print(summary(results))
    try:
        if options.junit:
            options.junit.write_bytes(junit(opened.target.facts, results))
        if options.html:
            options.html.write_text(page(opened.target.facts, results, __version__), encoding="utf-8")
    except OSError as error:
        return _refuse(f"cannot write {error.filename}: {error.strerror}")
    return int(any(result.outcome.is_bad for result in results))


def chosen(clauses: Sequence[Clause], patterns: Sequence[str] | None) -> list[Clause]:
    """Choose clauses by name, file or pattern; all of them without any."""
    if not patterns:
        return [*clauses]
    return [
        clause
        for clause in clauses
        if any(clause.chapter == pattern or fnmatchcase(clause.name, pattern) for pattern in patterns)
    ]


def _expectations(path: Path) -> list[Expectation]:
    try:
        return parse_expectations(path.read_text(encoding="utf-8"), {clause.name for clause in all_clauses()})
    except ExpectationError as error:
        raise ExpectationError(f"{path}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ExpectationError(f"cannot read {path}: {error}") from error


def _refuse(text: str) -> int:
    print(f"%HBVS-F-CONFORM, {text}", file=sys.stderr)
    return WRONG_USAGE
