"""Messages of a target that the SCRIPTS leave to the driver: negotiations, rejections, restored pointers.

(SCSI-2, "message system description"; spec "SCSI", messages.)
"""

from typing import TYPE_CHECKING

from drivers.port.pke_adapter import transfer_setting
from drivers.port.pke_blocks import WDTR_BYTES, CommandBlock
from emu.wire.codes.scsi_bus import EXTENDED, FAST_PERIOD, MESSAGE
from emu.wire.codes.sym53c810 import REG

if TYPE_CHECKING:
    from drivers.port.pkedriver import PkeDriver

MAXIMUM_OFFSET = 8
_SCRATCHA = int(REG.SCRATCHA)
_REJECT = bytes((MESSAGE.MESSAGE_REJECT,))
_NARROW = bytes((MESSAGE.EXTENDED, WDTR_BYTES, EXTENDED.WDTR, 0))
SDTR = bytes((MESSAGE.EXTENDED, 3, EXTENDED.SDTR, FAST_PERIOD, MAXIMUM_OFFSET))
"""What we propose: as fast as the chip can."""


class Messages:
    """The messages of the targets on one adapter's bus."""

    def __init__(self, driver: "PkeDriver") -> None:
        self._driver = driver
        self._adapter = driver.adapter
        self._area = driver.area

    def restore_pointers(self) -> None:
        block = self._driver.require_active()
        if block is not None:
            self._area.point(block, *block.saved)
            self._adapter.write(_SCRATCHA, 0, 1)
            self._driver.start_scripts("ACKGO")

    def _answer(self, block: CommandBlock, message: bytes) -> None:
        """Ask for MESSAGE OUT, and have this sent there."""
        self._area.set_message(block, message)
        self._driver.start_scripts("ATNGO")

    def rejected(self) -> None:
        block = self._driver.require_active()
        if block is not None:
            if block.negotiates:
                self.agree(block, 0)
                self._adapter.set_transfer(0)
            self._driver.start_scripts("ACKGO")

    def unknown(self) -> None:
        block = self._driver.require_active()
        if block is not None:
            self._answer(block, _REJECT)

    def synchronous_request(self) -> None:
        block = self._driver.require_active()
        if block is None:
            return
        code, period, offset = self._area.synchronous_request(block)
        if code != EXTENDED.SDTR:
            self._answer(block, _REJECT)
            return
        was_ours = block.negotiates
        offset = min(offset, MAXIMUM_OFFSET)
        period = max(period, FAST_PERIOD)
        sxfer = transfer_setting(period, offset)
        if sxfer is None:
            self.agree(block, 0)
            self._answer(block, _REJECT)
            return
        self.agree(block, sxfer)
        self._adapter.set_transfer(sxfer)
        if was_ours:
            self._driver.start_scripts("ACKGO")
        else:
            self._answer(block, bytes((MESSAGE.EXTENDED, 3, EXTENDED.SDTR, period, offset)))

    def agree(self, block: CommandBlock, sxfer: int) -> None:
        block.negotiates = False
        if block.request is not None:
            self._driver.agreements[block.request.target] = sxfer

    def wide_request(self) -> None:
        block = self._driver.require_active()
        if block is None:
            return
        code = self._area.wide_request(block)[0]
        self._answer(block, _NARROW if code == EXTENDED.WDTR else _REJECT)
