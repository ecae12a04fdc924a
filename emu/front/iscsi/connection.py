"""One connection of an initiator: PDUs into commands, and what comes of them into PDUs.  RFC 7143 sections 4.2, 7, 11.

States:

    LOGIN ──Login Response with status 0 and NSG 3──▶ FULL FEATURE ──Logout Response──▶ ENDED
      └──refused, anything but Login, too slow──────────────┼──▶ ENDED
                           nonsense, silence, end of the stream

Many commands are taken in one `receive`, and everything they lead to leaves with the next `outgoing`.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from emu.core.clock import SECOND_NS, Timer
from emu.front import Bytes
from emu.front.iscsi import discovery, logout, nop, task_management
from emu.front.iscsi.commands import Commands
from emu.front.iscsi.login import Login, LoginRefused
from emu.front.iscsi.parameters import Parameters
from emu.front.iscsi.pdu import PADS, Pdu, PduReader, StreamBroken, digest
from emu.front.iscsi.session import Session
from emu.wire.codes.iscsi import (
    FINAL,
    HEADER_BYTES,
    IMMEDIATE,
    NUMBER_MASK,
    OPCODE_MASK,
    RESERVED_TAG,
    AsyncEvent,
    LoginStatus,
    Opcode,
    RejectReason,
)
from emu.wire.generated.iscsi import (
    AsyncMessage,
    DataOut,
    LoginRequest,
    LoginResponse,
    LogoutRequest,
    NopOut,
    Reject,
    Request,
    ScsiCommand,
    TaskManagementRequest,
    TextRequest,
)

if TYPE_CHECKING:
    from emu.front.iscsi.node import Node

Views = Sequence[memoryview]

LOGIN_NS = 15 * SECOND_NS  # for a whole login
SILENCE_NS = 60 * SECOND_NS  # after which the peer is asked whether it is there
PATIENCE_NS = 300 * SECOND_NS  # until it is given up: initiators without threads answer late

_NUMBERLESS = (Request, LoginRequest)  # in full feature phase
_Request = ScsiCommand | NopOut | TextRequest | LogoutRequest | TaskManagementRequest
_REFUSED = MappingProxyType(
    {int(Opcode.SNACK): RejectReason.SNACK_REJECT, int(Opcode.LOGIN_REQUEST): RejectReason.PROTOCOL_ERROR}
)


class Phase(Enum):
    """Where a connection is; the drawing is in the module's docstring."""

    LOGIN = "login"
    FULL_FEATURE = "full feature"
    ENDED = "ended"


_LOGIN, _FULL_FEATURE, _ENDED = Phase  # to name a member takes as long as three calls


class Connection:
    """One connection, as a ByteMachine.

    address: where it came in, written host:port.  wake: called when there is something to send though nothing came
    in.  hang_up: called when the stream is to be closed whatever is left to be sent.
    """

    def __init__(self, node: "Node", address: str, peer: str) -> None:
        self.node = node
        self.address = address
        self.peer = peer
        self.phase = _LOGIN
        self.parameters = Parameters()
        self.cid = 0
        self.stat_sn = 0
        self.data_in_bytes = 0  # the longest Data-In
        self.collected_text = b""  # of a text request that goes on
        self.session_or_none: Session | None = None
        self.commands = Commands(self)
        self.wake: Callable[[], None] = _nobody
        self.hang_up: Callable[[], None] = _nobody
        self._login: Login | None = Login(node)
        self._reader = PduReader()
        self._out: list[Bytes] = []
        self._busy = False  # whoever called looks for output by himself
        self._transfer_tag = 0
        self._heard_ns = node.clock.now_ns
        self._pinged = False
        self._timer: Timer = node.clock.call_after(LOGIN_NS, self._login_is_over)

    @property
    def session(self) -> Session:
        """The session; there is one from the end of the login on."""
        assert self.session_or_none is not None, "a connection that has logged in has a session"
        return self.session_or_none

    @property
    def header(self) -> bytes:
        """The header of the PDU that came last."""
        return self._reader.header

    # ---- ByteMachine

    @property
    def ended(self) -> bool:
        return self.phase is _ENDED

    def receive(self, data: bytes) -> None:
        if self.phase is _ENDED:
            return
        self._heard_ns = self.node.clock.now_ns
        self._pinged = False
        self._busy = True
        try:
            for pdu, pieces, intact in self._reader.receive(data):
                if self.phase is _FULL_FEATURE:
                    self._take(pdu, pieces, intact)
                else:
                    self._take_login(pdu, pieces)
                if self.phase is _ENDED:
                    return
        except StreamBroken as error:
            self.node.told("BROKEN", f"{self.peer}: {error}")
            self._end(orderly=False)
        finally:
            self._busy = False

    def outgoing(self) -> Sequence[Bytes]:
        self.commands.make_room()
        out, self._out = self._out, []
        return out

    def lost(self) -> None:
        self._end(orderly=False)

    # ---- the end

    def drop(self) -> None:
        """Close the stream from our side; the session is gone already."""
        if self.phase is not _ENDED:
            self._end(orderly=True)
            self.hang_up()

    def conclude(self) -> None:
        """End when what is there has been sent; the session is gone already."""
        self._end(orderly=True)

    def dismiss(self) -> None:
        """Tell the initiator that the target drops the session, and end."""
        if self.phase is _FULL_FEATURE:
            self._put_async(AsyncEvent.DROP_SESSION)
        if self.phase is not _ENDED:
            self._end(orderly=False)
            self.wake_up()

    def _end(self, *, orderly: bool) -> None:
        if self.phase is _ENDED:
            return
        self.stop()
        self.node.leave(self, orderly=orderly)

    def stop(self) -> None:
        """Take nothing more; what is there is still sent."""
        self.phase = _ENDED
        self._timer.cancel()
        self.commands.drop_waiting()

    def _login_is_over(self) -> None:
        self.node.told("SLOW", f"{self.peer} does not log in")
        self._end(orderly=False)
        self.hang_up()

    def _look_for_silence(self) -> None:
        """Ask a peer that says nothing whether it is there; give up one that does not answer."""
        silent_ns = self.node.clock.now_ns - self._heard_ns
        if silent_ns >= PATIENCE_NS:
            self.node.told("SILENT", f"{self.session.initiator} does not answer any more")
            self._end(orderly=False)
            self.hang_up()
            return
        next_ns = SILENCE_NS
        if silent_ns >= SILENCE_NS:
            next_ns = PATIENCE_NS
            if not self._pinged:
                self._pinged = True
                nop.put_ping(self)
        self._timer = self.node.clock.call_after(next_ns - silent_ns, self._look_for_silence)

    # ---- PDUs out

    def put(self, header: bytes, views: Views = (), length: int = 0) -> None:
        """Send a PDU: its header, and a data segment of so many bytes."""
        out = self._out
        out.append(header)
        parameters = self.parameters
        if parameters.header_digest:
            out.append(digest(header))
        if length:
            out += views
            if length & 3:
                out.append(PADS[length & 3])
            if parameters.data_digest:
                out.append(digest(*views, PADS[length & 3]))
        if not self._busy:
            self.wake()

    def wake_up(self) -> None:
        """Have somebody ask for output, unless whoever called does that by himself."""
        if not self._busy:
            self.wake()

    def next_transfer_tag(self) -> int:
        """A target transfer tag that is not in use."""
        self._transfer_tag = (self._transfer_tag + 1) % RESERVED_TAG
        return self._transfer_tag

    def next_stat_sn(self) -> int:
        """The StatSN of a response."""
        stat_sn = self.stat_sn
        self.stat_sn = stat_sn + 1 & NUMBER_MASK
        return stat_sn

    def _put_async(self, event: AsyncEvent) -> None:
        session = self.session
        self.put(
            AsyncMessage.pack_fields(
                opcode=int(Opcode.ASYNC),
                flags=FINAL,
                itt=RESERVED_TAG,
                stat_sn=self.next_stat_sn(),
                exp_cmd_sn=session.exp_cmd_sn,
                max_cmd_sn=session.max_cmd_sn,
                event=int(event),
                parameter2=self.parameters.time2wait,
                parameter3=self.parameters.time2retain,
            )
        )

    def reject(self, reason: RejectReason, header: bytes) -> None:
        """Refuse a PDU, showing its header."""
        session = self.session
        self.put(
            Reject.pack_fields(
                opcode=int(Opcode.REJECT),
                flags=FINAL,
                reason=int(reason),
                lengths=HEADER_BYTES,
                itt=RESERVED_TAG,
                stat_sn=self.next_stat_sn(),
                exp_cmd_sn=session.exp_cmd_sn,
                max_cmd_sn=session.max_cmd_sn,
            ),
            (memoryview(header),),
            HEADER_BYTES,
        )

    # ---- login

    def _take_login(self, pdu: Pdu, pieces: Views) -> None:
        login = self._login
        assert login is not None, "a connection logs in first"
        if not isinstance(pdu, LoginRequest):
            self._end(orderly=False)  # nobody that can be answered
            return
        if not login.initiator:
            self.stat_sn = pdu.exp_stat_sn
        try:
            if self.node.is_full:
                raise LoginRefused(LoginStatus.OUT_OF_RESOURCES)
            flags, text = login.take(pdu, b"".join(pieces))
            session = login.enter(pdu) if login.done else None
        except LoginRefused as refusal:
            self._put_login_response(pdu, 0, b"", refusal.status)
            self._end(orderly=False)
            return
        if session is not None:
            self._enter(session, login, pdu.cid)
        self._put_login_response(pdu, flags, text, LoginStatus.SUCCESS)
        self._reader.segment_limit = login.segment_bytes
        if session is not None:
            self.parameters = login.parameters
            self._reader.header_digest = self.parameters.header_digest
            self._reader.data_digest = self.parameters.data_digest
            self.data_in_bytes = self.parameters.send_segment_bytes
            self._login = None
            self.phase = _FULL_FEATURE

    def _enter(self, session: Session, login: Login, cid: int) -> None:
        before = session.connections.get(cid)
        if before is not None:  # the initiator has lost it: this one replaces it
            session.remove(before)
            session.connections[cid] = self
            before.drop()
        session.connections[cid] = self
        self.session_or_none = session
        self.cid = cid
        self._timer.cancel()
        self._timer = self.node.clock.call_after(SILENCE_NS, self._look_for_silence)
        if session.target_name:
            self.node.told("LOGIN", f"{login.initiator} has logged in to {session.target_name}")

    def _put_login_response(
        self, request: LoginRequest, flags: int, text: bytes, status: LoginStatus
    ) -> None:
        session = self.session_or_none
        self.put(
            LoginResponse.pack_fields(
                opcode=int(Opcode.LOGIN_RESPONSE),
                flags=flags,
                lengths=len(text),
                isid=request.isid,
                tsih=request.tsih if session is None else session.tsih,
                itt=request.itt,
                stat_sn=self.next_stat_sn(),
                exp_cmd_sn=request.cmd_sn if session is None else session.exp_cmd_sn,
                max_cmd_sn=request.cmd_sn if session is None else session.max_cmd_sn,
                status=int(status),
            ),
            (memoryview(text),) if text else (),
            len(text),
        )

    # ---- full feature phase

    def _take(self, pdu: Pdu, pieces: Views, intact: bool) -> None:
        if isinstance(pdu, DataOut):
            self.commands.take_data_out(pdu, pieces, intact)
            return
        reader = self._reader
        if not intact:
            # The command did not come: its number is not used up, and the initiator sends it again or gives up.
            self.reject(RejectReason.DATA_DIGEST_ERROR, reader.header)
            return
        opcode = pdu.opcode
        if isinstance(pdu, ScsiCommand):
            header = b""
        elif isinstance(pdu, _NUMBERLESS):
            reason = _REFUSED.get(opcode & OPCODE_MASK, RejectReason.COMMAND_NOT_SUPPORTED)
            self.reject(reason, reader.header)
            return
        else:
            header = reader.header
        session = self.session
        if opcode & IMMEDIATE:
            self._carry_out(pdu, pieces, header, reader.ahs)
        elif session.count(pdu.cmd_sn):
            self._carry_out(pdu, pieces, header, reader.ahs)
            if session.held:
                session.catch_up()
        else:
            session.hold(pdu.cmd_sn, partial(self._carry_out, pdu, pieces, header, reader.ahs))

    def _carry_out(self, pdu: _Request, pieces: Views, header: bytes, ahs: bytes) -> None:
        """Do what a PDU asks for; its number's turn has come."""
        if self.phase is not _FULL_FEATURE:
            return
        if isinstance(pdu, ScsiCommand):
            self.commands.take(pdu, pieces, ahs)
            return
        session = self.session
        if not pdu.opcode & IMMEDIATE:
            session.finish_command()
        match pdu:
            case NopOut():
                nop.answer(self, pdu, pieces)
            case TextRequest():
                discovery.carry_out(self, pdu, pieces, header)
            case LogoutRequest():
                logout.carry_out(self, pdu, header)
            case TaskManagementRequest() if session.device is not None:
                task_management.carry_out(self, pdu)
            case _:
                self.reject(RejectReason.PROTOCOL_ERROR, header)


def _nobody() -> None:
    """Nobody waits for output, or holds a stream."""
