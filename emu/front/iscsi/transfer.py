"""How a SCSI task moves its data and its status over iSCSI.  RFC 7143 sections 4.2.4 (transfers), 11.4 (residuals).

`DataTransfer` is mixed into the device's class of tasks.  Data-In are views of the memory the medium was read into,
data-out views of the bytes as they were received: nothing is copied here.  Lengths and offsets are bytes.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from emu.front.iscsi import nop
from emu.front.iscsi.sense import DATA_PHASE_ERROR, UNEXPECTED_UNSOLICITED_DATA
from emu.wire.codes.iscsi import (
    FINAL,
    LENGTH_MASK,
    NUMBER_MASK,
    RESERVED_TAG,
    Opcode,
    ResponseFlag,
)
from emu.wire.codes.scsi import Status
from emu.wire.generated.iscsi import DataIn, DataOut, ReadyToTransfer, ScsiResponse, SenseLength

if TYPE_CHECKING:
    from emu.front.iscsi.connection import Connection

Views = Sequence[memoryview]

WASTE_BYTES = 64 << 10

_DATA_IN = int(Opcode.DATA_IN)
_SCSI_RESPONSE = int(Opcode.SCSI_RESPONSE)
_R2T = int(Opcode.R2T)
_OVERFLOW = int(ResponseFlag.OVERFLOW)
_UNDERFLOW = int(ResponseFlag.UNDERFLOW)
_STATUS = int(ResponseFlag.FINAL | ResponseFlag.STATUS)
_CHECK_CONDITION = int(Status.CHECK_CONDITION)
_NO_LUN = bytes(8)


class DataTransfer:
    """The transport's part of a task.

    tag: the initiator task tag.
    """

    tag: int
    expected_in: int | None
    expected_out: int | None

    connection: "Connection"
    expected: int  # what the initiator expects to move, whichever way, and what a connection may have to keep
    lun_field: bytes  # as it came
    numbered: bool  # its CmdSN counts
    data_out: "DataOutSequence | None"
    submitted: bool = False  # the device has it
    implied: int = 0  # how much data the CDB implies
    sending: int = 0  # Data-In
    room_views: Views = ()

    def begin(
        self,
        connection: "Connection",
        lun_field: bytes,
        expected: int,
        numbered: bool,
        data_out: "DataOutSequence | None",
    ) -> None:
        """Say where the task comes from."""
        self.connection = connection
        self.lun_field = lun_field
        self.numbered = numbered
        self.data_out = data_out
        self.expected = expected

    # ---- what a task asks of its transport

    def fetch(self, length: int, done: Callable[[Views], None]) -> None:
        data_out = self.data_out
        self.implied = length
        if data_out is None:
            done(())
            return
        data_out.fetch(min(length, self.expected_out or 0), done)

    def room(self, length: int) -> Views:
        if not length:
            return ()
        kept = self.expected_in or 0
        if length <= kept:
            self.room_views = (memoryview(bytearray(length)),)
            return self.room_views
        # What the initiator does not want has to go somewhere, but not into memory for all of it.
        self.room_views = (memoryview(bytearray(kept)),) if kept else ()
        excess = length - kept
        waste = memoryview(bytearray(min(excess, WASTE_BYTES)))
        whole, rest = divmod(excess, len(waste))
        return (*self.room_views, *(waste,) * whole, *((waste[:rest],) if rest else ()))

    def send(self, length: int) -> None:
        self.implied = length
        self.sending = min(length, self.expected_in or 0)

    def complete(self, status: int, sense: bytes) -> None:
        connection = self.connection
        session = connection.session
        if session.tasks.get(self.tag) is not self:  # it has failed here
            return
        session.forget(self)
        sending = self.sending
        if status or not sending:
            self._respond(status, sense)
            return
        flags, residual = (0, 0) if self.implied == self.expected else self._residual()
        stat_sn = connection.stat_sn
        connection.stat_sn = stat_sn + 1 & NUMBER_MASK
        if sending > connection.data_in_bytes:
            data_sn, offset = self._send_all_but_last()
        else:
            data_sn = offset = 0
        header = DataIn.pack_fields(
            _DATA_IN,
            _STATUS | flags,
            status,
            sending - offset,
            _NO_LUN,
            self.tag,
            RESERVED_TAG,
            stat_sn,
            session.exp_cmd_sn,
            session.max_cmd_sn,
            data_sn,
            offset,
            residual,
        )
        connection.put(header, cut(self.room_views, offset, sending), sending - offset)

    def aborted(self) -> None:
        session = self.connection.session
        if session.tasks.get(self.tag) is self:
            was_shut = session.is_shut
            session.forget(self)
            if was_shut and not session.is_shut:
                nop.put_window(self.connection)

    # ---- how it is done

    def fail(self, sense: bytes) -> None:
        """Answer CHECK CONDITION for what the transport has found, and have the device drop the task."""
        session = self.connection.session
        if session.tasks.get(self.tag) is self:
            session.forget(self)
            self.implied = self.sending = 0
            self._respond(_CHECK_CONDITION, sense)
            session.revoke(self)

    def _residual(self) -> tuple[int, int]:
        difference = self.implied - self.expected
        if difference > 0:
            return _OVERFLOW, difference
        if difference < 0:
            return _UNDERFLOW, -difference
        return 0, 0

    def _respond(self, status: int, sense: bytes) -> None:
        connection = self.connection
        session = connection.session
        flags, residual = self._residual()
        sent = 0
        if self.sending:
            sent, offset = self._send_all_but_last()
            connection.put(
                self._data_in(sent, offset, self.sending - offset, FINAL),
                cut(self.room_views, offset, self.sending),
                self.sending - offset,
            )
            sent += 1
        if self.data_out is not None:
            sent += self.data_out.r2t_sn
        data = b""
        if sense:
            data = SenseLength.pack_fields(len(sense)) + sense
        stat_sn = connection.stat_sn
        connection.stat_sn = stat_sn + 1 & NUMBER_MASK
        header = ScsiResponse.pack_fields(
            _SCSI_RESPONSE,
            FINAL | flags,
            0,
            status,
            len(data),
            self.tag,
            0,
            stat_sn,
            session.exp_cmd_sn,
            session.max_cmd_sn,
            sent,
            0,
            residual,
        )
        connection.put(header, (memoryview(data),) if data else (), len(data))

    def _send_all_but_last(self) -> tuple[int, int]:
        """Send Data-In as long as another must follow; returns the DataSN and the offset of that."""
        connection = self.connection
        limit, burst = connection.data_in_bytes, connection.parameters.max_burst_bytes
        data_sn = offset = 0
        in_burst = burst
        while True:
            length = min(limit, in_burst)
            if offset + length >= self.sending:
                return data_sn, offset
            in_burst -= length
            flags = 0 if in_burst else FINAL
            connection.put(
                self._data_in(data_sn, offset, length, flags),
                cut(self.room_views, offset, offset + length),
                length,
            )
            data_sn += 1
            offset += length
            in_burst = in_burst or burst

    def _data_in(self, data_sn: int, offset: int, length: int, flags: int) -> bytes:
        session = self.connection.session
        return DataIn.pack_fields(
            opcode=_DATA_IN,
            flags=flags,
            lengths=length,
            itt=self.tag,
            ttt=RESERVED_TAG,
            exp_cmd_sn=session.exp_cmd_sn,
            max_cmd_sn=session.max_cmd_sn,
            data_sn=data_sn,
            offset=offset,
        )


class TransferError(Exception):
    """Data-Out that does not fit its task; `sense` says how."""

    def __init__(self, sense: bytes) -> None:
        super().__init__(sense.hex(" "))
        self.sense = sense


class DataOutSequence:
    """The data-out of one task: immediate, unsolicited, solicited, in the order of the offsets.

    unsolicited: Data-Out without R2T are still to come.  r2t_sn: how many R2Ts were sent.
    """

    __slots__ = (
        "_asked",
        "_bursts",
        "_connection",
        "_data_sn",
        "_done",
        "_expected",
        "_lun",
        "_pieces",
        "_tag",
        "_wanted",
        "r2t_sn",
        "received",
        "unsolicited",
    )

    def __init__(
        self, connection: "Connection", tag: int, lun: bytes, expected: int, pieces: Views, unsolicited: bool
    ) -> None:
        self._connection = connection
        self._tag = tag
        self._lun = lun
        self._expected = expected
        self._pieces = list(pieces)
        self.received = sum(map(len, pieces)) if pieces else 0
        self.unsolicited = unsolicited
        self.r2t_sn = 0
        self._data_sn = 0
        self._wanted = 0
        self._asked = 0  # up to which offset
        self._bursts: deque[tuple[int, int]] = deque()  # target transfer tag, offset of the end
        self._done: Callable[[Views], None] | None = None

    def fetch(self, wanted: int, done: Callable[[Views], None]) -> None:
        """Call `done` with the first so many bytes, when they are there."""
        self._wanted = wanted
        self._done = done
        self._go_on()

    def take(self, pdu: DataOut, pieces: Views) -> None:
        """Take a Data-Out; raises TransferError."""
        length = pdu.lengths & LENGTH_MASK
        if pdu.ttt == RESERVED_TAG:
            if not self.unsolicited:
                raise TransferError(UNEXPECTED_UNSOLICITED_DATA)
            end = min(self._connection.parameters.first_burst_bytes, self._expected)
        else:
            if not self._bursts or self._bursts[0][0] != pdu.ttt or self.unsolicited:
                raise TransferError(DATA_PHASE_ERROR)
            end = self._bursts[0][1]
        if pdu.data_sn != self._data_sn or pdu.offset != self.received:
            raise TransferError(DATA_PHASE_ERROR)
        if self.received + length > end:
            raise TransferError(UNEXPECTED_UNSOLICITED_DATA if self.unsolicited else DATA_PHASE_ERROR)
        self._pieces += pieces
        self.received += length
        self._data_sn += 1
        if not pdu.flags & FINAL:
            return
        self._data_sn = 0
        if self.unsolicited:
            # DEVIATION: unsolicited data that ends early is no error, 0C/0D; the rest is asked for.
            self.unsolicited = False
        elif self.received != end:
            raise TransferError(DATA_PHASE_ERROR)
        else:
            self._bursts.popleft()
        self._go_on()

    def _go_on(self) -> None:
        done = self._done
        if done is None or self.unsolicited:
            return
        if self.received >= self._wanted:
            self._done = None
            pieces = self._pieces
            done(pieces if self.received == self._wanted else cut(pieces, 0, self._wanted))
            return
        connection = self._connection
        session = connection.session
        parameters = connection.parameters
        self._asked = max(self._asked, self.received)
        while self._asked < self._wanted and len(self._bursts) < parameters.max_outstanding_r2t:
            length = min(parameters.max_burst_bytes, self._wanted - self._asked)
            ttt = connection.next_transfer_tag()
            header = ReadyToTransfer.pack_fields(
                _R2T,
                FINAL,
                0,
                self._lun,
                self._tag,
                ttt,
                connection.stat_sn,
                session.exp_cmd_sn,
                session.max_cmd_sn,
                self.r2t_sn,
                self._asked,
                length,
            )
            self.r2t_sn += 1
            self._asked += length
            self._bursts.append((ttt, self._asked))
            connection.put(header)


def cut(views: Views, start: int, end: int) -> Views:
    """The bytes of views from `start` to before `end`."""
    if len(views) == 1:
        view = views[0]
        return views if start == 0 and end == len(view) else (view[start:end],)
    parts = []
    position = 0
    for view in views:
        if position >= end:
            break
        length = len(view)
        if position + length > start:
            parts.append(view[max(0, start - position) : end - position])
        position += length
    return parts
