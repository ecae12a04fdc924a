"""`hbvs console`: a world on image files, and a DCL prompt before it.

At a terminal there is line editing, and the world goes on in wall time while the prompt waits.  From a
script or a pipe, commands run one after another as fast as they can, and the exit status tells whether all succeeded.
"""

import re
import sys
from argparse import Namespace
from contextlib import ExitStack
from pathlib import Path

from emu.console.conversation import Say
from emu.console.interpreter import Interpreter
from emu.core.block import MediumError
from emu.hw.firmware import FirmwareError
from emu.media.file import ImageError
from emu.shells.console_arguments import add_arguments
from emu.shells.console_cluster import boot, cluster_identity
from emu.shells.console_machine import Machine, build, greeting
from emu.shells.console_script import EXIT_FAILURE, run_script
from emu.shells.console_server import PasswordError, attach_console, read_password, serve_console
from emu.shells.console_terminal import Terminal
from emu.shells.host_files import DiskFiles
from emu.shells.loop import Loop
from emu.shells.streams import StreamError, connect
from emu.shells.trace_file import TraceFileError
from emu.shells.unit_options import SetupError

__all__ = ["add_arguments", "run"]

_COMMAND = re.compile(r'(?:[^;"\n]|"[^"]*"?)+')


def run(options: Namespace) -> int:
    """Run `hbvs console`; returns the exit status."""
    with ExitStack() as stack:
        try:
            password = read_password(options.password_file) if options.password_file else None
            identity = cluster_identity(options)
            machine = build(options, stack)
        except (SetupError, FirmwareError, ImageError, PasswordError, TraceFileError) as error:
            print(f"%HBVS-F-SETUP, {error}", file=sys.stderr)
            return EXIT_FAILURE
        status = EXIT_FAILURE
        try:
            loop = Loop(machine.world.clock)
            try:
                machine.link = boot(machine.world, loop, options, identity)
                _open_doors(machine, loop, options, password)
                status = _converse(machine, options, loop)
            finally:
                loop.close()
        except StreamError as error:
            print(f"%HBVS-F-LISTEN, {error}", file=sys.stderr)
        finally:
            try:
                machine.close()
            except MediumError as error:
                print(f"%HBVS-F-FLUSH, an image could not be written: {error}", file=sys.stderr)
                status = EXIT_FAILURE
        return status


def _open_doors(machine: Machine, loop: Loop, options: Namespace, password: str | None) -> None:
    """Let operators come; raises StreamError."""

    def make(say: Say) -> Interpreter:
        interpreter = Interpreter(machine.world, DiskFiles(), say, commands=machine.commands)
        interpreter.session.enable_operator(True)
        return interpreter

    for url in options.listen:
        address = serve_console(loop, url, make, greeting(machine), password)
        print(f"%HBVS-I-LISTEN, operators are awaited at {address}", flush=True)
    for url in options.connect:
        attach_console(loop, connect(url), make, greeting(machine), password)


def _converse(machine: Machine, options: Namespace, loop: Loop) -> int:
    attended = sys.stdin.isatty() and sys.stdout.isatty()
    if options.command is not None:
        return run_script(machine, options, loop, _COMMAND.findall(options.command))
    if options.script is not None:
        try:
            lines = Path(options.script).expanduser().read_text().splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            print(f"%HBVS-F-OPENIN, {options.script} cannot be read: {reason}", file=sys.stderr)
            return EXIT_FAILURE
        return run_script(machine, options, loop, [], procedure=lines)
    if attended:
        return Terminal(machine, loop).run()
    return run_script(machine, options, loop, () if loop.serves else sys.stdin)
