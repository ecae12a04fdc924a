"""`hbvs decode`: packets given in hexadecimal, explained field by field."""

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

from emu.wire.decode import decode_packet


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs decode`."""
    parser.add_argument(
        "hex",
        nargs="+",
        metavar="HEX",
        help='bytes of one packet in memory order, however spaced; "-" reads packets from standard input, one '
        "a line",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--envelope", action="store_true", help="the four bytes of the envelope come first")
    group.add_argument("--text", action="store_true", help="there is no envelope")


def run(options: Namespace) -> int:
    """Run `hbvs decode`; returns the exit status."""
    with_envelope = True if options.envelope else False if options.text else None
    failed = False
    for index, (where, text) in enumerate(_packets(options.hex)):
        if index:
            print()
        try:
            for line in decode_packet(_bytes(text), with_envelope=with_envelope):
                print(line)
        except ValueError as error:
            print(f"%HBVS-F-DECODE, {where}{error}", file=sys.stderr)
            failed = True
    return int(failed)


def _packets(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """(where it stands, text) of each packet."""
    if arguments != ["-"]:
        yield "", " ".join(arguments)
        return
    for number, line in enumerate(sys.stdin, start=1):
        text = line.split("#")[0].strip()
        if text:
            yield f"line {number}: ", text


def _bytes(text: str) -> bytes:
    digits = re.sub(r"0x|[\s,:_-]", "", text, flags=re.IGNORECASE)
    wrong = re.search(r"[^0-9a-fA-F]", digits)
    if wrong is not None:
        raise ValueError(f"{wrong[0]!r} is no hexadecimal digit")
    if len(digits) % 2:
        raise ValueError(f"{len(digits)} hexadecimal digits are no whole number of bytes")
    return bytes.fromhex(digits)
