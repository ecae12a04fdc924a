"""The suite's target in this process: a controller made of a firmware image, in virtual time.

A new controller with new drives for every clause: nothing of one is seen by the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from emu.conform.target import Facts, Need
from emu.core.block import BlockDevice, BlockRequest, Function, MediumError
from emu.core.bus import Bytes, ParityError
from emu.core.clock import SECOND_NS, Scheduler
from emu.core.trace import Tracer
from emu.hw.firmware import Behaviour, Firmware, PortKind
from emu.hw.memory.ram import Ram
from emu.hw.mscp.controller import Controller
from emu.hw.uqssp.port import UqsspPort
from emu.media.faulty import FaultyDevice, Hold
from emu.media.overlay import OverlayDevice
from emu.shells.firmware_files import load_firmware
from emu.wire.codes.mscp import CF, OP

MEMORY_BYTES = 0x3E000  # 248 KB: on a UNIBUS the I/O page follows
SERIAL = 0x4D534350
UNITS = 4
SCRATCH, OTHER, GAP, LOCKED, EMPTY = 0, 1, 2, 4, 5
ADDRESS_BITS = {PortKind.UNIBUS: 18, PortKind.QBUS: 22, PortKind.XMI: 30, PortKind.VAXBI: 30}

# Drives for the scratch, other, locked and empty unit: the first that the firmware knows.
WINCHESTERS = ("RD31", "RD51", "RA70", "RCF25", "RF30")
OTHERS = ("RX33", "RX50", "RA60", "RC25", "RF30")

ALWAYS = frozenset(
    {
        Need.INTERRUPTS,
        Need.LOADING,
        Need.PROMPT_NEWS,
        Need.BAD_BLOCKS,
        Need.HOLDING,
        Need.NUMBER_PLUGS,
        Need.SECOND_HOST,
        Need.SECOND_PATH,
        Need.BAD_MEMORY,
        Need.LONG_TIMES,
        Need.WHOLE_MSCP,
    }
)


class EmulationTarget:
    """A controller of a firmware image, with its drives, in a host that is memory and an interrupt line."""

    def __init__(self, firmware: str | Firmware) -> None:
        image = load_firmware(firmware) if isinstance(firmware, str) else firmware
        # A KFQSA has one drive; the suite looks at several.
        self._firmware = replace(image, unit_limit=max(image.unit_limit, UNITS))
        self.facts = facts_of(self._firmware)
        self.renew()

    def renew(self) -> None:
        self.operator = Drives(self._firmware)
        self._attached = self.operator.host()

    def read_register(self, offset: int) -> int:
        return self._attached.read_register(offset)

    def write_register(self, offset: int, word: int) -> None:
        self._attached.write_register(offset, word)

    def read_memory(self, address: int, length: int) -> bytes:
        return self._attached.read_memory(address, length)

    def write_memory(self, address: int, data: bytes) -> None:
        self._attached.write_memory(address, data)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        return self._attached.wait(condition, seconds)

    def interrupts(self) -> Sequence[int]:
        return self._attached.interrupts()

    def close(self) -> None:
        return None


def facts_of(firmware: Firmware) -> Facts:
    """Say what a controller of this firmware is and has."""
    has = set(ALWAYS)
    if firmware.dup_extension:
        has.add(Need.DUP)
    if {"DIRECT", "PARAMS"} <= set(firmware.programs):
        has.add(Need.DUP_PROGRAMS)
    if firmware.port_kind is PortKind.UNIBUS:
        has.add(Need.UNIBUS_ADAPTER)
    if OP.DCD in firmware.commands:
        has.add(Need.DISK_COPY_DATA)
    if CF.WHL & firmware.controller_flags:
        has.add(Need.WRITE_HISTORY)
    if OP.FMT in firmware.commands:
        has.add(Need.FORMAT)
    if OP.FMT_RX33 in firmware.commands and "RX33" in firmware.drives:
        has.add(Need.FORMAT_RX33)
    if firmware.behaviour & Behaviour.ELEVATOR:
        has.add(Need.ELEVATOR)
    has.add(Need.CONTROLLER_REPLACES if firmware.controller_flags & CF.RPL else Need.REPLACE)
    replaces = firmware.behaviour & Behaviour.REPLACES_BLOCKS
    has.add(Need.REPLACED_BLOCKS if replaces else Need.LASTING_BAD_BLOCKS)
    removable = _first_drive(firmware, OTHERS)
    return Facts(
        name=f"emulation:{firmware.name.lower()}",
        model=firmware.model,
        bus_address_bits=ADDRESS_BITS[firmware.port_kind],
        memory_bytes=MEMORY_BYTES,
        nonexistent=MEMORY_BYTES,
        scratch=SCRATCH,
        other=OTHER,
        locked=LOCKED,
        empty=EMPTY if firmware.unit_limit > 3 else None,
        removable=OTHER if firmware.drives[removable].removable else None,
        gap=GAP,
        media_ids={SCRATCH: firmware.drives[_first_drive(firmware, WINCHESTERS)].media_id},
        has=frozenset(has),
    )


def _first_drive(firmware: Firmware, names: Sequence[str]) -> str:
    return next(name for name in names if name in firmware.drives)


class Drives:
    """The controller, its drives, and what an operator can do to them."""

    def __init__(self, firmware: Firmware) -> None:
        self._firmware = firmware
        self._clock = Scheduler()
        self._memory = HostMemory()
        self.controller = Controller(self._clock, Tracer(), "PUA", firmware, SERIAL)
        self._rules: dict[int, Spoiled] = {}
        self._holds: dict[int, Hold] = {}
        self._media: dict[int, BlockDevice] = {}
        self._own: dict[int, BlockDevice] = {}
        winchester, other = (_first_drive(firmware, names) for names in (WINCHESTERS, OTHERS))
        for number, drive in ((SCRATCH, winchester), (OTHER, other), (LOCKED, other)):
            kind = firmware.drives[drive]
            medium = self._medium(number, kind.block_count)
            self.controller.attach_unit(
                number,
                medium,
                kind,
                write_protect_switch=number == LOCKED,
                has_arm=True,
                own_store=partial(self._own_store, number),
            )
        if firmware.unit_limit > 3:
            self.controller.attach_drive(EMPTY, firmware.drives[other])

    def _medium(self, number: int, blocks: int) -> BlockDevice:
        self._rules[number] = Spoiled()
        self._holds[number] = Hold()
        self._holds[number].holding = False
        return FaultyDevice(Kept(Blank(blocks)), (self._holds[number], self._rules[number]))

    def _own_store(self, number: int, blocks: int) -> BlockDevice:
        """What a drive knows of its blocks stays with its medium."""
        return self._own.setdefault(number, Kept(Blank(blocks)))

    def host(self) -> "Attached":
        """Plug the controller into a host's bus."""
        return Attached(self._clock, self._memory, self.controller)

    # ---- Operator

    def unload(self, unit: int) -> None:
        self._media[unit] = self.controller.detach_unit(unit)

    def load(self, unit: int) -> None:
        self.controller.load_unit(unit, self._media.pop(unit), partial(self._own_store, unit))

    def spoil(self, unit: int, lbn: int, times: int | None = None) -> None:
        self._rules[unit].times[lbn] = times

    def hold(self, unit: int) -> None:
        self._holds[unit].holding = True

    def release(self, unit: int) -> None:
        self._holds[unit].holding = False
        self._holds[unit].release()

    def renumber(self, unit: int, number: int) -> None:
        self.controller.change_number(unit, number)

    def spoil_memory(self, address: int) -> None:
        self._memory.spoiled.add(address)

    def second_host(self) -> "Neighbour":
        memory = HostMemory()
        return Neighbour(
            facts_of(self._firmware), self, Attached(self._clock, memory, self.controller), memory
        )

    def second_path(self) -> "Neighbour":
        other = Controller(self._clock, Tracer(), "PUB", self._firmware, SERIAL + 1)
        other.attach_path(self.controller.units[SCRATCH], self.controller)
        memory = HostMemory()
        return Neighbour(facts_of(self._firmware), self, Attached(self._clock, memory, other), memory)


class Attached:
    """A port of a controller in a host's bus."""

    def __init__(self, clock: Scheduler, memory: "HostMemory", controller: Controller) -> None:
        self._clock = clock
        self._memory = memory
        self._vectors: list[int] = []
        self._port: UqsspPort = controller.attach_port(memory, self)

    def request(self, vector: int) -> None:
        self._vectors.append(vector)

    def withdraw(self) -> None:
        return None

    def read_register(self, offset: int) -> int:
        return self._port.read_register(offset, 2)

    def write_register(self, offset: int, word: int) -> None:
        self._port.write_register(offset, word, 2)

    def read_memory(self, address: int, length: int) -> bytes:
        return self._memory.contents(address, length)

    def write_memory(self, address: int, data: bytes) -> None:
        self._memory.fill(address, data)

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        clock = self._clock
        limit_ns = clock.now_ns + int(seconds * SECOND_NS)
        if clock.run_until(condition, limit_ns):
            return True
        clock.run_for(limit_ns - clock.now_ns)  # nothing was left to do, and time passes all the same
        return condition()

    def interrupts(self) -> Sequence[int]:
        vectors, self._vectors = self._vectors, []
        return vectors


class Neighbour:
    """The controller as a second host sees it, or a second controller: a target of its own."""

    def __init__(self, facts: Facts, operator: Drives, attached: Attached, memory: "HostMemory") -> None:
        self.facts = replace(facts, has=facts.has - {Need.SECOND_HOST, Need.SECOND_PATH})
        self.operator = operator
        self.read_register = attached.read_register
        self.write_register = attached.write_register
        self.read_memory = attached.read_memory
        self.write_memory = attached.write_memory
        self.wait = attached.wait
        self.interrupts = attached.interrupts

    def renew(self) -> None:
        return None

    def close(self) -> None:
        return None


class HostMemory(Ram):
    """Memory of a host; what is spoiled answers with bad parity to the controller."""

    def __init__(self) -> None:
        super().__init__(MEMORY_BYTES)
        self.spoiled: set[int] = set()

    def contents(self, address: int, length: int) -> bytes:
        """What the host itself sees."""
        return bytes(super().read(address, length))

    def fill(self, address: int, data: bytes) -> None:
        super().write(address, data)

    def read(self, address: int, length: int) -> memoryview:
        self._check(address, length)
        return super().read(address, length)

    def write(self, address: int, data: Bytes) -> None:
        self._check(address, len(data))
        super().write(address, data)

    def read_longword(self, address: int) -> int:
        self._check(address, 4)
        return super().read_longword(address)

    def write_longword(self, address: int, value: int) -> None:
        self._check(address, 4)
        super().write_longword(address, value)

    def write_word(self, address: int, value: int) -> None:
        self._check(address, 2)
        super().write_word(address, value)

    def announce(self, test: int, address: int) -> bool:
        self._check(test, 4)
        self._check(address, 2)
        return super().announce(test, address)

    def window(self, address: int, length: int) -> Sequence[memoryview]:
        self._check(address, length)
        return super().window(address, length)

    def _check(self, address: int, length: int) -> None:
        bad = [place for place in self.spoiled if address <= place < address + length]
        if bad:
            raise ParityError(min(bad))


class Spoiled:
    """A rule of a faulty medium: blocks that fail so often, or always (None)."""

    def __init__(self) -> None:
        self.times: dict[int, int | None] = {}

    def on_request(self, request: BlockRequest) -> MediumError | None:
        if request.function == Function.FLUSH or not self.times:
            return None
        end = request.lbn + -(-request.byte_count // 512)
        for lbn in sorted(self.times):
            if request.lbn <= lbn < end:
                left = self.times[lbn]
                if left is not None:
                    if left == 1:
                        del self.times[lbn]
                    else:
                        self.times[lbn] = left - 1
                return MediumError(f"block {lbn} is bad", lbn)
        return None


class Kept(OverlayDevice):
    """Blocks that stay when they are closed: they come back with their medium."""

    def close(self) -> None:
        return None


class Blank:
    """Blocks of zeros without memory of their own; an overlay is what is written to."""

    descriptor: int | None = None
    write_protected = False

    def __init__(self, block_count: int) -> None:
        self.block_count = block_count

    def submit(self, request: BlockRequest) -> None:
        assert request.function == Function.READ, "the overlay keeps what is written"
        for view in request.views:
            view[:] = bytes(len(view))
        request.done(None)

    def close(self) -> None:
        return None
