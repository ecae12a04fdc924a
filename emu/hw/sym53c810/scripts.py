"""The SCRIPTS processor: fetches instructions from host memory and does them.

(spec "SCSI", SCRIPTS instruction encoding.)  An instruction that has to wait (for REQ, for the bus, for a target)
leaves what is to be done once more in `_pending`; `wake` comes when something has changed.  Everything else takes no
time, up to SLICE instructions at one instant: then the processor goes on later, so that no loop stops the world.
"""

# DEVIATION: CHMOV is an illegal instruction: no chip here is wide.
# UNCERTAIN: a memory move of 0 bytes is illegal, as a block move is; so are bits 28-25 set in a memory move.
# UNCERTAIN: on the first 53C810 bit 23 of register instructions (SFBR as second operand) has no effect.

from collections.abc import Callable, Sequence

from emu.core.bus import BusError, ParityError
from emu.core.clock import Clock
from emu.hw.sym53c810.configuration import Configuration
from emu.hw.sym53c810.dma import Dma
from emu.hw.sym53c810.interrupts import Interrupts
from emu.hw.sym53c810.profile import Profile
from emu.hw.sym53c810.registers import ADDER, DBC, DNAD, DSA, DSP, DSPS, TEMP, OperatingRegisters
from emu.hw.sym53c810.scsi_core import ScsiCore, State
from emu.wire.codes.scsi_bus import INBOUND, PHASE
from emu.wire.codes.sym53c810 import (
    COMMAND,
    COMPARE_DATA,
    COMPARE_MASK_SHIFT,
    COMPARE_PHASE,
    COUNT_MASK,
    CTEST4,
    DATA_SHIFT,
    DCNTL,
    DESTINATION_SHIFT,
    DMODE,
    DSA_RELATIVE,
    DSTAT,
    IF_TRUE,
    INDIRECT,
    INITIATOR_MOVE,
    IO,
    ISTAT,
    LOAD,
    LOAD_COUNT_MASK,
    MOVE,
    ON_THE_FLY,
    OPERATION_MASK,
    OPERATION_SHIFT,
    OPERATOR,
    PHASE_MASK,
    PHASE_SHIFT,
    REG,
    REGISTER_MASK,
    REGISTER_SHIFT,
    RELATIVE,
    RELATIVE_ALTERNATE,
    SCNTL0,
    SELECT_FROM_TABLE,
    SELECT_WITH_ATN,
    SET_ACK,
    SET_ATN,
    SET_CARRY,
    SET_TARGET,
    SIST0,
    STATUS,
    TABLE_INDIRECT,
    TEST_CARRY,
    TRANSFER,
    USE_SFBR,
    WAIT_PHASE,
)
from emu.wire.generated.sym53c810 import SelectEntry

SLICE = 1024  # instructions at one instant
SLICE_NS = SLICE * 500

Retry = Callable[[], "Retry | None"]  # the rest of an instruction; None when it is done
Handler = Callable[[int, int], Retry | None]

_SFBR, _SODL, _SXFER = int(REG.SFBR), int(REG.SODL), int(REG.SXFER)
_SCNTL0, _SCNTL3, _SDID = int(REG.SCNTL0), int(REG.SCNTL3), int(REG.SDID)
_DCNTL, _DMODE, _CTEST4 = int(REG.DCNTL), int(REG.DMODE), int(REG.CTEST4)
_SSM = int(DCNTL.SSM)
_ISTAT, _SIGP = int(REG.ISTAT), int(ISTAT.SIGP)
_EPC, _AAP, _TRG = int(SCNTL0.EPC), int(SCNTL0.AAP), int(SCNTL0.TRG)
_MASTER = int(COMMAND.MASTER)
_MESSAGE_OUT, _MESSAGE_IN, _DATA_IN = int(PHASE.MESSAGE_OUT), int(PHASE.MESSAGE_IN), int(PHASE.DATA_IN)
_MA, _PAR = int(SIST0.MA), int(SIST0.PAR)
_IID, _SSI, _SIR = int(DSTAT.IID), int(DSTAT.SSI), int(DSTAT.SIR)
_CALL, _RETURN, _INT = int(TRANSFER.CALL), int(TRANSFER.RETURN), int(TRANSFER.INT)
_TO_SFBR, _FROM_SFBR = int(MOVE.REGISTER_TO_SFBR), int(MOVE.SFBR_TO_REGISTER)
_IMMEDIATE, _SHIFT_LEFT, _OR, _XOR = (
    int(OPERATOR.IMMEDIATE),
    int(OPERATOR.SHIFT_LEFT),
    int(OPERATOR.OR),
    int(OPERATOR.XOR),
)
_AND, _SHIFT_RIGHT, _ADD_WITH_CARRY = (
    int(OPERATOR.AND),
    int(OPERATOR.SHIFT_RIGHT),
    int(OPERATOR.ADD_WITH_CARRY),
)
_CLEARED_BY_READING = (int(REG.DSTAT), int(REG.SIST0), int(REG.SIST1))
_LONGWORD = 0xFFFF_FFFF
_OFFSET_MASK = 0x0F  # SXFER: 0 is asynchronous


class ScriptsProcessor:
    """The processor of one chip."""

    def __init__(
        self,
        clock: Clock,
        profile: Profile,
        registers: OperatingRegisters,
        configuration: Configuration,
        interrupts: Interrupts,
        dma: Dma,
    ) -> None:
        self.running = False
        self.carry = False
        self.core: ScsiCore  # the chip puts it there: core and processor know each other
        self._clock = clock
        self._profile = profile
        self._registers = registers
        self._bytes = registers.bytes
        self._longwords = registers.longwords
        self._configuration = configuration
        self._interrupts = interrupts
        self._dma = dma
        self._pending: Retry | None = None
        self._scheduled = False
        self._restarted = False  # the host started SCRIPTS from inside an instruction, by an interrupt
        self._first_byte = False
        self._instant_ns = -1
        self._budget = SLICE
        self._handlers = [self._handler(opcode) for opcode in range(256)]

    # ---- being started, woken and stopped

    def start(self) -> None:
        """Run from DSP."""
        self._pending = None
        self.running = self._restarted = True
        self._schedule()

    def wake(self) -> None:
        """Look again at what the instruction waits for."""
        if self._pending is not None:
            self._schedule()

    def resume(self) -> None:
        """Go on after the bus was not ours for a while."""
        self._schedule()

    def halt(self) -> None:
        """Stop behind the current instruction; one that waits is given up."""
        self.running = False
        self._pending = None
        self.core.give_up_arbitration()

    def reset(self) -> None:
        self.halt()
        self.carry = False

    @property
    def waiting(self) -> bool:
        """An instruction is not done because something outside has to happen first."""
        return self._pending is not None

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock.call_soon(self._run)

    def _run(self) -> None:
        self._scheduled = False
        # Without bus mastership the chip's request is never granted: it stands still until it is.
        if not self.running or not self._configuration.command & _MASTER:
            return
        if self._instant_ns != self._clock.now_ns:
            self._instant_ns = self._clock.now_ns
            self._budget = SLICE
        longwords, registers, handlers = self._longwords, self._bytes, self._handlers
        fetch = self._dma.fetch
        try:
            self._restarted = False
            retry, self._pending = self._pending, None
            while self.running:
                if retry is not None:
                    self._pending = retry()
                elif self._budget <= 0:
                    self._scheduled = True
                    self._clock.call_after(SLICE_NS, self._run)
                    return
                else:
                    self._budget -= 1
                    address = longwords[DSP]
                    words = fetch(address)
                    longwords[DSP] = address + 8 & _LONGWORD
                    first = longwords[DBC] = words & _LONGWORD
                    second = longwords[DSPS] = words >> 32
                    self._pending = handlers[first >> 24](first, second)
                retry = None
                if self._restarted:
                    self._restarted = False
                    self._pending = None
                    continue
                if self._pending is not None:
                    return
                if registers[_DCNTL] & _SSM and self.running:
                    self._stop_for(_SSI)
        except BusError as error:
            self._fail(error)
        finally:
            if not self.running:
                self._pending = None

    def _stop_for(self, dstat: int) -> None:
        self.running = False
        self._interrupts.raise_dma(dstat)

    def _stop_for_scsi(self, sist0: int) -> None:
        self.running = False
        self._interrupts.raise_scsi(sist0)

    def _fail(self, error: BusError) -> None:
        """Turn a bus cycle that failed into its interrupt; DNAD shows where."""
        self._longwords[DNAD] = error.address & _LONGWORD
        if isinstance(error, ParityError):
            self._configuration.report(int(STATUS.PARITY | STATUS.MASTER_PARITY))
            parity_enabled = self._bytes[_CTEST4] & CTEST4.MPEE
            self._stop_for(int(DSTAT.MDPE if parity_enabled else DSTAT.BF))
        else:
            self._configuration.report(int(STATUS.MASTER_ABORT))
            self._stop_for(int(DSTAT.BF))

    # ---- decoding

    def _handler(self, opcode: int) -> Handler:
        """Say who does instructions with this opcode byte."""
        operation = opcode >> OPERATION_SHIFT - 24 & OPERATION_MASK
        match opcode >> 6:
            case 0:
                return self._block_move
            case 1 if operation in (MOVE.SFBR_TO_REGISTER, MOVE.REGISTER_TO_SFBR, MOVE.REGISTER_TO_REGISTER):
                return self._register_move
            case 1:
                return {
                    int(IO.SELECT): self._select,
                    int(IO.WAIT_DISCONNECT): self._wait_disconnect,
                    int(IO.WAIT_RESELECT): self._wait_reselect,
                    int(IO.SET): self._set,
                    int(IO.CLEAR): self._clear,
                }[operation]
            case 2 if operation <= TRANSFER.INT:
                return self._transfer
            case 3 if opcode in (0xC0, 0xC1):
                return self._memory_move
            case 3 if opcode & 0x20 and not opcode & 0x0C and self._profile.load_store:
                return self._load_store
        return self._illegal

    def _illegal(self, first: int = 0, second: int = 0) -> Retry | None:
        self._stop_for(_IID)
        return None

    # ---- block move

    def _block_move(self, first: int, second: int) -> Retry | None:
        if not first & INITIATOR_MOVE or self._bytes[_SCNTL0] & _TRG:
            return self._illegal()
        longwords = self._longwords
        count, address = first & COUNT_MASK, second
        if first & TABLE_INDIRECT:
            entry = self._dma.fetch(self._table_address(second))
            count, address = entry & COUNT_MASK, entry >> 32
            longwords[DBC] = first & ~COUNT_MASK | count
        elif first & INDIRECT:
            address = self._dma.fetch_longword(second)
        longwords[DNAD] = address
        if not count:
            return self._illegal()
        self._first_byte = True
        return self._move()

    def _move(self) -> Retry | None:
        """Move what DBC and DNAD say is left, as far as the target goes along."""
        core, longwords = self.core, self._longwords
        if not core.requesting:
            core.watch()
            return self._move
        first, address = longwords[DBC], longwords[DNAD]
        phase, left = first >> PHASE_SHIFT & PHASE_MASK, first & COUNT_MASK
        if core.latched_phase != phase:
            self._stop_for_scsi(_MA)
            return None
        views, error = self._dma.window(address, left)
        moved = self._take(views, left) if phase & INBOUND else self._give(views, left)
        longwords[DBC] = first - moved
        longwords[DNAD] = address + moved & _LONGWORD
        if phase & INBOUND and moved:
            self._note_input(phase, views)
            if not self.running:
                return None
        if moved == left:
            return None
        if error is not None and moved == sum(map(len, views)):
            raise error
        if core.requesting and core.latched_phase != phase:
            self._stop_for_scsi(_MA)
            return None
        core.watch()
        return self._move

    def _take(self, views: Sequence[memoryview], left: int) -> int:
        """Bring bytes in; the last one of a message keeps its ACK until SCRIPTS clear it."""
        bus = self.core.bus
        hold = bus.phase == _MESSAGE_IN
        control = self._bytes[_SCNTL0]
        checks_parity = control & _EPC
        attends = bool(checks_parity and control & _AAP)
        bus.hear_parity_error()
        moved = 0
        for view in views:
            length = len(view)
            is_last = moved + length == left
            came = bus.take(view, hold and is_last, attends)
            while bus.parity_error and not checks_parity:
                bus.hear_parity_error()
                came += bus.take(view[came:], hold and is_last)
            moved += came
            if came < length:
                break
        return moved

    def _give(self, views: Sequence[memoryview], left: int) -> int:
        """Bring bytes out; ATN is dropped before the last one of a message."""
        bus = self.core.bus
        is_message = bus.phase == _MESSAGE_OUT
        moved = 0
        for view in views:
            length = len(view)
            if is_message and moved + length == left:
                went = bus.give(view[:-1])
                if went == length - 1 and self.core.requesting and bus.phase == _MESSAGE_OUT:
                    self.core.clear_attention()
                    went += bus.give(view[-1:])
            else:
                went = bus.give(view)
            moved += went
            if went < length:
                break
        if moved:
            self._bytes[_SODL] = bus.data
        return moved

    def _note_input(self, phase: int, views: Sequence[memoryview]) -> None:
        """Latch the first byte, and see to parity."""
        if self._first_byte:
            self._first_byte = False
            if phase != _DATA_IN or not self._bytes[_SXFER] & _OFFSET_MASK:
                self._bytes[_SFBR] = views[0][0]
        if self.core.bus.hear_parity_error():
            if self._bytes[_SCNTL0] & _AAP:
                self.core.set_attention()
            self._stop_for_scsi(_PAR)

    # ---- I/O

    def _select(self, first: int, second: int) -> Retry | None:
        if self._bytes[_SCNTL0] & _TRG:
            return self._illegal()
        if first & SELECT_FROM_TABLE:
            entry = SelectEntry.unpack(self._dma.load(self._table_address(first), SelectEntry.SIZE))
            registers = self._registers
            registers.write(_SCNTL3, entry.scntl3)
            registers.write(_SDID, entry.destination)
            registers.write(_SXFER, entry.sxfer)
        else:
            self._registers.write(_SDID, first >> DESTINATION_SHIFT)
        return self._go_on_selecting()

    def _go_on_selecting(self) -> Retry | None:
        core = self.core
        if core.reselection:
            self._jump_to_alternate()
            return None
        if core.state is State.IDLE:
            with_atn = bool(self._longwords[DBC] & SELECT_WITH_ATN)
            core.select(self._bytes[_SDID], with_atn)
            return self._until_selecting
        return self._go_on_selecting  # connected already: a bus that is not free cannot be won

    def _until_selecting(self) -> Retry | None:
        """Wait for the bus to be won; whether the target answers is seen by a later instruction."""
        core = self.core
        if core.reselection:
            self._jump_to_alternate()
        elif core.state is State.ARBITRATING:
            return self._until_selecting
        return None

    def _wait_disconnect(self, first: int, second: int) -> Retry | None:
        if self._bytes[_SCNTL0] & _TRG:
            return self._illegal()
        return self._until_disconnected()

    def _until_disconnected(self) -> Retry | None:
        # A target that has come back before this was looked at has left the bus before.
        gone = self.core.state is State.IDLE or self.core.reselection
        return None if gone else self._until_disconnected

    def _wait_reselect(self, first: int, second: int) -> Retry | None:
        if self._bytes[_SCNTL0] & _TRG:
            return self._illegal()
        return self._until_reselected()

    def _until_reselected(self) -> Retry | None:
        # UNCERTAIN: a reselection comes before SIGP when both are there.
        if self.core.reselection:
            self.core.reselection = False
        elif self.signalled:
            self._jump_to_alternate()
        else:
            return self._until_reselected
        return None

    def _jump_to_alternate(self) -> None:
        longwords = self._longwords
        target = longwords[DSPS]
        if longwords[DBC] & RELATIVE_ALTERNATE:
            target = self._relative(target)
        longwords[DSP] = target
        self.core.reselection = False

    def _set(self, first: int, second: int) -> None:
        if first & SET_CARRY:
            self.carry = True
        if first & SET_TARGET:
            self._bytes[_SCNTL0] |= _TRG
        if first & SET_ACK:
            self.core.set_acknowledge()
        if first & SET_ATN:
            self.core.set_attention()

    def _clear(self, first: int, second: int) -> None:
        if first & SET_CARRY:
            self.carry = False
        if first & SET_TARGET:
            self._bytes[_SCNTL0] &= ~_TRG
        if first & SET_ATN:  # before ACK: the target looks at ATN when ACK goes away
            self.core.clear_attention()
        if first & SET_ACK:
            self.core.clear_acknowledge()

    # ---- registers

    def _register_move(self, first: int, second: int) -> None:
        operator = first >> 24 & 7
        operation = first >> OPERATION_SHIFT & OPERATION_MASK
        place = first >> REGISTER_SHIFT & REGISTER_MASK
        registers = self._registers
        is_known = registers.name(place) is not None
        data = first >> DATA_SHIFT & 0xFF
        if first & USE_SFBR and self._profile.sfbr_operand:
            data = self._bytes[_SFBR]
        if operator == _IMMEDIATE:
            result = data
        else:
            if operation == _FROM_SFBR:
                source = self._bytes[_SFBR]
            else:
                source = registers.read(place) if is_known else 0
            result = self._operate(operator, source, data)
        if operation == _TO_SFBR or place == _SFBR:
            self._bytes[_SFBR] = result
        elif is_known:
            registers.write(place, result)
        if place in _CLEARED_BY_READING:
            self._interrupts.settle()

    def _operate(self, operator: int, source: int, data: int) -> int:
        if operator == _OR:
            return source | data
        if operator == _AND:
            return source & data
        if operator == _XOR:
            return source ^ data
        carry = int(self.carry)
        if operator == _SHIFT_LEFT:
            self.carry = source > 0x7F
            return (source << 1 | carry) & 0xFF
        if operator == _SHIFT_RIGHT:
            self.carry = bool(source & 1)
            return source >> 1 | carry << 7
        total = source + data + (carry if operator == _ADD_WITH_CARRY else 0)
        self.carry = total > 0xFF
        return total & 0xFF

    # ---- transfer control

    def _transfer(self, first: int, second: int) -> Retry | None:
        core = self.core
        if first & WAIT_PHASE and not core.requesting:
            core.watch()
            return self._transfer_again
        if first & TEST_CARRY:
            holds = self.carry
        else:
            holds = True
            if first & COMPARE_DATA:
                relevant = ~(first >> COMPARE_MASK_SHIFT) & 0xFF
                holds = not (self._bytes[_SFBR] ^ first) & relevant
            if first & COMPARE_PHASE:
                holds = holds and core.latched_phase == first >> PHASE_SHIFT & PHASE_MASK
        if holds != bool(first & IF_TRUE):
            return None
        longwords = self._longwords
        operation = first >> OPERATION_SHIFT & OPERATION_MASK
        if operation == _RETURN:
            longwords[DSP] = longwords[TEMP]
            return None
        if operation == _INT:
            if first & ON_THE_FLY:
                self._interrupts.raise_on_the_fly()
            else:
                self._stop_for(_SIR)
            return None
        if operation == _CALL:
            longwords[TEMP] = longwords[DSP]
        longwords[DSP] = self._relative(second) if first & RELATIVE else second
        return None

    def _transfer_again(self) -> Retry | None:
        return self._transfer(self._longwords[DBC], self._longwords[DSPS])

    # ---- memory

    def _memory_move(self, first: int, second: int) -> Retry | None:
        longwords = self._longwords
        address = longwords[DSP]
        destination = longwords[TEMP] = self._dma.fetch_longword(address)
        longwords[DSP] = address + 4 & _LONGWORD
        count = first & COUNT_MASK
        if not count or (second ^ destination) & 3:
            return self._illegal()
        mode = self._bytes[_DMODE]
        self._dma.move(second, destination, count, bool(mode & DMODE.SIOM), bool(mode & DMODE.DIOM))
        longwords[DBC] = first & ~COUNT_MASK
        longwords[DNAD] = destination + count & _LONGWORD
        self._interrupts.settle()
        return None

    def _load_store(self, first: int, second: int) -> Retry | None:
        count = first & LOAD_COUNT_MASK
        place = first >> REGISTER_SHIFT & REGISTER_MASK
        address = self._table_address(second) if first & DSA_RELATIVE else second
        # The register and the memory lie alike in their longwords, and none is crossed.
        if not 1 <= count <= 4 or (place & 3) + count > 4 or (place ^ address) & 3:
            return self._illegal()
        if first & LOAD:
            self._dma.write_registers(place, self._dma.load(address, count))
        else:
            self._dma.store(address, self._dma.read_registers(place, count))
        self._interrupts.settle()
        return None

    # ---- addresses

    def _relative(self, displacement: int) -> int:
        """Add a signed 24-bit displacement to DSP."""
        return self._sum(self._longwords[DSP], displacement)

    def _table_address(self, offset: int) -> int:
        """Add a signed 24-bit offset to DSA."""
        return self._sum(self._longwords[DSA], offset)

    def _sum(self, base: int, offset: int) -> int:
        signed = (offset & 0x7F_FFFF) - (offset & 0x80_0000)
        total = self._longwords[ADDER] = base + signed & _LONGWORD
        return total

    @property
    def signalled(self) -> bool:
        """ISTAT.SIGP, which the host sets."""
        return bool(self._bytes[_ISTAT] & _SIGP)
