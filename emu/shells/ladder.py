"""`hbvs ladder`: what a capture of ours tells, as a ladder of text, SVG or Mermaid."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from emu.core.clock import SECOND_NS
from emu.core.trace import Event
from emu.trace.ladder import Ladder, Rung, Way, rung_of, sides
from emu.trace.mermaid import mermaid
from emu.trace.pcapng import PcapngError, read_events
from emu.trace.svg import svg

EXIT_FAILURE = 1


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs ladder`."""
    parser.add_argument("file", metavar="FILE.pcapng", help="a capture that --trace has made")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--svg", metavar="OUT", help='draw a picture; "-" is standard output')
    form.add_argument("--mermaid", metavar="OUT", help='write a sequence diagram; "-" is standard output')
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME",
        help="draw what this one says, and things that belong to it: HBVS-SHADOW-0, ALPHA1, ALPHA1/DSA1:",
    )
    parser.add_argument(
        "--from",
        dest="start",
        type=float,
        metavar="SECONDS",
        help="begin so long after the capture does, as Wireshark counts",
    )
    parser.add_argument("--until", type=float, metavar="SECONDS", help="end so long after the capture began")
    parser.add_argument(
        "--packets", action="store_true", help="draw messages and commands only, no registers, no states"
    )


def run(options: Namespace) -> int:
    """Run `hbvs ladder`; returns the exit status."""
    try:
        rungs = list(_rungs(read_events(Path(options.file).read_bytes()), options))
        hosts, controllers = sides(rungs)
        if options.packets:
            rungs = [rung for rung in rungs if rung.is_data]
        if len(controllers) > 1:
            rungs = [_named(rung) for rung in rungs]
        _draw(rungs, ", ".join(hosts) or "host", ", ".join(controllers) or "controller", options)
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}")
    except PcapngError as error:
        return _fail(f"{options.file}: {error}")
    return 0


def _rungs(events: Iterable[Event], options: Namespace) -> Iterator[Rung]:
    first_ns: int | None = None
    for event in events:
        if first_ns is None:
            first_ns = event.now_ns
        passed_ns = event.now_ns - first_ns
        if options.start is not None and passed_ns < options.start * SECOND_NS:
            continue
        if options.until is not None and passed_ns > options.until * SECOND_NS:
            continue
        if options.source and not any(
            event.source == name or event.source.startswith(f"{name}/") for name in options.source
        ):
            continue
        rung = rung_of(event)
        if rung is not None:
            yield rung


def _named(rung: Rung) -> Rung:
    """Say which of several controllers it is."""
    if rung.way is Way.AT_HOST or rung.text.startswith(rung.source):
        return rung
    return replace(rung, text=f"{rung.source}: {rung.text}")


def _draw(rungs: list[Rung], host: str, controller: str, options: Namespace) -> None:
    if options.svg is not None:
        _write(options.svg, svg(rungs, host, controller))
    elif options.mermaid is not None:
        _write(options.mermaid, mermaid(rungs, host, controller))
    else:
        ladder = Ladder(host, controller)
        for rung in rungs:
            ladder.draw(rung)
        print(ladder.text(), end="")


def _write(path: str, text: str) -> None:
    if path == "-":
        print(text, end="")
    else:
        Path(path).write_text(text)


def _fail(reason: str) -> int:
    print(f"%HBVS-F-LADDER, {reason}", file=sys.stderr)
    return EXIT_FAILURE
