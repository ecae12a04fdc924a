"""The chip as bus master: instruction fetch, table entries, data, memory moves.

(spec "SCSI", 53C810: memory move, load and store.)  Addresses are PCI bus addresses, lengths bytes.  A memory move
reaches the chip's own registers through their base addresses.
"""

# DEVIATION: the host's memory has to be at hand: there is no data over a bus link.

from collections.abc import Sequence

from emu.core.bus import BusError, Bytes, HostMemory, NonexistentMemory
from emu.hw.sym53c810.configuration import Configuration
from emu.hw.sym53c810.registers import OperatingRegisters
from emu.wire.codes.sym53c810 import COMMAND, DECODED_BYTES
from emu.wire.packet import LONGWORD, QUADWORD

_IO, _MEMORY = int(COMMAND.IO), int(COMMAND.MEMORY)


class Dma:
    """Bus cycles of one chip; every method raises BusError."""

    def __init__(
        self, memory: HostMemory, configuration: Configuration, registers: OperatingRegisters
    ) -> None:
        assert memory.distant is None, "the chip's memory is at hand"
        self._memory = memory
        self._read_memory = memory.read  # bound once, as the next: every instruction is fetched
        self._unpack = QUADWORD.unpack_from
        self._configuration = configuration
        self._registers = registers

    def fetch(self, address: int) -> int:
        """Read two longwords; the first is in the low half."""
        words: int = self._unpack(self._read_memory(address, 8))[0]
        return words

    def fetch_longword(self, address: int) -> int:
        return int(LONGWORD.unpack_from(self._memory.read(address, 4))[0])

    def window(self, address: int, length: int) -> tuple[Sequence[memoryview], BusError | None]:
        """Reach data; when a part is not there, what lies before it, and the error."""
        try:
            return self._memory.window(address, length), None
        except BusError as error:
            good = error.address - address
            if 0 < good < length:
                return self._memory.window(address, good), error
            raise

    def move(self, source: int, destination: int, length: int, source_io: bool, destination_io: bool) -> None:
        """Copy memory or registers to memory or registers."""
        source_register = self._own_register(source, source_io)
        destination_register = self._own_register(destination, destination_io)
        if destination_register is not None:
            self.write_registers(destination_register, bytes(self._read(source, length, source_register)))
            return
        position = 0
        if source_register is not None:
            data = memoryview(self._read(source, length, source_register))
            for view in self._memory.window(destination, length):
                view[:] = data[position : position + len(view)]
                position += len(view)
            return
        targets, target_error = self.window(destination, length)
        sources, source_error = self.window(source, length)
        _copy(sources, targets)
        error = source_error or target_error
        if error is not None:
            raise error

    def _read(self, address: int, length: int, register: int | None) -> Bytes:
        if register is None:
            return self._memory.read(address, length)
        return self.read_registers(register, length)

    def read_registers(self, offset: int, length: int) -> bytes:
        registers = self._registers
        return bytes(
            registers.read(place) if registers.name(place) else 0 for place in range(offset, offset + length)
        )

    def write_registers(self, offset: int, data: Bytes) -> None:
        registers = self._registers
        for place, byte in enumerate(data, offset):
            if registers.name(place):
                registers.write(place, byte)

    def _own_register(self, address: int, in_io_space: bool) -> int | None:
        """Say which register stands at an address; None for memory.

        Raises:
            NonexistentMemory: an I/O address of somebody else.
        """
        configuration = self._configuration
        if in_io_space:
            offset = address - configuration.io_base
            if configuration.command & _IO and 0 <= offset < DECODED_BYTES:
                return offset
            raise NonexistentMemory(address)
        offset = address - configuration.memory_base
        if configuration.command & _MEMORY and 0 <= offset < DECODED_BYTES:
            return offset
        return None

    def load(self, address: int, length: int) -> Bytes:
        return self._memory.read(address, length)

    def store(self, address: int, data: bytes) -> None:
        self._memory.write(address, data)


def _copy(sources: Sequence[memoryview], targets: Sequence[memoryview]) -> None:
    """Copy pieces into pieces, as much as both have."""
    from_index = from_position = 0
    for target in targets:
        position = 0
        while position < len(target) and from_index < len(sources):
            source = sources[from_index]
            length = min(len(target) - position, len(source) - from_position)
            target[position : position + length] = source[from_position : from_position + length]
            position += length
            from_position += length
            if from_position == len(source):
                from_index += 1
                from_position = 0
