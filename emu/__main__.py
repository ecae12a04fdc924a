"""The command line: `hbvs`, or `python -m emu`."""

import os
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from importlib import import_module

from emu import __version__

# Each command is a module of `emu.shells`, loaded when it is asked for: `add_arguments(parser)` and a routine.
COMMANDS = {
    "console": ("emu.shells.console", "run", "work with disk images at a DCL prompt"),
    "serve": (
        "emu.shells.serve",
        "run",
        "put controllers on the buses of emulators, disks before iSCSI initiators",
    ),
    "demo": ("emu.shells.demo", "run_demo", "watch a disk leave a shadow set, be backed up and return"),
    "decode": ("emu.shells.decode", "run", "explain an MSCP packet given in hexadecimal"),
    "dissector": ("emu.shells.dissector", "run", "print a Lua dissector for Wireshark and tshark"),
    "ladder": ("emu.shells.ladder", "run", "draw a capture as a ladder: text, SVG or Mermaid"),
    "conform": ("emu.shells.conform", "run", "judge an MSCP controller by the clauses of the manuals"),
    "soak": (
        "emu.shells.soak",
        "run",
        "play thousands of small worlds with faults, and look for what is lost",
    ),
    "firmware": ("emu.shells.firmware", "run", "list, check and build controller firmware"),
}
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0, 1 for a failure, 2 for wrong usage."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    parser = ArgumentParser(
        prog="hbvs",
        description="DEC storage, whole from the platter to the $ prompt: MSCP controllers, VMS disk drivers, "
        "volume shadowing with write bitmaps and minicopy.",
    )
    parser.add_argument("--version", action="version", version=f"hbvs {__version__}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    for name, (module, _, help_text) in COMMANDS.items():
        command = commands.add_parser(
            name, help=help_text, description=help_text[0].upper() + help_text[1:] + "."
        )
        if name in words[:1]:
            import_module(module).add_arguments(command)
    try:
        options = parser.parse_args(words)
        module, routine, _ = COMMANDS[options.name]
        status: int = getattr(import_module(module), routine)(options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads any more; what is still buffered must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
