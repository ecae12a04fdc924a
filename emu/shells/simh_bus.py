"""The bus of a foreign machine: memory, registers, interrupts and time of a PDP-11 that SIMH simulates.

An unmodified `pdp11` (SIMH 3.8) is the machine, its own RQ the controller.  Nothing is added to it: memory and
I/O page are reached by EXAMINE and DEPOSIT at the `sim>` prompt, and time passes while its processor steps through
a branch to itself.  Every interrupt vector leads to a HALT of its own, so the simulator stops at the instant an
interrupt is granted, and the stopping address tells the vector.

Addresses are 22-bit Q-bus addresses, which here are physical addresses too; lengths are bytes; times are virtual
nanoseconds.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from emu.core.bus import Bytes, InterruptLine, NonexistentMemory
from emu.core.clock import SECOND_NS, Scheduler
from emu.hw.memory.ram import Ram
from emu.shells.simh_prompt import SimhError, SimhPrompt

# DEVIATION: about one branch of an 11/73; SIMH counts its delays in instructions, whatever those take.
INSTRUCTION_NS = 1_000
LONGEST_RUN_NS = SECOND_NS
PATIENCE_NS = 60 * SECOND_NS

PROCESSOR = "11/73"  # its Q-bus has 22 address bits and no map: a bus address is a physical address
IO_PAGE = 0o17760000
RQ_CSR = 0o17772150

# Low memory: vectors, a HALT and an RTI for each of them, stack, and the loop in which time passes.
VECTORS = range(0, 0o1000, 4)
_SERVICE = 0o1000
_STACK = 0o2100
_LOOP = _STACK
FIRST_FREE = 0o10000
_HALT, _RTI, _BRANCH_TO_SELF = 0o000000, 0o000002, 0o000777
_PRIORITY_7 = 0o340

_PAGE_BYTES = 512
_PAGE_WORDS = _PAGE_BYTES // 2


@dataclass(frozen=True, slots=True)
class Disk:
    """A unit of SIMH's RQ: its type (`RD54`, `RX33`, `RA92`, ...) and its image, None for no medium."""

    drive: str
    image: Path | None = None
    write_locked: bool = False


class SimhBus:
    """One simulated PDP-11.

    disks: units 0 to 3 of RQ; those left out have no medium.  memory_bytes: whole KB.  `line` hears of every
    interrupt that the processor grants, whoever asked for it.  `advance` is the only thing by which time passes.
    """

    def __init__(
        self, prompt: SimhPrompt, clock: Scheduler, disks: Sequence[Disk] = (), memory_bytes: int = 1 << 20
    ) -> None:
        self.prompt = prompt
        self.clock = clock
        self.line: InterruptLine | None = None
        self.instructions = 0
        for what in (PROCESSOR, f"{memory_bytes >> 10}K"):
            answer = prompt.ask(f"set cpu {what}")
            # It may tell of devices that this processor cannot have.
            if not all(line.startswith("Disabling ") for line in answer.splitlines()):
                raise SimhError(f"set cpu {what}: {answer}")
        for unit, disk in enumerate(disks):
            prompt.tell(f"set rq{unit} {disk.drive}")
            if disk.image is not None:
                self.attach(unit, disk)
        self.memory = SimhMemory(prompt, memory_bytes)
        self._lay_out_processor()
        self.advance(INSTRUCTION_NS)  # SIMH decodes the I/O page when its processor starts

    def _lay_out_processor(self) -> None:
        words = {_LOOP: _BRANCH_TO_SELF}
        for vector in VECTORS:
            service = _SERVICE + vector
            words |= {vector: service, vector + 2: _PRIORITY_7, service: _HALT, service + 2: _RTI}
        self.prompt.tell_all(
            [
                *(f"deposit {address:o} {word:o}" for address, word in words.items()),
                f"deposit sp {_STACK:o}",
                f"deposit pc {_LOOP:o}",
                "deposit psw 0",
            ]
        )

    def attach(self, unit: int, disk: Disk) -> None:
        """Put a medium into a unit.  Raises FileNotFoundError, SimhError."""
        assert disk.image is not None, "a medium is an image"
        image = disk.image.resolve(strict=True)  # SIMH would make a new one, where it stands itself
        command = f"attach {'-r ' if disk.write_locked else ''}rq{unit} {image}"
        answer = self.prompt.ask(command).strip()
        if answer != ("RQ: unit is read only" if disk.write_locked else ""):
            raise SimhError(f"{command}: {answer}")

    def detach(self, unit: int) -> None:
        self.prompt.tell(f"detach rq{unit}")

    def registers(self, base: int = RQ_CSR) -> "SimhRegisters":
        """The registers of the device at this address of the I/O page."""
        assert base >= IO_PAGE, "device registers stand in the I/O page"
        return SimhRegisters(self, base)

    # -- time

    def advance(self, duration_ns: int) -> None:
        """Let the machine run for this long, or until the processor grants an interrupt."""
        self.memory.flush()
        wanted = max(1, -(-duration_ns // INSTRUCTION_NS))
        reason, _, where = self.prompt.ask(f"step {wanted}").strip().partition(", PC: ")
        self.memory.stale()
        vector = None
        if reason == "HALT instruction":
            vector = int(where[:6], 8) - 2 - _SERVICE
            if vector not in VECTORS:
                raise SimhError(f"the machine has stopped: {reason}, PC: {where}")
        elif reason != "Step expired":
            raise SimhError(f"the machine has stopped: {reason}")
        before, self.instructions = self.instructions, self._instruction_count()
        self.clock.run_for((self.instructions - before) * INSTRUCTION_NS)
        if vector is not None and self.line is not None:
            self.line.request(vector)

    def _instruction_count(self) -> int:
        return int(self.prompt.ask("show time").split()[1])

    def run_until(self, condition: Callable[[], bool], patience_ns: int = PATIENCE_NS) -> bool:
        """Let clock and machine run together until `condition` holds; False when it does not in that time."""
        clock = self.clock
        limit_ns = clock.now_ns + patience_ns
        clock.run_soon()
        while not condition():
            now_ns = clock.now_ns
            if now_ns >= limit_ns:
                return False
            due_ns = clock.next_deadline_ns()
            next_ns = limit_ns if due_ns is None else min(due_ns, limit_ns)
            self.advance(min(next_ns - now_ns, LONGEST_RUN_NS))
            clock.run_soon()
        return True

    def run_for(self, duration_ns: int) -> None:
        """Let this much time pass."""
        self.run_until(lambda: False, duration_ns)


class SimhRegisters:
    """Registers in the I/O page, as RegisterSpace: a read is a real read, with all that follows from it."""

    def __init__(self, bus: SimhBus, base: int) -> None:
        self._bus = bus
        self._base = base

    def read_register(self, offset: int, width: int) -> int:
        assert width == 2, "UQSSP registers are read as words"
        self._bus.memory.flush()
        address = self._base + offset
        answer = self._bus.prompt.ask(f"examine {address:o}")
        self._bus.memory.stale()
        if not answer.startswith(f"{address:o}:"):
            raise NonexistentMemory(address)
        return int(answer.split()[1], 8)

    def write_register(self, offset: int, value: int, width: int) -> None:
        assert width == 2, "UQSSP registers are written as words"
        self._bus.memory.flush()
        address = self._base + offset
        answer = self._bus.prompt.ask(f"deposit {address:o} {value:o}")
        self._bus.memory.stale()
        if answer:
            raise NonexistentMemory(address)


class SimhMemory:
    """Memory of the machine as its processor sees it, as HostMemory: a copy here, kept equal to the one there.

    The machine runs only when the driver lets it, so the two never write at once.  Before a register access or a
    run what the driver wrote is deposited (`flush`); after it every page is out of date (`stale`) and is examined
    again when somebody looks at it.  A view has the machine's bytes as of when it was asked for: it is used before
    time goes on.
    """

    distant = None

    def __init__(self, prompt: SimhPrompt, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self._prompt = prompt
        self._ram = Ram(size_bytes)
        self._words = self._ram.read(0, size_bytes).cast("H")
        self._known = memoryview(bytearray(size_bytes)).cast("H")  # what both had when they last were equal
        self._fresh = bytearray(size_bytes // _PAGE_BYTES)
        self._touched: dict[int, None] = {}  # pages that somebody has looked at, in that order

    def flush(self) -> None:
        """Deposit what the driver has changed."""
        words, known = self._words, self._known
        commands: list[str] = []
        for page in self._touched:
            first, end = page * _PAGE_WORDS, (page + 1) * _PAGE_WORDS
            if words[first:end] == known[first:end]:
                continue
            if not self._fresh[page]:
                self._examine(page, page)
            commands += [f"d {2 * n:o} {words[n]:o}" for n in range(first, end) if words[n] != known[n]]
            known[first:end] = words[first:end]
        if commands:
            self._prompt.tell_all(commands)

    def stale(self) -> None:
        """Hear that the machine may have changed its memory."""
        self._fresh = bytearray(len(self._fresh))

    def _look(self, address: int, length: int) -> None:
        """Bring the pages of a piece of memory up to date."""
        first, last = address // _PAGE_BYTES, (address + max(length, 1) - 1) // _PAGE_BYTES
        fresh = self._fresh
        if last >= len(fresh):
            raise NonexistentMemory(max(address, self.size_bytes))
        while first <= last and fresh[first]:
            first += 1
        while last >= first and fresh[last]:
            last -= 1
        if first <= last:
            self._examine(first, last)

    def _examine(self, first: int, last: int) -> None:
        answer = self._prompt.examine(f"{first * _PAGE_BYTES:o}-{(last + 1) * _PAGE_BYTES - 2:o}")
        theirs = memoryview(array("H", [int(word, 8) for word in answer.split()[1::2]]))
        assert len(theirs) == (last + 1 - first) * _PAGE_WORDS, (
            "the simulator shows every word that was asked for"
        )
        for page in range(first, last + 1):
            self._adopt(page, theirs[(page - first) * _PAGE_WORDS : (page + 1 - first) * _PAGE_WORDS])
            self._fresh[page] = 1
            self._touched[page] = None

    def _adopt(self, page: int, theirs: memoryview) -> None:
        """Take over what the machine has changed in a page, and nothing else."""
        extent = slice(page * _PAGE_WORDS, (page + 1) * _PAGE_WORDS)
        ours, known = self._words[extent], self._known[extent]
        if theirs == known:
            return
        if ours == known:
            ours[:] = theirs
        else:
            for n, word in enumerate(theirs):
                if word != known[n]:
                    assert ours[n] == known[n], (
                        f"word {page * _PAGE_BYTES + 2 * n:o} was written by both sides"
                    )
                    ours[n] = word
        known[:] = theirs

    def read_longword(self, address: int) -> int:
        self._look(address, 4)
        return self._ram.read_longword(address)

    def write_longword(self, address: int, value: int) -> None:
        self._look(address, 4)
        self._ram.write_longword(address, value)

    def write_word(self, address: int, value: int) -> None:
        self._look(address, 2)
        self._ram.write_word(address, value)

    def read(self, address: int, length: int) -> Bytes:
        self._look(address, length)
        return self._ram.read(address, length)

    def write(self, address: int, data: Bytes) -> None:
        self._look(address, len(data))
        self._ram.write(address, data)

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        self._look(address, length)
        return self._ram.window(address, length)

    def announce(self, test: int, address: int) -> bool:
        self._look(test, 4)
        self._look(address, 2)
        return self._ram.announce(test, address)
