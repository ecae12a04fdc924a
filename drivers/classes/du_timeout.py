"""The timeout mechanism of DUDRIVER, while commands are outstanding.

Once a second it looks after the port, and once in the controller's timeout after the oldest command: GET COMMAND STATUS
has to show less left than the last time.  (spec "What host drivers do", timeouts.)
"""

from typing import TYPE_CHECKING, Any, cast

from drivers.classes.du_exchange import EXCHANGE, Exchange
from drivers.platform.irp import Irp
from drivers.platform.process import KernelProcess, Procedure
from emu.core.clock import SECOND_NS, Timer
from emu.wire.codes.mscp import OP
from emu.wire.generated.mscp import GetCommandStatusEnd, Header

if TYPE_CHECKING:
    from drivers.classes.dudriver import DuDriver

DEFAULT_TIMEOUT_S = 240  # when the controller names none
WATCH_NS = SECOND_NS  # Ultrix looks at SA once a second
_NEVER_ASKED = (0, 0xFFFF_FFFF)  # the command status before the first answer, as Ultrix has it


class Timeout:
    """Of one driver.  timer: of the next look, None while there is none to come."""

    def __init__(self, driver: "DuDriver[Any]") -> None:
        self._driver = driver
        self.timer: Timer | None = None
        self._progress_due_ns = 0
        self._progress_check: KernelProcess | None = None
        self._progress = _NEVER_ASKED  # of a command: its reference number, and its status when last asked

    def start(self) -> None:
        """Begin to look, because there is something outstanding."""
        driver = self._driver
        clock = driver.platform.clock
        self.timer = clock.call_after(WATCH_NS, self._look)
        self._progress_due_ns = clock.now_ns + driver.controller_timeout_s * SECOND_NS

    def stop(self) -> None:
        """Look no more, and forget what was seen."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self._progress_check = None
        self._progress = _NEVER_ASKED

    def _look(self) -> None:
        driver = self._driver
        driver.port.watch()
        if not driver.outstanding:
            self.stop()
            return
        clock = driver.platform.clock
        if clock.now_ns >= self._progress_due_ns:
            self._progress_due_ns += driver.controller_timeout_s * SECOND_NS
            if not driver.running.is_set or (self._progress_check and self._progress_check.running):
                driver.port.restart()  # not even an immediate command was answered
                return
            reference, irp = next(iter(driver.outstanding.items()))
            self._progress_check = driver.platform.process("watch", self._check_progress(reference, irp))
        self.timer = clock.call_after(WATCH_NS, self._look)

    def _check_progress(self, reference: int, irp: Irp) -> Procedure:
        """Restart a controller whose oldest command makes no progress (the rule Ultrix uses)."""
        driver = self._driver
        if irp.function == EXCHANGE:
            number = Header.unpack(cast(Exchange, irp).encode(reference)).unit
        else:
            number = irp.unit.number
        end = yield from driver.ask_about(OP.GCS, number, reference)
        if not end or reference not in driver.outstanding:
            return
        left = GetCommandStatusEnd.unpack(end).cmst
        before = self._progress[1] if self._progress[0] == reference else _NEVER_ASKED[1]
        self._progress = (reference, left)
        if left >= before:
            driver.port.restart()
