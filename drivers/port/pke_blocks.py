"""Command blocks: what the SCRIPTS find in host memory, and where.

(spec "SCSI", host side; the tables are those of `pke.ss`.)  One area has it all:

    the program     with the slot, an operand of it, in which a command is offered
    the mailbox     where the messages of a target that comes back arrive
    the blocks      one for each command under way; its index is the command's tag
    two buckets     where data goes that nobody asked for; and zeros for a target that wants more than there is
"""

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge
from drivers.port.scsi_request import NO_STATUS, UNTAGGED, ScsiRequest
from emu.wire.codes.scsi_bus import DISCONNECT_PRIVILEGE, IDENTIFY, LUN_MASK
from emu.wire.codes.sym53c810 import (
    COUNT_MASK,
    DATA_SHIFT,
    IF_TRUE,
    IO_OR_REGISTER,
    MOVE,
    OPERATION_SHIFT,
    OPERATOR,
    REG,
    REGISTER_SHIFT,
    TRANSFER,
    TRANSFER_CONTROL,
)
from emu.wire.generated.sym53c810 import Instruction, MoveEntry, SelectEntry
from emu.wire.scripts_image import ScriptsImage

BLOCKS = 64  # command blocks, and so tags
SENSE_BYTES = 18
BUCKET_BYTES = 4096

# A command block: first what the table at DSA has, where `pke.ss` says; then what the table points at.
HEAD = 0x60
MESSAGE_OUT, COMMAND_BYTES, STATUS, MESSAGE_IN = 0x88, 0x98, 0xA8, 0xAC
EXTENDED_LENGTH, SDTR_IN, WDTR_IN, SENSE = 0xB0, 0xB4, 0xB8, 0xC0
BLOCK_BYTES = 0x100
SDTR_BYTES, WDTR_BYTES = 3, 2
MAILBOX_BYTES = 64
TAG_IN = 2  # in the mailbox, behind IDENTIFY and the code of the queue tag message


class CommandBlock:
    """A command block and the request that has it.

    moved: all of its data has moved.  saved: count and address of what is left, as of SAVE DATA POINTER.
    """

    __slots__ = (
        "address",
        "bus_address",
        "deadline_ns",
        "image",
        "index",
        "is_disconnected",
        "moved",
        "negotiates",
        "parity_errors",
        "recoveries",
        "request",
        "saved",
        "senses",
        "victim",
    )

    def __init__(self, index: int, address: int, bus_address: int, image: bytes) -> None:
        self.index = index
        self.address = address
        self.bus_address = bus_address
        self.image = bytearray(image)
        self.request: ScsiRequest | None = None
        self.deadline_ns = 0
        self.is_disconnected = False
        self.moved = False
        self.negotiates = False
        self.senses = False  # asks for the sense of its request
        self.parity_errors = 0
        self.recoveries = 0  # means already tried on a request that takes too long
        self.saved = (0, 0)
        self.victim: CommandBlock | None = None  # of the block that carries an abort message

    @property
    def has_tag(self) -> bool:
        return self.request is not None and self.request.tag != UNTAGGED and not self.senses

    def is_of(self, target: int, lun: int) -> bool:
        request = self.request
        return request is not None and (request.target, request.lun) == (target, lun)


def identify(lun: int) -> bytes:
    """Return the message that begins a command for a unit, which may disconnect."""
    return bytes((IDENTIFY | DISCONNECT_PRIVILEGE | lun,))


class CommandArea:
    """The area: laid out once, written anew whenever the adapter is started.

    entry: bus addresses of the labels where SCRIPTS are started.  constants: what source and driver agree on.
    blocks: those that carry commands; aborter: the one that carries messages that abort one.
    """

    def __init__(self, platform: AlphaPlatform, bridge: PciBridge, program: ScriptsImage) -> None:
        program_bytes = -(-program.size_bytes // 64) * 64
        blocks_at = program_bytes + MAILBOX_BYTES
        buckets_at = blocks_at + (BLOCKS + 1) * BLOCK_BYTES
        area_bytes = buckets_at + 2 * BUCKET_BYTES
        self._memory = platform.memory
        self._barrier = platform.barrier
        self._area = platform.pool.allocate(area_bytes)
        bus_area = bridge.map_area(self._area, area_bytes)
        self._mailbox = self._area + program_bytes
        self._loaded = program.loaded(bus_area, {"mailbox": bus_area + program_bytes})
        self.constants = program.constants
        self.entry = {name: bus_area + offset for name, offset in program.entries.items()}
        self._slot_operand = self._area + program.entries["IDLE"] + 4
        self._empty = self.entry["WAITR"]
        self.bucket = bus_area + buckets_at
        self.zeros = self.bucket + BUCKET_BYTES
        self._memory.write(self._area + buckets_at, bytes(2 * BUCKET_BYTES))
        self._table = {
            name: program.constants[f"T_{name}"]
            for name in (
                "SELECT",
                "MESSAGE_OUT",
                "COMMAND",
                "STATUS",
                "MESSAGE_IN",
                "EXTENDED_LENGTH",
                "SDTR",
                "DATA",
                "WDTR",
            )
        }
        self._data_entry = self._table["DATA"]
        blocks = []
        for index in range(BLOCKS + 1):
            offset = blocks_at + index * BLOCK_BYTES
            bus_address = bus_area + offset
            blocks.append(CommandBlock(index, self._area + offset, bus_address, self._image(bus_address)))
        *self.blocks, self.aborter = blocks

    def _image(self, base: int) -> bytes:
        """Make a command block at bus address `base`, as it is but for its command."""
        image = bytearray(BLOCK_BYTES)
        for name, count, place in (
            ("MESSAGE_OUT", 1, MESSAGE_OUT),
            ("COMMAND", 0, COMMAND_BYTES),
            ("STATUS", 1, STATUS),
            ("MESSAGE_IN", 1, MESSAGE_IN),
            ("EXTENDED_LENGTH", 1, EXTENDED_LENGTH),
            ("SDTR", SDTR_BYTES, SDTR_IN),
            ("WDTR", WDTR_BYTES, WDTR_IN),
        ):
            MoveEntry(count, base + place).pack_into(image, self._table[name])
        position = HEAD
        for index in range(4):  # DSA := base, a byte at a time
            word = IO_OR_REGISTER | int(MOVE.REGISTER_TO_REGISTER) << OPERATION_SHIFT
            word |= int(OPERATOR.IMMEDIATE) << 24 | int(REG.DSA) + index << REGISTER_SHIFT
            word |= (base >> 8 * index & 0xFF) << DATA_SHIFT
            Instruction(word, 0).pack_into(image, position)
            position += Instruction.SIZE
        word = TRANSFER_CONTROL | int(TRANSFER.JUMP) << OPERATION_SHIFT | IF_TRUE
        Instruction(word, self.entry["SELECT_"]).pack_into(image, position)
        image[STATUS] = NO_STATUS
        return bytes(image)

    def load(self) -> None:
        """Write the program and the blocks."""
        self._memory.write(self._area, self._loaded)
        for block in (*self.blocks, self.aborter):
            self._memory.write(block.address, block.image)
        self._barrier()

    # ---- the slot

    def write_out(self, block: CommandBlock) -> None:
        """Write a block's image to where SCRIPTS find it."""
        self._memory.write(block.address, block.image)

    def offer(self, block: CommandBlock) -> None:
        """Write a block out and put it into the slot; the chip may look there at any time."""
        memory = self._memory
        memory.write(block.address, block.image)
        self._barrier()
        memory.write_longword(self._slot_operand, block.bus_address + HEAD)

    def withdraw(self) -> None:
        """Empty the slot; SCRIPTS stand still, or have not won the bus."""
        self._memory.write_longword(self._slot_operand, self._empty)

    def is_taken(self) -> bool:
        """Say whether SCRIPTS have taken what was offered."""
        return self._memory.read_longword(self._slot_operand) == self._empty

    # ---- a block

    def write_command(
        self,
        block: CommandBlock,
        target: int,
        messages: bytes,
        cdb: bytes = b"",
        address: int = 0,
        count: int = 0,
        sxfer: int = 0,
        scntl3: int = 0,
    ) -> None:
        """Make a block's image say what is to be sent to a target, and where `count` bytes of data are."""
        image = block.image
        place = self._table["SELECT"]
        image[place : place + SelectEntry.SIZE] = SelectEntry.pack_fields(sxfer, target, scntl3)
        image[self._table["MESSAGE_OUT"]] = len(messages)
        image[MESSAGE_OUT : MESSAGE_OUT + len(messages)] = messages
        image[self._table["COMMAND"]] = len(cdb)
        image[COMMAND_BYTES : COMMAND_BYTES + len(cdb)] = cdb
        place = self._data_entry
        image[place : place + MoveEntry.SIZE] = MoveEntry.pack_fields(count, address)
        block.is_disconnected = block.moved = False
        block.saved = (count, address)
        block.parity_errors = 0

    def left(self, block: CommandBlock) -> tuple[int, int]:
        """The current data pointer: count and address of what is left."""
        entry = MoveEntry.unpack(self._memory.read(block.address + self._data_entry, MoveEntry.SIZE))
        return entry.count & COUNT_MASK, entry.address

    def point(self, block: CommandBlock, count: int, address: int) -> None:
        """Set the current data pointer."""
        self._memory.write(block.address + self._data_entry, MoveEntry.pack_fields(count, address))

    def set_message(self, block: CommandBlock, message: bytes) -> None:
        """Have this sent with the next MESSAGE OUT phase."""
        self._memory.write(block.address + MESSAGE_OUT, message)
        self._memory.write(
            block.address + self._table["MESSAGE_OUT"],
            MoveEntry.pack_fields(len(message), block.bus_address + MESSAGE_OUT),
        )

    def shorten(self, name: str, block: CommandBlock, left: int) -> None:
        """Leave out of a message or a command what the target has taken."""
        place = block.address + self._table[name]
        entry = MoveEntry.unpack(self._memory.read(place, MoveEntry.SIZE))
        count = entry.count & COUNT_MASK
        self._memory.write(place, MoveEntry.pack_fields(left, entry.address + count - left))

    # ---- what the target has said

    def status(self, block: CommandBlock) -> int:
        return self._memory.read(block.address + STATUS, 1)[0]

    def sense(self, block: CommandBlock, length: int) -> bytes:
        return bytes(self._memory.read(block.address + SENSE, length))

    def synchronous_request(self, block: CommandBlock) -> bytes:
        return bytes(self._memory.read(block.address + SDTR_IN, SDTR_BYTES))

    def wide_request(self, block: CommandBlock) -> bytes:
        return bytes(self._memory.read(block.address + WDTR_IN, WDTR_BYTES))

    def lun_that_came(self) -> int:
        """Who the target that came back has identified."""
        return self._memory.read(self._mailbox, 1)[0] & LUN_MASK

    def tag_that_came(self) -> int:
        return self._memory.read(self._mailbox + TAG_IN, 1)[0]
