"""`hbvs console` without a terminal: commands one after another, as fast as they can."""

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from types import FrameType

from emu.console.dcl.quoting import logical_lines
from emu.console.interpreter import Interpreter
from emu.shells.console_cluster import run_in_wall_time
from emu.shells.console_machine import Machine, shut_down
from emu.shells.host_files import DiskFiles
from emu.shells.loop import Loop

EXIT_FAILURE = 1
EXIT_INTERRUPTED = 130


class _Output:
    """Standard output for a script; when its reader has gone, nothing more is written."""

    def __init__(self) -> None:
        self.closed = False

    def say(self, line: str) -> None:
        if self.closed:
            return
        try:
            print(line, flush=True)
        except BrokenPipeError:
            self.closed = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def run_script(
    machine: Machine, options: Namespace, loop: Loop, lines: Iterable[str], procedure: Sequence[str] = ()
) -> int:
    """Carry out a procedure, or commands one after another; then, if operators may come, serve them.

    Returns the exit status.
    """
    output = _Output()
    interpreter = Interpreter(machine.world, DiskFiles(), output.say, commands=machine.commands)
    if machine.link is not None:
        run_in_wall_time(interpreter, loop)
    interrupted = False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        interrupted = True
        interpreter.interrupt()
        if signum == signal.SIGINT and not interpreter.busy:
            raise KeyboardInterrupt  # it waits for a line

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        if procedure:
            interpreter.process.verify = options.verify
            interpreter.execute_procedure(options.script, procedure, "" if options.keep_going else "W")
        for line in logical_lines(lines):
            if options.verify:
                output.say(f"$ {line.lstrip('$ ')}")
            interpreter.execute(line)
            failed = interpreter.failures > 0 and not options.keep_going
            if interrupted or output.closed or interpreter.ended or failed:
                break
        else:
            if not interpreter.failures or options.keep_going:
                loop.run(lambda: not loop.serves)
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGINT, before)
        failures = interpreter.failures
        shut_down(machine, loop, interpreter.session.say)
    return EXIT_INTERRUPTED if interrupted else EXIT_FAILURE if failures else 0
