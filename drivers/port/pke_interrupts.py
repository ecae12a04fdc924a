"""What the chip interrupts for, and what is done about it.

(spec "SCSI", interrupts; the causes that SCRIPTS make are named in `pke.ss`.)  Messages are another chapter,
`pke_messages`; what a bus reset or an abort leads to is in `pke_recovery`.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from drivers.port.mscp_port import PortState
from drivers.port.pke_blocks import BLOCKS, BUCKET_BYTES, SENSE, SENSE_BYTES, CommandBlock, identify
from drivers.port.pke_recovery import RECOVERY_TIMEOUT_NS
from drivers.port.scsi_request import PortStatus, ScsiRequest
from emu.core.clock import SECOND_NS
from emu.wire.codes.scsi import Opcode, Status
from emu.wire.codes.scsi_bus import INBOUND, MESSAGE, PHASE
from emu.wire.codes.sym53c810 import (
    COUNT_MASK,
    CTEST3,
    DSTAT,
    ISTAT,
    PHASE_MASK,
    REG,
    SIST0,
    SIST1,
    SSTAT0,
    STEST3,
)
from emu.wire.generated.scsi_cdb import RequestSenseCdb

if TYPE_CHECKING:
    from drivers.port.pkedriver import PkeDriver

SENSE_TIMEOUT_NS = 10 * SECOND_NS
PARITY_LIMIT = 3

_ISTAT, _DSTAT, _SIST = int(REG.ISTAT), int(REG.DSTAT), int(REG.SIST0)
_DSPS, _DSA, _DBC, _DCMD = int(REG.DSPS), int(REG.DSA), int(REG.DBC), int(REG.DCMD)
_SCRATCHA, _SSID = int(REG.SCRATCHA), int(REG.SSID)
_SIGP, _INTF, _SIP, _DIP = int(ISTAT.SIGP), int(ISTAT.INTF), int(ISTAT.SIP), int(ISTAT.DIP)
_SEM = int(ISTAT.SEM)
_SIR, _IID = int(DSTAT.SIR), int(DSTAT.IID)
_MA, _UDC, _RST, _PAR = int(SIST0.MA), int(SIST0.UDC), int(SIST0.RST), int(SIST0.PAR)
_STO = int(SIST1.STO) << 8  # SIST0 and SIST1 are read as one word
_CHECK_CONDITION = int(Status.CHECK_CONDITION)
_DETECTED_ERROR = bytes((MESSAGE.INITIATOR_DETECTED_ERROR,))
_PARITY_ERROR = bytes((MESSAGE.MESSAGE_PARITY_ERROR,))


class Interrupts:
    """The interrupt service routine of one adapter."""

    def __init__(self, driver: "PkeDriver") -> None:
        self._driver = driver
        self._platform = driver.platform
        self._adapter = driver.adapter
        self._area = driver.area
        self._read = driver.adapter.read
        self._write = driver.adapter.write
        messages = driver.messages
        self._vectors: dict[int, Callable[[], None]] = {
            driver.area.constants[name]: action
            for name, action in (
                ("INT_DONE", self._done),
                ("INT_DISCONNECTED", self._disconnected),
                ("INT_RESELECTED", self._reselected),
                ("INT_RESELECTED_TAG", self._reselected_with_tag),
                ("INT_NO_TAG", self._unknown_reselection),
                ("INT_NO_IDENTIFY", self._unknown_reselection),
                ("INT_RESTORE_POINTERS", messages.restore_pointers),
                ("INT_MESSAGE_REJECT", messages.rejected),
                ("INT_UNKNOWN_MESSAGE", messages.unknown),
                ("INT_SDTR", messages.synchronous_request),
                ("INT_WDTR", messages.wide_request),
                ("INT_OVERRUN", self._overrun),
                ("INT_BAD_PHASE", self._bad_phase),
            )
        }

    def serve(self) -> None:
        """Serve the chip until it has nothing more to say."""
        self._driver.interrupts += 1
        self._platform.barrier()
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
        offered = self._driver.offered
        if offered is not None and self._area.is_taken():
            self._driver.active, self._driver.offered = offered, None

    def _scsi_interrupt(self, sist: int) -> None:
        self._adapter.running = False
        self._notice_selection()
        if sist & _RST:
            self._driver.recovery.bus_was_reset()
        elif self._driver.state is not PortState.RUNNING:
            return
        elif sist & _STO:
            self._selection_timed_out()
        elif sist & _UDC:
            self._bus_went_free()
        elif self._driver.active is None:
            self._driver.reset_bus("nobody's transfer failed")
        elif sist & _PAR:
            self._parity_error(self._driver.active)
        elif sist & _MA:
            self._phase_mismatch(self._driver.active)
        else:
            self._driver.reset_bus(f"SCSI gross error, SIST {sist:04X}")

    def _dma_interrupt(self, dstat: int) -> None:
        self._adapter.running = False
        if self._driver.state is not PortState.RUNNING:
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
        self._driver.restart(f"DSTAT {dstat:02X}")

    def _is_empty_move(self) -> bool:
        """Say whether what was illegal is a move of no bytes: the target wants data, and there are none."""
        return self._driver.active is not None and not self._read(_DBC, 4) & (0xC000_0000 | COUNT_MASK)

    # ---- a command comes to its end, or leaves the bus for a while

    def _take_active(self) -> CommandBlock | None:
        block, self._driver.active = self._driver.active, None
        if block is None:
            self._driver.reset_bus("nobody's command ended")
        return block

    def _done(self) -> None:
        block = self._take_active()
        if block is None:
            return
        if block is self._area.aborter:  # it took the message for something else
            self._driver.recovery.failed()
            return
        self._driver.attempts = 0
        if block.negotiates:  # and has not answered
            self._driver.messages.agree(block, 0)
        request = block.request
        assert request is not None, "a command that ends is somebody's"
        status = self._area.status(block)
        if block.senses:
            if status == 0:
                self._take_sense(block, request)
            self._driver.complete(block, PortStatus.ENDED)
        else:
            request.status = status
            if not request.overrun and not self._read(_SCRATCHA, 1):
                request.residual = self._area.left(block)[0]
            if status == _CHECK_CONDITION:
                self._fetch_sense(block, request)
            else:
                self._driver.complete(block, PortStatus.ENDED)
        self._driver.idle()

    def _fetch_sense(self, block: CommandBlock, request: ScsiRequest) -> None:
        """Ask for the sense before any other command goes to this unit: that would make it forget."""
        nexus = (request.target, request.lun)
        self._driver.frozen[nexus] = block
        block.senses = True
        offered = self._driver.offered
        if offered is not None and offered.is_of(*nexus):
            self._driver.take_back_offer()
        cdb = RequestSenseCdb.pack_fields(opcode=int(Opcode.REQUEST_SENSE), allocation=SENSE_BYTES)
        self._driver.write_command(
            block, request.target, identify(request.lun), cdb, block.bus_address + SENSE, SENSE_BYTES
        )
        block.deadline_ns = self._platform.clock.now_ns + SENSE_TIMEOUT_NS
        self._driver.urgent.append(block)

    def _take_sense(self, block: CommandBlock, request: ScsiRequest) -> None:
        left = 0 if self._read(_SCRATCHA, 1) else self._area.left(block)[0]
        request.sense = self._area.sense(block, SENSE_BYTES - left)

    def _disconnected(self) -> None:
        block = self._take_active()
        if block is None:
            return
        if block is self._area.aborter:
            self._driver.recovery.failed()
            return
        scratch = self._read(_SCRATCHA, 2)
        block.moved = bool(scratch & 0xFF)
        if scratch >> 8:
            block.saved = self._area.left(block)
        block.is_disconnected = True
        if block.negotiates:
            self._driver.messages.agree(block, 0)
        self._driver.idle()

    # ---- a target comes back

    def _reselected(self) -> None:
        target, lun = self._who_came()
        self._reconnect(
            next(
                (
                    block
                    for block in self._area.blocks
                    if block.is_disconnected and block.is_of(target, lun) and not block.has_tag
                ),
                None,
            )
        )

    def _reselected_with_tag(self) -> None:
        target, lun = self._who_came()
        tag = self._area.tag_that_came()
        block = self._area.blocks[tag] if tag < BLOCKS else None
        if block is not None and not (block.is_disconnected and block.is_of(target, lun)):
            block = None
        self._reconnect(block)

    def _who_came(self) -> tuple[int, int]:
        return self._read(_SSID, 1) & 7, self._area.lun_that_came()

    def _reconnect(self, block: CommandBlock | None) -> None:
        """Go on with a command whose target has come back."""
        if block is None:
            self._unknown_reselection()
            return
        request = block.request
        assert request is not None, "a block that is disconnected has a request"
        self._driver.active = block
        block.is_disconnected = False
        self._area.point(block, *block.saved)
        write = self._write
        write(_DSA, block.bus_address, 4)
        write(_SCRATCHA, int(block.moved), 2)
        self._adapter.set_transfer(self._driver.agreements.get(request.target, 0))
        self._driver.start_scripts("ACKGO")

    def _unknown_reselection(self) -> None:
        """Send a target away that comes back with what nobody waits for."""
        block = self._area.aborter
        if block.victim is not None:  # it is about to carry another message
            self._driver.reset_bus("a target came back with an unknown command")
            return
        target, _ = self._who_came()
        with_tag = self._read(_DSPS, 4) == self._area.constants["INT_RESELECTED_TAG"]
        message = MESSAGE.ABORT_TAG if with_tag else MESSAGE.ABORT
        self._driver.write_command(block, target, bytes((message,)))
        self._area.write_out(block)
        self._driver.active = block
        block.deadline_ns = self._platform.clock.now_ns + RECOVERY_TIMEOUT_NS
        self._write(_DSA, block.bus_address, 4)
        self._driver.start_scripts("ATNGO")

    # ---- data

    def _overrun(self) -> None:
        """Let a target move what it wants beyond the end: into the bucket, or zeros."""
        block = self._driver.require_active()
        if block is None:
            return
        if block.request is not None and not block.senses:
            block.request.overrun = True
        phase = self._read(int(REG.SSTAT1), 1) & PHASE_MASK
        self._area.point(block, BUCKET_BYTES, self._area.bucket if phase & INBOUND else self._area.zeros)
        self._write(_SCRATCHA, 0, 1)
        self._driver.start_scripts("DISP")

    def _phase_mismatch(self, block: CommandBlock) -> None:
        """Find out how much of an interrupted move was done, and go on with the phase the target wants."""
        phase = self._read(_DCMD, 1) & PHASE_MASK
        left = self._read(_DBC, 4) & COUNT_MASK
        dstat = self._read(_DSTAT, 1)
        if not phase & INBOUND:
            left += self._unsent(dstat, left)
        self._write(int(REG.CTEST3), int(CTEST3.CLF), 1)
        self._write(int(REG.STEST3), int(STEST3.TE | STEST3.CSF), 1)
        if phase in (PHASE.DATA_IN, PHASE.DATA_OUT):
            count, address = self._area.left(block)
            self._area.point(block, left, address + count - left)
        elif phase in (PHASE.MESSAGE_OUT, PHASE.COMMAND):
            self._area.shorten("MESSAGE_OUT" if phase == PHASE.MESSAGE_OUT else "COMMAND", block, left)
        self._driver.start_scripts("DISP")

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

    def _parity_error(self, block: CommandBlock) -> None:
        """Tell the target, which sees ATN already, that something arrived damaged."""
        block.parity_errors += 1
        if block.parity_errors > PARITY_LIMIT:
            self._driver.reset_bus("parity errors")
            return
        phase = self._read(_DCMD, 1) & PHASE_MASK
        message = _PARITY_ERROR if phase == PHASE.MESSAGE_IN else _DETECTED_ERROR
        self._area.set_message(block, message)
        # ACK of a message is held even if there was something wrong with it.
        self._driver.start_scripts("ACKGO" if phase == PHASE.MESSAGE_IN else "DISP")

    def _bad_phase(self) -> None:
        self._driver.reset_bus("reserved phase")

    # ---- the bus becomes free by surprise

    def _selection_timed_out(self) -> None:
        self._driver.selection_timeouts += 1
        block = self._take_active()
        if block is None:
            return
        if block is self._area.aborter:
            self._driver.recovery.failed()
            return
        self._driver.complete(block, PortStatus.SELECTION_TIMEOUT)
        self._driver.idle()

    def _bus_went_free(self) -> None:
        block, self._driver.active = self._driver.active, None
        if block is self._area.aborter:
            self._driver.recovery.succeeded()
        elif block is not None:
            self._driver.complete(block, PortStatus.DISCONNECTED)
        self._driver.idle()
