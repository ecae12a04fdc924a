"""The suite's target at an unmodified SIMH: the RQ of a PDP-11, reached through the `sim>` prompt.

See `emu.shells.simh_bus` for how registers, memory and time of the simulated machine are had.  What fails there is
in the list of expected failures, with the place in SIMH's source.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from emu.conform.target import Facts, Need, Target, TargetLost
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS, Scheduler
from emu.shells.simh_bus import RQ_CSR, Disk, SimhBus
from emu.shells.simh_prompt import SimhError, SimhPrompt

MEMORY_BYTES = 256 << 10
PATIENCE_S = 20.0
SCRATCH, OTHER, LOCKED, EMPTY = range(4)
DRIVES = {SCRATCH: ("RD54", 311200), OTHER: ("RX33", 2400), LOCKED: ("RX33", 2400)}
LONGEST_STEP_NS = 100 * MILLISECOND_NS
SHORTEST_STEP_NS = 20 * MICROSECOND_NS

# Instructions between a command and its completion: as good as held, and as it is by itself.
HELD_INSTRUCTIONS, USUAL_INSTRUCTIONS = 4_000_000, 200

FACTS = Facts(
    name="simh:pdp11",
    model=19,
    memory_bytes=MEMORY_BYTES,
    nonexistent=MEMORY_BYTES,
    scratch=SCRATCH,
    other=OTHER,
    locked=LOCKED,
    empty=EMPTY,
    removable=OTHER,
    media_ids={SCRATCH: 0x25644036, OTHER: 0x25658021},
    # No PROMPT_NEWS: SIMH looks for new media once a second of the wall's clock, which is 10^8 instructions.
    has=frozenset(
        {
            Need.INTERRUPTS,
            Need.LOADING,
            Need.HOLDING,
            Need.DUP,
            Need.CONTROLLER_REPLACES,
            Need.WHOLE_MSCP,
            Need.FORMAT_RX33,
        }
    ),
)


class SimhTarget:
    """SIMH's RQ with an RD54, an RX33, a write-locked RX33, and a drive without a diskette.

    program: the simulator.
    """

    facts = FACTS

    def __init__(self, program: str = "pdp11") -> None:
        self._program = program
        self._scratch = tempfile.TemporaryDirectory(prefix="hbvs-conform-")
        for unit, (_, blocks) in DRIVES.items():
            with self._image(unit).open("wb") as file:
                file.truncate(blocks * 512)
        self._vectors: list[int] = []
        self._out: set[int] = set()
        self._lost = False
        self._prompt: SimhPrompt | None = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _image(self, unit: int) -> Path:
        return Path(self._scratch.name, f"rq{unit}.dsk")

    def _disk(self, unit: int) -> Disk:
        if unit not in DRIVES:
            return Disk("RX33")
        return Disk(DRIVES[unit][0], self._image(unit), write_locked=unit == LOCKED)

    def _start(self) -> None:
        self._prompt = SimhPrompt(self._program, PATIENCE_S)
        disks = [self._disk(unit) for unit in (SCRATCH, OTHER, LOCKED, EMPTY)]
        self._bus = SimhBus(self._prompt, Scheduler(), disks, MEMORY_BYTES)
        self._bus.line = self
        self._registers = self._bus.registers(RQ_CSR)
        self._out.clear()
        self._lost = False

    # ---- InterruptLine

    def request(self, vector: int) -> None:
        self._vectors.append(vector)

    def withdraw(self) -> None:
        return None

    # ---- Target

    @property
    def operator(self) -> "SimhTarget":
        return self

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn a simulator that has gone, or whose machine has, into a target that is lost."""
        try:
            yield
        except SimhError as error:
            self._lost = True
            raise TargetLost(str(error)) from error

    def renew(self) -> None:
        if self._lost:
            self._end()
            self._start()
        try:
            self.release(SCRATCH)
            for unit in sorted(self._out):
                self._bus.attach(unit, self._disk(unit))
            # What SPNDW has unloaded comes back.
            if "not attached" in self._bus.prompt.ask(f"show rq{OTHER}"):
                self._bus.attach(OTHER, self._disk(OTHER))
            self._out.clear()
        except (SimhError, TargetLost):
            self._end()
            self._start()
        self._vectors.clear()

    def read_register(self, offset: int) -> int:
        with self._told():
            return self._registers.read_register(offset, 2)

    def write_register(self, offset: int, word: int) -> None:
        with self._told():
            self._registers.write_register(offset, word, 2)

    def read_memory(self, address: int, length: int) -> bytes:
        with self._told():
            return bytes(self._bus.memory.read(address, length))

    def write_memory(self, address: int, data: bytes) -> None:
        with self._told():
            self._bus.memory.write(address, data)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Let the processor run, in steps that grow."""
        left_ns, step_ns = int(seconds * SECOND_NS), SHORTEST_STEP_NS
        clock = self._bus.clock
        with self._told():
            while not condition():
                if left_ns <= 0:
                    return False
                before_ns = clock.now_ns
                self._bus.advance(min(step_ns, left_ns))
                left_ns -= clock.now_ns - before_ns
                step_ns = min(2 * step_ns, LONGEST_STEP_NS)
        return True

    def interrupts(self) -> Sequence[int]:
        vectors, self._vectors = self._vectors, []
        return vectors

    def close(self) -> None:
        self._end()
        self._scratch.cleanup()

    def _end(self) -> None:
        if self._prompt is not None:
            self._prompt.close()
            self._prompt = None

    # ---- Operator

    def unload(self, unit: int) -> None:
        with self._told():
            self._bus.detach(unit)
        self._out.add(unit)

    def load(self, unit: int) -> None:
        with self._told():
            self._bus.attach(unit, self._disk(unit))
        self._out.discard(unit)

    def hold(self, unit: int) -> None:
        """Make all drives slow; a command that is due does not come before the clause has looked."""
        with self._told():
            self._bus.prompt.tell(f"deposit rq xtime {HELD_INSTRUCTIONS}")

    def release(self, unit: int) -> None:
        with self._told():
            self._bus.prompt.tell(f"deposit rq xtime {USUAL_INSTRUCTIONS}")

    def spoil(self, unit: int, lbn: int, times: int | None = None) -> None:
        raise AssertionError("nobody asks: there is no BAD_BLOCKS")

    def renumber(self, unit: int, number: int) -> None:
        raise AssertionError("nobody asks: there is no NUMBER_PLUGS")

    def spoil_memory(self, address: int) -> None:
        raise AssertionError("nobody asks: there is no BAD_MEMORY")

    def second_host(self) -> Target:
        raise AssertionError("nobody asks: there is no SECOND_HOST")

    def second_path(self) -> Target:
        raise AssertionError("nobody asks: there is no SECOND_PATH")
