"""`hbvs dissector`: a Lua script by which Wireshark and tshark read captures of ours, and the bus link."""

from argparse import ArgumentParser, Namespace

from emu.wire.lua_dissector import lua_dissector


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs dissector`: none, the script goes to standard output."""


def run(options: Namespace) -> int:
    """Run `hbvs dissector`; returns the exit status."""
    print(lua_dissector(), end="")
    return 0
