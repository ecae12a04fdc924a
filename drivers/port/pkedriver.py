"""PKEDRIVER: the port driver of the 53C810.

It brings the chip up, loads its SCRIPTS into host memory, hands commands over one after another, and answers what
the chip interrupts for; a command that has disconnected waits in its command block until its target comes back, so
that many are under way at once.  (spec "SCSI", host side; the SCRIPTS are `pke.ss`.)

Where a request may be:

    waiting        in the port's queue
    offered        its block is in the slot; SCRIPTS take it as soon as they have won the bus
    active         on the bus
    disconnected   its target works on it

A CHECK CONDITION makes the port ask for the sense, with the next command to that unit, before the request is answered.
When the bus is reset, by whomever, every request that had been offered is answered so, and the class driver sends it
again.  A request that takes too long is aborted: ABORT TAG, then BUS DEVICE RESET, then a bus reset.
"""

# UNCERTAIN: how VMS's driver divides its time-outs; the order of its means is that of the spec.

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from drivers.platform.alpha import AlphaPlatform
from drivers.platform.alpha_pci import PciBridge, PciSlot
from drivers.platform.process import Procedure
from drivers.port.pudriver import PortState
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS, Timer
from emu.core.trace import StateChanged
from emu.wire.codes.scsi import Opcode, Status
from emu.wire.codes.scsi_bus import (
    DISCONNECT_PRIVILEGE,
    EXTENDED,
    FAST_PERIOD,
    IDENTIFY,
    INBOUND,
    LUN_MASK,
    MESSAGE,
    PERIOD_UNIT_NS,
    PHASE,
)
from emu.wire.codes.sym53c810 import (
    COMMAND,
    COUNT_MASK,
    CTEST3,
    DATA_SHIFT,
    DCNTL,
    DECODED_BYTES,
    DSTAT,
    IF_TRUE,
    IO_OR_REGISTER,
    ISTAT,
    MOVE,
    OPERATION_SHIFT,
    OPERATOR,
    PCI,
    PHASE_MASK,
    REG,
    REGISTER_SHIFT,
    SCID,
    SCNTL0,
    SCNTL1,
    SIST0,
    SIST1,
    SSTAT0,
    STEST3,
    TRANSFER,
    TRANSFER_CONTROL,
    VENDOR,
)
from emu.wire.generated.scsi import RequestSenseCdb
from emu.wire.generated.sym53c810 import Instruction, MoveEntry, SelectEntry
from emu.wire.scripts_image import ScriptsImage

BLOCKS = 64  # command blocks, and so tags
SENSE_BYTES = 18
START_ATTEMPTS = 3
SOFT_RESET_NS = 10 * MICROSECOND_NS
RESET_HOLD_NS = 25 * MICROSECOND_NS
SETTLE_NS = 250 * MILLISECOND_NS  # from a bus reset to the first selection
WATCH_NS = SECOND_NS
SENSE_TIMEOUT_NS = 10 * SECOND_NS
RECOVERY_TIMEOUT_NS = 2 * SECOND_NS
MAXIMUM_BYTES = 1 << 23  # of one request; a byte counter has 24 bits

# A command block: first what the table at DSA has, where `pke.ss` says; then what the table points at.
HEAD = 0x60
MESSAGE_OUT, COMMAND_BYTES, STATUS, MESSAGE_IN = 0x88, 0x98, 0xA8, 0xAC
EXTENDED_LENGTH, SDTR_IN, WDTR_IN, SENSE = 0xB0, 0xB4, 0xB8, 0xC0
BLOCK_BYTES = 0x100
BUCKET_BYTES = (
    4096  # where data goes that nobody asked for; and zeros for a target that wants more than there is
)

TAG_IN = 2  # in the mailbox, behind IDENTIFY and the code of the queue tag message
UNTAGGED = 0
_NO_STATUS = 0xFF
_CHECK_CONDITION = int(Status.CHECK_CONDITION)
_IDENTIFY = IDENTIFY | DISCONNECT_PRIVILEGE

# 40 MHz on the SCLK pin.
SCNTL3_ASYNCHRONOUS = 0x03
SCNTL3_SYNCHRONOUS = 0x13
CLOCK_NS = 25
XFERP_FIRST, XFERP_LAST = 4, 11
MAXIMUM_OFFSET = 8
SDTR_BYTES, WDTR_BYTES = 3, 2
PARITY_LIMIT = 3

_ISTAT, _DSTAT, _SIST = int(REG.ISTAT), int(REG.DSTAT), int(REG.SIST0)
_DSP, _DSPS, _DSA, _DBC, _DCMD = int(REG.DSP), int(REG.DSPS), int(REG.DSA), int(REG.DBC), int(REG.DCMD)
_SCRATCHA, _SSID = int(REG.SCRATCHA), int(REG.SSID)
_SIGP, _INTF, _SIP, _DIP = int(ISTAT.SIGP), int(ISTAT.INTF), int(ISTAT.SIP), int(ISTAT.DIP)
_SEM = int(ISTAT.SEM)
_SIR, _IID = int(DSTAT.SIR), int(DSTAT.IID)
_MA, _UDC, _RST, _PAR = int(SIST0.MA), int(SIST0.UDC), int(SIST0.RST), int(SIST0.PAR)
_STO = int(SIST1.STO) << 8  # SIST0 and SIST1 are read as one word
_DETECTED_ERROR = bytes((MESSAGE.INITIATOR_DETECTED_ERROR,))
_PARITY_ERROR = bytes((MESSAGE.MESSAGE_PARITY_ERROR,))
_REJECT = bytes((MESSAGE.MESSAGE_REJECT,))
_NARROW = bytes((MESSAGE.EXTENDED, WDTR_BYTES, EXTENDED.WDTR, 0))


class PortStatus(Enum):
    """What became of a request, as far as the port knows."""

    ENDED = "the target gave a status"
    SELECTION_TIMEOUT = "nobody answered"
    DISCONNECTED = "the target left the bus without a word"
    BUS_RESET = "the bus was reset"
    TIMED_OUT = "it took too long and was aborted"
    DEAD = "the adapter does not work"


class ScsiRequest:
    """One command for a target; a class driver subclasses it and answers `complete`.

    address: physical address of a contiguous, locked buffer of byte_count bytes.  tag: the message that tags it, or
    UNTAGGED.  Then `status` and `sense` as the target gave them; residual: bytes that did not move; overrun: the
    target wanted to move more.
    """

    __slots__ = (
        "address",
        "byte_count",
        "cdb",
        "lun",
        "mapped",
        "overrun",
        "port_status",
        "residual",
        "sense",
        "status",
        "tag",
        "target",
        "timeout_ns",
    )

    def __init__(
        self,
        target: int,
        lun: int,
        cdb: bytes,
        timeout_ns: int,
        *,
        address: int = 0,
        byte_count: int = 0,
        tag: int = UNTAGGED,
    ) -> None:
        self.target = target
        self.lun = lun
        self.cdb = cdb
        self.timeout_ns = timeout_ns
        self.address = address
        self.byte_count = byte_count
        self.tag = tag
        self.mapped: int | None = None
        self.port_status = PortStatus.ENDED
        self.status = _NO_STATUS
        self.sense = b""
        self.residual = 0
        self.overrun = False

    def complete(self) -> None:
        """Hear that the request has ended."""
        raise AssertionError("a request is answered by its subclass")


class Client(Protocol):
    """A class driver, as its port sees it."""

    def port_ready(self) -> None: ...

    def port_lost(self) -> None:
        """Hear that the adapter is dead; requests are answered before."""
        ...


class _Block:
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
        self.victim: _Block | None = None  # of the block that carries an abort message


class PkeDriver:
    """The driver of one adapter.

    slot: the chip in the PCI bus of `bridge`.  program: the SCRIPTS.  scsi_id: our own.  resets: bus resets seen;
    failures: times the adapter had to be started anew.
    """

    def __init__(
        self,
        platform: AlphaPlatform,
        bridge: PciBridge,
        name: str,
        slot: PciSlot,
        program: ScriptsImage,
        scsi_id: int = 7,
    ) -> None:
        self.platform = platform
        self.bridge = bridge
        self.name = name
        self.scsi_id = scsi_id
        self.maximum_bytes = min(MAXIMUM_BYTES, bridge.maximum_buffer_bytes)
        self.state = PortState.DOWN
        self.revision = 0
        self.interrupts = 0
        self.resets = 0
        self.failures = 0
        self.selection_timeouts = 0
        self._slot = slot
        self._configuration = slot.configuration
        self._read = slot.registers.read_register
        self._write = slot.registers.write_register
        self._register_base = bridge.claim_memory(DECODED_BYTES)
        self._interrupt_number = platform.connect_pci_interrupt(self._interrupt)
        self._client: Client | None = None
        self._attempts = 0
        self._running = False  # SCRIPTS go on by themselves
        self._settling = False  # the bus has been reset a moment ago
        self._waiting: deque[ScsiRequest] = deque()
        self._urgent: deque[_Block] = deque()  # they have their blocks already: sense, aborts
        self._offered: _Block | None = None
        self._active: _Block | None = None
        self._frozen: dict[tuple[int, int], _Block] = {}  # units whose sense has not been fetched
        self._agreements: dict[int, int] = {}  # target -> SXFER
        self._guilty: _Block | None = None  # for whose sake the bus is being reset
        self._watch: Timer | None = None
        self._lay_out(program)

    def _lay_out(self, program: ScriptsImage) -> None:
        """Find room for the program and what it works on, and write what never changes."""
        platform = self.platform
        self._program = program
        constants = program.constants
        program_bytes = -(-program.size_bytes // 64) * 64
        mailbox_bytes = 64
        blocks_at = program_bytes + mailbox_bytes
        buckets_at = blocks_at + (BLOCKS + 1) * BLOCK_BYTES
        area_bytes = buckets_at + 2 * BUCKET_BYTES
        self._area = platform.pool.allocate(area_bytes)
        bus_area = self.bridge.map_area(self._area, area_bytes)
        self._bus_area = bus_area
        self._mailbox = self._area + program_bytes
        self._bus_mailbox = bus_area + program_bytes
        self._entry = {name: bus_area + offset for name, offset in program.entries.items()}
        self._slot_operand = self._area + program.entries["IDLE"] + 4
        self._empty = self._entry["WAITR"]
        self._bucket = bus_area + buckets_at
        self._zeros = self._bucket + BUCKET_BYTES
        platform.memory.write(self._area + buckets_at, bytes(2 * BUCKET_BYTES))
        self._table = {
            name: constants[f"T_{name}"]
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
        self._message_entry = self._table["MESSAGE_OUT"]
        self._vectors: dict[int, Callable[[], None]] = {
            constants[name]: action
            for name, action in (
                ("INT_DONE", self._done),
                ("INT_DISCONNECTED", self._disconnected),
                ("INT_RESELECTED", self._reselected),
                ("INT_RESELECTED_TAG", self._reselected_with_tag),
                ("INT_NO_TAG", self._unknown_reselection),
                ("INT_NO_IDENTIFY", self._unknown_reselection),
                ("INT_RESTORE_POINTERS", self._restore_pointers),
                ("INT_MESSAGE_REJECT", self._message_rejected),
                ("INT_UNKNOWN_MESSAGE", self._unknown_message),
                ("INT_SDTR", self._synchronous_request),
                ("INT_WDTR", self._wide_request),
                ("INT_OVERRUN", self._overrun),
                ("INT_BAD_PHASE", self._bad_phase),
            )
        }
        blocks = []
        for index in range(BLOCKS + 1):
            offset = blocks_at + index * BLOCK_BYTES
            bus_address = bus_area + offset
            blocks.append(_Block(index, self._area + offset, bus_address, self._block_image(bus_address)))
        *self._blocks, self._aborter = blocks  # the last one carries abort messages
        self._free = deque(self._blocks)

    def _block_image(self, base: int) -> bytes:
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
        Instruction(word, self._entry["SELECT_"]).pack_into(image, position)
        image[STATUS] = _NO_STATUS
        return bytes(image)

    def connect(self, client: Client) -> None:
        """Connect the class driver."""
        self._client = client

    def start(self) -> None:
        """Bring the adapter up; the client hears `port_ready` or `port_lost`."""
        assert self.state is PortState.DOWN, "a port is started once; it restarts itself"
        self.platform.process(f"{self.name} init", self._initialise())

    # -- initialisation

    def _initialise(self) -> Procedure:
        self._enter(PortState.INITIALISING)
        while self._attempts < START_ATTEMPTS:
            self._attempts += 1
            if not self._find_chip():
                break
            yield from self._set_up_chip()
            # RST, and the interrupt of our own reset, have come and gone.
            self._settling = False
            self._enter(PortState.RUNNING)
            self._go("IDLE")
            assert self._client is not None, "a port has a class driver before it starts"
            self._client.port_ready()
            self._feed()
            return
        self._die()

    def _find_chip(self) -> bool:
        """Give the chip its place on the bus; False when it is not there."""
        read, write = self._configuration.read_register, self._configuration.write_register
        if read(PCI.ID, 4) & 0xFFFF != VENDOR:
            return False
        self.revision = read(PCI.CLASS, 1)
        write(PCI.MEMORY_BASE, self._register_base, 4)
        write(PCI.INTERRUPT_LINE, self._interrupt_number, 1)
        write(PCI.COMMAND, int(COMMAND.MEMORY | COMMAND.MASTER | COMMAND.PARITY), 2)
        return True

    def _set_up_chip(self) -> Procedure:
        write = self._write
        write(_ISTAT, int(ISTAT.SRST), 1)
        yield SOFT_RESET_NS
        write(_ISTAT, 0, 1)
        for register, value in (
            (REG.SCNTL0, SCNTL0.ARB1 | SCNTL0.ARB0 | SCNTL0.EPC | SCNTL0.AAP),
            (REG.SCNTL1, 0),
            (REG.SCNTL3, SCNTL3_ASYNCHRONOUS),
            (REG.SCID, SCID.RRE | self.scsi_id),
            (REG.RESPID, 1 << self.scsi_id),
            (REG.STIME0, 0x0C),  # selection 256 ms, no handshake timer
            (REG.STEST3, STEST3.TE),
            (REG.DMODE, 0xC0),  # bursts of 16
            (REG.DCNTL, DCNTL.COM),
            (REG.SIEN0, SIST0.MA | SIST0.SGE | SIST0.UDC | SIST0.RST | SIST0.PAR),
            (REG.SIEN1, SIST1.STO),
            (REG.DIEN, DSTAT.MDPE | DSTAT.BF | DSTAT.ABRT | DSTAT.SSI | DSTAT.SIR | DSTAT.IID),
        ):
            write(int(register), int(value), 1)
        self._load()
        self._settling = True
        write(int(REG.SCNTL1), int(SCNTL1.RST), 1)
        yield RESET_HOLD_NS
        write(int(REG.SCNTL1), 0, 1)
        yield SETTLE_NS

    def _load(self) -> None:
        """Write the program and the blocks."""
        memory = self.platform.memory
        memory.write(self._area, self._program.loaded(self._bus_area, {"mailbox": self._bus_mailbox}))
        for block in (*self._blocks, self._aborter):
            memory.write(block.address, block.image)
        self.platform.barrier()

    def _go(self, label: str) -> None:
        """Start SCRIPTS; what was stored before is there for them."""
        self._running = True
        self.platform.barrier()
        self._write(_DSP, self._entry[label], 4)

    # -- requests

    def send(self, request: ScsiRequest) -> None:
        """Start a request; it completes later, never inside this call."""
        if self.state is PortState.DEAD:
            request.port_status = PortStatus.DEAD
            self.platform.fork(request.complete)
            return
        self._waiting.append(request)
        if self._running and self._offered is None:
            self._feed()

    def _feed(self) -> None:
        """Put the next command into the slot if that is empty."""
        if self._offered is not None or self._settling or self.state is not PortState.RUNNING:
            return
        block = self._urgent.popleft() if self._urgent else self._next_block()
        if block is None:
            return
        memory, barrier = self.platform.memory, self.platform.barrier
        memory.write(block.address, block.image)
        barrier()
        memory.write_longword(self._slot_operand, block.bus_address + HEAD)
        self._offered = block
        if self._running:
            barrier()
            self._write(_ISTAT, _SIGP, 1)

    def _next_block(self) -> _Block | None:
        """Give the first request that may be sent its block."""
        waiting, frozen = self._waiting, self._frozen
        if not waiting or not self._free:
            return None
        for index, request in enumerate(waiting):
            if frozen and (request.target, request.lun) in frozen:
                continue
            if request.byte_count and request.mapped is None:
                request.mapped = self.bridge.map_buffer(request.address, request.byte_count)
                if request.mapped is None:
                    self.bridge.await_map_registers(self._map_registers_came)
                    return None
            del waiting[index]
            block = self._free.popleft()
            self._fill(block, request)
            return block
        return None

    def _map_registers_came(self) -> None:
        if self._running:
            self._feed()

    def _fill(self, block: _Block, request: ScsiRequest) -> None:
        block.request = request
        block.recoveries = 0
        messages = bytes((_IDENTIFY | request.lun,))
        if request.tag:
            messages += bytes((request.tag, block.index))
        block.negotiates = request.target not in self._agreements
        if block.negotiates:
            messages += bytes((MESSAGE.EXTENDED, 3, EXTENDED.SDTR, FAST_PERIOD, MAXIMUM_OFFSET))
        self._write_command(
            block, request.target, messages, request.cdb, request.mapped or 0, request.byte_count
        )
        block.deadline_ns = self.platform.clock.now_ns + request.timeout_ns

    def _write_command(
        self, block: _Block, target: int, messages: bytes, cdb: bytes, address: int, count: int
    ) -> None:
        image = block.image
        sxfer = self._agreements.get(target, 0)
        scntl3 = SCNTL3_SYNCHRONOUS if sxfer else SCNTL3_ASYNCHRONOUS
        place = self._table["SELECT"]
        image[place : place + SelectEntry.SIZE] = SelectEntry.pack_fields(sxfer, target, scntl3)
        image[self._message_entry] = len(messages)
        image[MESSAGE_OUT : MESSAGE_OUT + len(messages)] = messages
        image[self._table["COMMAND"]] = len(cdb)
        image[COMMAND_BYTES : COMMAND_BYTES + len(cdb)] = cdb
        place = self._data_entry
        image[place : place + MoveEntry.SIZE] = MoveEntry.pack_fields(count, address)
        block.is_disconnected = block.moved = False
        block.saved = (count, address)
        block.parity_errors = 0
        if self._watch is None:
            self._watch = self.platform.clock.call_after(WATCH_NS, self._look)

    def _complete(self, block: _Block, port_status: PortStatus) -> None:
        """Answer the request of a block, which becomes free."""
        request, block.request = block.request, None
        assert request is not None, "a block that is answered has a request"
        if block.senses:
            block.senses = False
            del self._frozen[request.target, request.lun]
        block.is_disconnected = False
        self._free.append(block)
        if request.mapped is not None:
            self.bridge.unmap_buffer(request.mapped, request.byte_count)
            request.mapped = None
        request.port_status = port_status
        request.complete()

    # -- interrupts

    def _interrupt(self) -> None:
        """Serve the chip until it has nothing more to say."""
        self.interrupts += 1
        self.platform.barrier()
        while True:
            istat = self._read(_ISTAT, 1)
            if istat & _INTF:
                self._write(_ISTAT, istat & (_SEM | _SIGP) | _INTF, 1)
            elif istat & _SIP:
                self._scsi_interrupt(self._read(_SIST, 2))
            elif istat & _DIP:
                self._dma_interrupt(self._read(_DSTAT, 1))
            else:
                return

    def _notice_selection(self) -> None:
        """See whether SCRIPTS have taken the block that was offered."""
        offered = self._offered
        if offered is not None and self.platform.memory.read_longword(self._slot_operand) == self._empty:
            self._active, self._offered = offered, None

    def _scsi_interrupt(self, sist: int) -> None:
        self._running = False
        self._notice_selection()
        if sist & _RST:
            self._bus_was_reset()
        elif self.state is not PortState.RUNNING:
            return
        elif sist & _STO:
            self._selection_timed_out()
        elif sist & _UDC:
            self._bus_went_free()
        elif self._active is None:
            self.reset_bus("nobody's transfer failed")
        elif sist & _PAR:
            self._parity_error(self._active)
        elif sist & _MA:
            self._phase_mismatch(self._active)
        else:
            self.reset_bus(f"SCSI gross error, SIST {sist:04X}")

    def _dma_interrupt(self, dstat: int) -> None:
        self._running = False
        if self.state is not PortState.RUNNING:
            return
        self._notice_selection()
        if dstat & _SIR:
            action = self._vectors.get(self._read(_DSPS, 4))
            if action is not None:
                action()
                return
        elif dstat & _IID and self._is_empty_move():
            self._overrun()
            return
        self._restart(f"DSTAT {dstat:02X}")

    def _is_empty_move(self) -> bool:
        """Say whether what was illegal is a move of no bytes: the target wants data, and there are none."""
        return self._active is not None and not self._read(_DBC, 4) & (0xC000_0000 | COUNT_MASK)

    def _idle(self) -> None:
        """Let SCRIPTS wait for what comes next, with a command in the slot if there is one."""
        self._active = None
        self._feed()
        if not self._running and not self._settling:
            self._go("IDLE")

    # ---- a command comes to its end, or leaves the bus for a while

    def _take_active(self) -> _Block | None:
        block, self._active = self._active, None
        if block is None:
            self.reset_bus("nobody's command ended")
        return block

    def _done(self) -> None:
        block = self._take_active()
        if block is None:
            return
        if block is self._aborter:  # it took the message for something else
            self._recovery_failed()
            return
        self._attempts = 0
        if block.negotiates:  # and has not answered
            self._agree(block, 0)
        request = block.request
        assert request is not None, "a command that ends is somebody's"
        status = self.platform.memory.read(block.address + STATUS, 1)[0]
        if block.senses:
            if status == 0:
                self._take_sense(block, request)
            self._complete(block, PortStatus.ENDED)
        else:
            request.status = status
            if not request.overrun and not self._read(_SCRATCHA, 1):
                request.residual = self._left(block)[0]
            if status == _CHECK_CONDITION:
                self._fetch_sense(block, request)
            else:
                self._complete(block, PortStatus.ENDED)
        self._idle()

    def _fetch_sense(self, block: _Block, request: ScsiRequest) -> None:
        """Ask for the sense before any other command goes to this unit: that would make it forget."""
        nexus = (request.target, request.lun)
        self._frozen[nexus] = block
        block.senses = True
        offered = self._offered
        if offered is not None and offered.request is not None:
            other = offered.request
            if (other.target, other.lun) == nexus:
                self._withdraw_offer()
                self._waiting.appendleft(other)
                offered.request = None
                self._free.append(offered)
        cdb = RequestSenseCdb.pack_fields(opcode=int(Opcode.REQUEST_SENSE), allocation=SENSE_BYTES)
        messages = bytes((_IDENTIFY | request.lun,))
        self._write_command(block, request.target, messages, cdb, block.bus_address + SENSE, SENSE_BYTES)
        block.deadline_ns = self.platform.clock.now_ns + SENSE_TIMEOUT_NS
        self._urgent.append(block)

    def _take_sense(self, block: _Block, request: ScsiRequest) -> None:
        left = 0 if self._read(_SCRATCHA, 1) else self._left(block)[0]
        request.sense = bytes(self.platform.memory.read(block.address + SENSE, SENSE_BYTES - left))

    def _withdraw_offer(self) -> None:
        """Empty the slot; SCRIPTS stand still, or have not won the bus."""
        self.platform.memory.write_longword(self._slot_operand, self._empty)
        self._offered = None

    def _disconnected(self) -> None:
        block = self._take_active()
        if block is None:
            return
        if block is self._aborter:
            self._recovery_failed()
            return
        scratch = self._read(_SCRATCHA, 2)
        block.moved = bool(scratch & 0xFF)
        if scratch >> 8:
            block.saved = self._left(block)
        block.is_disconnected = True
        if block.negotiates:
            self._agree(block, 0)
        self._idle()

    def _left(self, block: _Block) -> tuple[int, int]:
        """The current data pointer: count and address of what is left."""
        entry = MoveEntry.unpack(self.platform.memory.read(block.address + self._data_entry, MoveEntry.SIZE))
        return entry.count & COUNT_MASK, entry.address

    def _point(self, block: _Block, count: int, address: int) -> None:
        self.platform.memory.write(block.address + self._data_entry, MoveEntry.pack_fields(count, address))

    # ---- a target comes back

    def _reselected(self) -> None:
        target, lun = self._who_came()
        self._reconnect(
            next(
                (
                    block
                    for block in self._blocks
                    if block.is_disconnected and self._is_of(block, target, lun) and not self._has_tag(block)
                ),
                None,
            )
        )

    def _reselected_with_tag(self) -> None:
        target, lun = self._who_came()
        tag = self.platform.memory.read(self._mailbox + TAG_IN, 1)[0]
        block = self._blocks[tag] if tag < BLOCKS else None
        if block is not None and not (block.is_disconnected and self._is_of(block, target, lun)):
            block = None
        self._reconnect(block)

    def _who_came(self) -> tuple[int, int]:
        identify = self.platform.memory.read(self._mailbox, 1)[0]
        return self._read(_SSID, 1) & 7, identify & LUN_MASK

    @staticmethod
    def _is_of(block: _Block, target: int, lun: int) -> bool:
        request = block.request
        return request is not None and (request.target, request.lun) == (target, lun)

    @staticmethod
    def _has_tag(block: _Block) -> bool:
        return block.request is not None and bool(block.request.tag) and not block.senses

    def _reconnect(self, block: _Block | None) -> None:
        """Go on with a command whose target has come back."""
        if block is None:
            self._unknown_reselection()
            return
        request = block.request
        assert request is not None, "a block that is disconnected has a request"
        self._active = block
        block.is_disconnected = False
        self._point(block, *block.saved)
        write = self._write
        write(_DSA, block.bus_address, 4)
        write(_SCRATCHA, int(block.moved), 2)
        self._set_transfer(self._agreements.get(request.target, 0))
        self._go("ACKGO")

    def _set_transfer(self, sxfer: int) -> None:
        self._write(int(REG.SXFER), sxfer, 1)
        self._write(int(REG.SCNTL3), SCNTL3_SYNCHRONOUS if sxfer else SCNTL3_ASYNCHRONOUS, 1)

    def _unknown_reselection(self) -> None:
        """Send a target away that comes back with what nobody waits for."""
        block = self._aborter
        if block.victim is not None:  # it is about to carry another message
            self.reset_bus("a target came back with an unknown command")
            return
        target, _ = self._who_came()
        with_tag = self._read(_DSPS, 4) == self._program.constants["INT_RESELECTED_TAG"]
        message = MESSAGE.ABORT_TAG if with_tag else MESSAGE.ABORT
        self._write_command(block, target, bytes((message,)), b"", 0, 0)
        self.platform.memory.write(block.address, block.image)
        self._active = block
        block.deadline_ns = self.platform.clock.now_ns + RECOVERY_TIMEOUT_NS
        self._write(_DSA, block.bus_address, 4)
        self._go("ATNGO")

    # ---- messages

    def _restore_pointers(self) -> None:
        block = self._require_active()
        if block is not None:
            self._point(block, *block.saved)
            self._write(_SCRATCHA, 0, 1)
            self._go("ACKGO")

    def _require_active(self) -> _Block | None:
        if self._active is None:
            self.reset_bus("a message is for nobody")
        return self._active

    def _answer(self, block: _Block, message: bytes) -> None:
        """Ask for MESSAGE OUT, and have this sent there."""
        memory = self.platform.memory
        memory.write(block.address + MESSAGE_OUT, message)
        memory.write(
            block.address + self._message_entry,
            MoveEntry.pack_fields(len(message), block.bus_address + MESSAGE_OUT),
        )
        self._go("ATNGO")

    def _message_rejected(self) -> None:
        block = self._require_active()
        if block is not None:
            if block.negotiates:
                self._agree(block, 0)
                self._set_transfer(0)
            self._go("ACKGO")

    def _unknown_message(self) -> None:
        block = self._require_active()
        if block is not None:
            self._answer(block, _REJECT)

    def _synchronous_request(self) -> None:
        block = self._require_active()
        if block is None:
            return
        code, period, offset = self.platform.memory.read(block.address + SDTR_IN, SDTR_BYTES)
        if code != EXTENDED.SDTR:
            self._answer(block, _REJECT)
            return
        was_ours = block.negotiates
        offset = min(offset, MAXIMUM_OFFSET)
        period = max(period, FAST_PERIOD)
        sxfer = _sxfer(period, offset)
        if sxfer is None:
            self._agree(block, 0)
            self._answer(block, _REJECT)
            return
        self._agree(block, sxfer)
        self._set_transfer(sxfer)
        if was_ours:
            self._go("ACKGO")
        else:
            self._answer(block, bytes((MESSAGE.EXTENDED, 3, EXTENDED.SDTR, period, offset)))

    def _agree(self, block: _Block, sxfer: int) -> None:
        block.negotiates = False
        if block.request is not None:
            self._agreements[block.request.target] = sxfer

    def _wide_request(self) -> None:
        block = self._require_active()
        if block is None:
            return
        code = self.platform.memory.read(block.address + WDTR_IN, 1)[0]
        self._answer(block, _NARROW if code == EXTENDED.WDTR else _REJECT)

    # ---- data

    def _overrun(self) -> None:
        """Let a target move what it wants beyond the end: into the bucket, or zeros."""
        block = self._require_active()
        if block is None:
            return
        if block.request is not None and not block.senses:
            block.request.overrun = True
        phase = self._read(int(REG.SSTAT1), 1) & PHASE_MASK
        self._point(block, BUCKET_BYTES, self._bucket if phase & INBOUND else self._zeros)
        self._write(_SCRATCHA, 0, 1)
        self._go("DISP")

    def _phase_mismatch(self, block: _Block) -> None:
        """Find out how much of an interrupted move was done, and go on with the phase the target wants."""
        phase = self._read(_DCMD, 1) & PHASE_MASK
        left = self._read(_DBC, 4) & COUNT_MASK
        dstat = self._read(_DSTAT, 1)
        if not phase & INBOUND:
            left += self._unsent(dstat, left)
        self._write(int(REG.CTEST3), int(CTEST3.CLF), 1)
        self._write(int(REG.STEST3), int(STEST3.TE | STEST3.CSF), 1)
        if phase in (PHASE.DATA_IN, PHASE.DATA_OUT):
            count, address = self._left(block)
            self._point(block, left, address + count - left)
        elif phase in (PHASE.MESSAGE_OUT, PHASE.COMMAND):
            self._shorten("MESSAGE_OUT" if phase == PHASE.MESSAGE_OUT else "COMMAND", block, left)
        self._go("DISP")

    def _unsent(self, dstat: int, left: int) -> int:
        """Bytes that were fetched and have not reached the bus."""
        unsent = 0
        if not dstat & DSTAT.DFE:
            unsent = self._read(int(REG.DFIFO), 1) - (left & 0x7F) & 0x7F
        latches = self._read(int(REG.SSTAT0), 1)
        unsent += bool(latches & SSTAT0.OLF)
        if self._read(int(REG.SXFER), 1) & 0x0F:
            unsent += bool(latches & SSTAT0.ORF)
        return unsent

    def _shorten(self, name: str, block: _Block, left: int) -> None:
        """Leave out of a message or a command what the target has taken."""
        place = block.address + self._table[name]
        memory = self.platform.memory
        entry = MoveEntry.unpack(memory.read(place, MoveEntry.SIZE))
        count = entry.count & COUNT_MASK
        memory.write(place, MoveEntry.pack_fields(left, entry.address + count - left))

    def _parity_error(self, block: _Block) -> None:
        """Tell the target, which sees ATN already, that something arrived damaged."""
        block.parity_errors += 1
        if block.parity_errors > PARITY_LIMIT:
            self.reset_bus("parity errors")
            return
        phase = self._read(_DCMD, 1) & PHASE_MASK
        message = _PARITY_ERROR if phase == PHASE.MESSAGE_IN else _DETECTED_ERROR
        memory = self.platform.memory
        memory.write(block.address + MESSAGE_OUT, message)
        memory.write(
            block.address + self._message_entry, MoveEntry.pack_fields(1, block.bus_address + MESSAGE_OUT)
        )
        # ACK of a message is held even if there was something wrong with it.
        self._go("ACKGO" if phase == PHASE.MESSAGE_IN else "DISP")

    def _bad_phase(self) -> None:
        self.reset_bus("reserved phase")

    # ---- the bus becomes free by surprise

    def _selection_timed_out(self) -> None:
        self.selection_timeouts += 1
        block = self._take_active()
        if block is None:
            return
        if block is self._aborter:
            self._recovery_failed()
            return
        self._complete(block, PortStatus.SELECTION_TIMEOUT)
        self._idle()

    def _bus_went_free(self) -> None:
        block, self._active = self._active, None
        if block is self._aborter:
            self._recovered()
        elif block is not None:
            self._complete(block, PortStatus.DISCONNECTED)
        self._idle()

    # -- time

    def _look(self) -> None:
        """Look, once a second, for a request that takes too long."""
        clock = self.platform.clock
        self._watch = None
        held = [block for block in self._blocks if block.request is not None]
        if not held and self._active is None and self._offered is None:
            return
        self._watch = clock.call_after(WATCH_NS, self._look)
        if self.state is not PortState.RUNNING or self._settling:
            return
        for block in (self._active, self._offered):
            if block is not None and clock.now_ns >= block.deadline_ns:
                self.reset_bus("a command hangs on the bus", block)
                return
        for block in held:
            if block.is_disconnected and clock.now_ns >= block.deadline_ns:
                self._recover(block)
                return

    def _recover(self, block: _Block) -> None:
        """Make an end to a request that takes too long, by the next means there is."""
        request, aborter = block.request, self._aborter
        assert request is not None, "a request takes too long"
        if aborter.victim is not None or self._active is aborter:
            return
        message = None
        if block.recoveries == 0:
            message = MESSAGE.ABORT_TAG if self._has_tag(block) else MESSAGE.ABORT
        elif block.recoveries == 1:
            message = MESSAGE.BUS_DEVICE_RESET
        block.recoveries += 1
        if message is None:
            self.reset_bus("a target cannot be aborted", block)
            return
        self.platform.operator(f"%PKE-W-ABORT, _{self.name}: target {request.target}: {message.words}")
        messages = bytes((_IDENTIFY | request.lun,))
        if message == MESSAGE.ABORT_TAG:
            messages += bytes((request.tag, block.index))
        aborter.victim = block
        self._write_command(aborter, request.target, messages + bytes((message,)), b"", 0, 0)
        aborter.deadline_ns = self.platform.clock.now_ns + RECOVERY_TIMEOUT_NS
        self._urgent.append(aborter)
        if self._running and self._offered is None:
            self._feed()

    def _recovered(self) -> None:
        """Hear that the target has gone away from its command, as it was told."""
        victim, self._aborter.victim = self._aborter.victim, None
        if victim is None or victim.request is None:
            return  # an unknown command, or one that ended meanwhile
        target = victim.request.target
        if victim.recoveries > 1:  # it was the target that was reset, with all it had
            self._agreements.pop(target, None)
            for block in self._blocks:
                request = block.request
                if block is not victim and block.is_disconnected and request and request.target == target:
                    self._complete(block, PortStatus.BUS_RESET)
        if victim.is_disconnected:
            self._complete(victim, PortStatus.TIMED_OUT)

    def _recovery_failed(self) -> None:
        """Try the next means, or do without when the victim has ended meanwhile."""
        victim, self._aborter.victim = self._aborter.victim, None
        if victim is not None and victim.request is not None and victim.is_disconnected:
            self._recover(victim)
        if self.state is PortState.RUNNING and not self._settling:
            self._idle()

    # -- the bus is reset

    def reset_bus(self, why: str, guilty: _Block | None = None) -> None:
        """Reset the bus; everything that was under way is answered when the chip says that it has happened."""
        if self._settling:
            return
        self.platform.operator(f"%PKE-W-BUSRESET, _{self.name}: bus is reset: {why}")
        self._guilty = guilty
        self._settling = True
        self._running = False
        self._write(int(REG.SCNTL1), int(SCNTL1.RST), 1)
        self.platform.clock.call_after(RESET_HOLD_NS, self._release_reset)

    def _release_reset(self) -> None:
        self._write(int(REG.SCNTL1), 0, 1)

    def _bus_was_reset(self) -> None:
        """Answer everything, and let the bus settle."""
        self.resets += 1
        self._agreements.clear()
        if self.state is not PortState.RUNNING:
            return
        self._settling = True
        self._fail_all(PortStatus.BUS_RESET)
        self.platform.clock.call_after(SETTLE_NS, self._settled)

    def _settled(self) -> None:
        if self.state is PortState.RUNNING and self._settling:
            self._settling = False
            self._idle()

    def _fail_all(self, port_status: PortStatus) -> None:
        """Answer every request that has a block."""
        self._active = self._aborter.victim = None
        self._withdraw_offer()
        self._urgent.clear()
        guilty, self._guilty = self._guilty, None
        for block in self._blocks:
            if block.request is not None:
                self._complete(block, PortStatus.TIMED_OUT if block is guilty else port_status)

    # -- failure

    def _restart(self, why: str) -> None:
        """Start the adapter anew after an error of its own."""
        self.failures += 1
        self.platform.operator(f"%PKE-E-RESTART, _{self.name}: adapter is restarted, {why}")
        self._enter(PortState.INITIALISING)
        self._agreements.clear()
        self._write(_ISTAT, int(ISTAT.SRST), 1)
        self._fail_all(PortStatus.BUS_RESET)
        self.platform.process(f"{self.name} init", self._initialise())

    def _die(self) -> None:
        self._enter(PortState.DEAD)
        self.platform.operator(f"%PKE-E-DEAD, _{self.name}: adapter does not work, port is off line")
        self._fail_all(PortStatus.DEAD)
        waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.port_status = PortStatus.DEAD
            request.complete()
        assert self._client is not None, "a port has a class driver before it starts"
        self._client.port_lost()

    def _enter(self, state: PortState) -> None:
        if state is self.state:
            return
        tracer = self.platform.tracer
        if tracer.listening:
            now_ns, source = self.platform.clock.now_ns, f"{self.platform.name}/{self.name}"
            tracer.emit(StateChanged(now_ns, source, self.state.value, state.value))
        self.state = state


def _sxfer(period: int, offset: int) -> int | None:
    """Return SXFER for an agreement, 0 for asynchronous; None when it is slower than the chip's slowest."""
    if not offset:
        return 0
    xferp = max(XFERP_FIRST, -(-period * PERIOD_UNIT_NS // CLOCK_NS))
    return None if xferp > XFERP_LAST else xferp - XFERP_FIRST << 5 | offset
