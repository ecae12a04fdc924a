"""SIMH programs under a pseudo terminal: their prompt, their machine's console, and our guests in them.

with Simulator("pdp11", ["set rq0 rd54", "attach rq0 disk.dsk"], directory=tmp_path) as pdp11:
    pdp11.run("boot rq0")
    pdp11.wait_for("login:", timeout_s=20)
    pdp11.type("root")
    pdp11.stop()
    assert pdp11.examine("rq sa") == 0

A simulator stands at its prompt (`command`, `examine`, `deposit`, `load`, `attach`, `step`) or runs its
machine (`wait_for`, `type`, `stop`). What was awaited and did not come fails the test with the last lines of
the transcript; programs that are not installed skip it. Made for SIMH 3.8.
"""

import os
import re
import termios
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect

from emu.shells.guest_build import GUESTS
from tests.interop.debian import require

PROMPT = "sim> "
BREAK = "\x05"  # ^E, SIMH's own key: back to the prompt
TYPING_S = 0.05  # a character; DEC's console ROMs lose what comes faster
SWITCH_S = 0.005  # how often to look whether the machine has started
LOCAL_MODES = 3  # place in what termios gives
TRANSCRIPT_LINES = 40
HALTED = re.compile(r"HALT instruction, PC: ([0-9A-F]+)")
VALUE = re.compile(r"^\s*\S.*?:\s+([0-9A-F]+)\s*$", re.MULTILINE)


class Simulator:
    """One running SIMH program. Leave its `with` block, or call `close`, and the process is gone."""

    def __init__(
        self,
        program: str | Path,
        commands: Iterable[str] = (),
        *,
        directory: Path | None = None,
        radix: int | None = None,
        timeout_s: float = 20,
    ) -> None:
        """Start a program in a directory and give it commands.

        `radix` is that of its addresses and data: 8 for names that begin with pdp11, else 16.
        """
        path = require(str(program), "simh")
        self.radix = radix or (8 if Path(path).name.startswith("pdp11") else 16)
        self.timeout_s = timeout_s
        self._heard: list[str] = []
        environment: Mapping[str, str] = {**os.environ, "TERM": "dumb"}
        self._terminal: pexpect.spawn[str] = pexpect.spawn(
            path,
            cwd=directory,
            env=environment,
            encoding="latin-1",
            echo=False,
            timeout=timeout_s,
        )
        self._terminal.delaybeforesend = None
        try:
            self.wait_for_prompt()
            for command in commands:
                self.command(command)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process, for whoever wants to kill it."""
        assert self._terminal.pid is not None, "a terminal that was spawned has a process"
        return self._terminal.pid

    @property
    def transcript(self) -> str:
        """All that was heard so far, simulator and machine."""
        return "".join(self._heard)

    # At the prompt

    def command(self, line: str, *, timeout_s: float | None = None) -> str:
        """Give a command that comes back to the prompt; return what it printed."""
        self._terminal.send(line + "\r")
        return self.wait_for_prompt(timeout_s=timeout_s)

    def examine(self, place: int | str) -> int:
        """Read a word of memory or a register (`rq sa`, `pc`)."""
        answer = self.command(f"examine {self._place(place)}")
        value = VALUE.search(answer)
        assert value, f"EXAMINE {place} was answered by {answer!r}"
        return int(value[1], self.radix)

    def examine_range(self, first: int, last: int) -> list[int]:
        """Read words of memory, first and last included."""
        answer = self.command(f"examine {self._place(first)}-{self._place(last)}")
        return [int(value, self.radix) for value in VALUE.findall(answer)]

    def deposit(self, place: int | str, value: int) -> None:
        """Write a word of memory or a register."""
        answer = self.command(f"deposit {self._place(place)} {self._number(value)}")
        assert not answer.strip(), f"DEPOSIT {place} was answered by {answer!r}"

    def load(self, path: Path, *switches: str) -> None:
        """Load a file: a paper tape on a PDP-11; `-r` the ROM of a VAX."""
        answer = self.command(" ".join(("load", *switches, str(path))))
        assert not answer.strip(), f"LOAD {path} was answered by {answer!r}"

    def attach(self, unit: str, path: Path, *switches: str) -> None:
        """Put a file into a unit; one that is missing is made."""
        answer = self.command(" ".join(("attach", *switches, unit, str(path))))
        assert not answer.strip() or "creating" in answer, f"ATTACH {unit} was answered by {answer!r}"

    def detach(self, unit: str) -> None:
        """Take the file out of a unit."""
        self.command(f"detach {unit}")

    def step(self, instructions: int) -> str:
        """Let the machine run for so many instructions, or until it halts; return what was printed."""
        return self.command(f"step {self._number(instructions)}")

    # With the machine running

    def run(self, line: str = "cont") -> None:
        """Give a command that lets the machine run; `wait_for` what it prints, or `stop` it."""
        self._terminal.send(line + "\r")

    def go(self, address: int) -> None:
        """Let the machine run from an address."""
        self.run(f"go {self._number(address)}")

    def wait_for(self, pattern: str, *, timeout_s: float | None = None) -> re.Match[str]:
        """Wait until the machine or the simulator has printed something; return the match.

        Raises:
            AssertionError: it did not come in time, or the program ended.
        """
        seen = self._terminal.expect(
            [pattern, pexpect.TIMEOUT, pexpect.EOF],
            timeout=self.timeout_s if timeout_s is None else timeout_s,
        )
        self._hear()
        if seen == 0:
            assert isinstance(self._terminal.match, re.Match), "a pattern that was found has a match"
            return self._terminal.match
        why = "did not come in time" if seen == 1 else "did not come, the program ended"
        pending = self._terminal.buffer if isinstance(self._terminal.buffer, str) else ""
        lines = (self.transcript + pending).splitlines()[-TRANSCRIPT_LINES:]
        raise AssertionError(f"{pattern!r} {why}; last lines:\n" + "\n".join(lines))

    def wait_for_prompt(self, *, timeout_s: float | None = None) -> str:
        """Wait until the simulator is back at its prompt; return what was printed before."""
        self.wait_for(re.escape(PROMPT), timeout_s=timeout_s)
        before = self._terminal.before
        assert isinstance(before, str), "a terminal with an encoding gives text"
        return before

    def wait_for_halt(self, *, timeout_s: float | None = None) -> int:
        """Wait until the machine halts; return its PC, which points behind the HALT."""
        program_counter = int(self.wait_for(HALTED.pattern, timeout_s=timeout_s)[1], self.radix)
        self.wait_for_prompt()
        return program_counter

    def type(self, line: str) -> None:
        """Type a line at the machine's console as a person does, ended by RETURN."""
        self._terminal.delaybeforesend = TYPING_S
        for character in line + "\r":
            self._terminal.send(character)
        self._terminal.delaybeforesend = None

    def stop(self) -> str:
        """Stop the machine, if it still runs; return what was printed before the prompt."""
        # SIMH switches the terminal over when the machine starts, and throws away what was typed before.
        while termios.tcgetattr(self._terminal.child_fd)[LOCAL_MODES] & termios.ICANON:
            if self._terminal.expect([re.escape(PROMPT), pexpect.TIMEOUT], timeout=SWITCH_S) == 0:
                self._hear()  # it has halted by itself
                return str(self._terminal.before)
        self._terminal.send(BREAK)
        return self.wait_for_prompt()

    def close(self) -> None:
        """End the process, whatever it does. May be called twice."""
        self._terminal.close(force=True)

    def _hear(self) -> None:
        for part in (self._terminal.before, self._terminal.after):
            if isinstance(part, str):
                self._heard.append(part)

    def _number(self, value: int) -> str:
        return f"{value:o}" if self.radix == 8 else f"{value:X}"

    def _place(self, place: int | str) -> str:
        return place if isinstance(place, str) else self._number(place)


class Mscp11:
    """Our PDP-11 guest in a simulator that stands at its prompt: parameters in, results out, all by name."""

    ENTRY = 0o1000
    ENDED, MISMATCH, NO_DEVICE = 0o1006, 0o1012, 0o1016  # PC after its halts
    PARAMETERS: Mapping[str, tuple[int, int]] = {  # address, words
        "CSR": (0o400, 1),
        "VECTOR": (0o402, 1),
        "UNIT": (0o404, 1),
        "MODE": (0o406, 1),
        "COUNT": (0o410, 2),
        "BLOCKS": (0o414, 1),
        "FIRST": (0o416, 2),
        "SPAN": (0o422, 1),
        "DEPTH": (0o424, 1),
        "SKIP": (0o426, 1),
        "PATIENCE": (0o430, 1),
        "NXM": (0o432, 2),
    }
    RESULTS: Mapping[str, tuple[int, int]] = {
        "ACKED": (0o440, 2),
        "ERRORS": (0o444, 1),
        "REINITS": (0o446, 1),
        "STATE": (0o450, 1),
        "STATUS": (0o452, 1),
        "FATAL": (0o454, 1),
        "SIZE": (0o456, 2),
        "ONLINES": (0o462, 1),
        "PASSED": (0o464, 1),
    }

    def __init__(self, simulator: Simulator, **parameters: int) -> None:
        """Load the guest and set parameters; what is not named keeps its default."""
        self.simulator = simulator
        simulator.load(GUESTS / "mscp11.bin")
        self.set(**parameters)

    def set(self, **parameters: int) -> None:
        """Set parameters while the machine stands."""
        for name, value in parameters.items():
            address, words = self.PARAMETERS[name]
            for word in range(words):
                self.simulator.deposit(address + 2 * word, value >> 16 * word & 0xFFFF)

    def start(self) -> None:
        """Let it run from its entry."""
        self.simulator.go(self.ENTRY)

    def start_stepping(self) -> None:
        """Put PC at its entry, for `step_until`."""
        self.simulator.deposit("pc", self.ENTRY)

    def step_until(
        self, is_there: Callable[[dict[str, int]], bool], *, instructions: int = 200_000, steps: int = 200
    ) -> dict[str, int]:
        """Let a standing machine run, some instructions at a time, until the results are as wanted.

        Raises:
            AssertionError: they never were.
        """
        for _ in range(steps):
            self.simulator.step(instructions)
            results = self.results()
            if is_there(results):
                return results
        raise AssertionError(f"still not after {instructions * steps} instructions: {results}")

    def results(self) -> dict[str, int]:
        """Read all results while the machine stands."""
        words = self.simulator.examine_range(0o440, 0o464)
        results = {}
        for name, (address, count) in self.RESULTS.items():
            first = (address - 0o440) // 2
            results[name] = sum(word << 16 * place for place, word in enumerate(words[first : first + count]))
        return results

    def look(self) -> dict[str, int]:
        """Read all results of a running machine: stop it, read, let it run on.

        Between two looks it runs as long as the caller lets it, which may be no instruction at all.
        """
        self.simulator.stop()
        results = self.results()
        self.simulator.run()
        return results
