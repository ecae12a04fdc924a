"""SCS: connections between system applications (SYSAPs) of two nodes, over the circuit between them.

A connection has names at both ends, credits (a message goes only when the receiver has promised a buffer for it),
sequenced messages, datagrams, and block transfers between named buffers.  States of one end:

    CLOSED ──connect──▶ CON_SENT ──CON_RSP──▶ CON_ACK ──ACCP_REQ──▶ OPEN ──disconnect──▶ DISC_SENT ──▶ CLOSED
       │                    └──no such process─┴──REJ_REQ──▶ CLOSED     └──DISC_REQ, circuit closed──▶ CLOSED
       └──CON_REQ──▶ CON_REC ──accept──▶ ACCP_SENT ──ACCP_RSP──▶ OPEN
                        └──reject──▶ CLOSED

What breaks the rules (a message without credit, for a connection that is none, a piece of no transfer) closes the
circuit: the other node is mad.
"""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from drivers.cluster.block_transfer import Transfers
from drivers.cluster.pedriver import Circuit, PeDriver
from emu.wire.codes.scs import ConnectStatus, MessageType, PpdOpcode
from emu.wire.generated.scs import BlockTransfer, Connect, ConnectAnswer, PpdHeader, ScsHeader
from emu.wire.packet import ShortPacket

RECEIVE_CREDITS = 10  # SCSRESPCNT and the like: message buffers given to each connection
NAME_BYTES = 16
MESSAGE_BYTES = 1024  # longest application message
_SCS_MESSAGE, _SCS_DATAGRAM = 4, 3  # PPD$C_SCS_MSG, PPD$C_SCS_DG
_HEADERS = PpdHeader.SIZE + ScsHeader.SIZE
_ppd_header = PpdHeader.STRUCT.unpack_from
_pack_scs_header = ScsHeader.STRUCT.pack
_LENGTH_FIELD = 2
_SNDMSG = PpdHeader.pack_fields(PpdOpcode.SNDMSG)
_SNDDG = PpdHeader.pack_fields(PpdOpcode.SNDDG)
_APPLICATION = frozenset((PpdOpcode.SNDMSG, PpdOpcode.SNDDG))
_TRANSFERS = frozenset((PpdOpcode.REQDAT, PpdOpcode.SNDDAT, PpdOpcode.RETDAT, PpdOpcode.RETCNF))
_NOP, _MESSAGE, _CON_REQ = (
    PpdOpcode.NOP,
    MessageType.APPL_MSG,
    MessageType.CON_REQ,
)  # looked at with every packet


class Violation(Exception):
    """The other node breaks the rules; the text says which."""


class Sysap(Protocol):
    """What is at the end of a connection."""

    def opened(self, connection: "Connection") -> None: ...

    def message_came(self, connection: "Connection", data: bytes) -> None: ...

    def datagram_came(self, connection: "Connection", data: bytes) -> None: ...

    def closed(self, connection: "Connection", reason: int) -> None:
        """The connection, open or asked for, is no more.  reason: ConnectStatus, or of the rejection."""
        ...


class ConnectionState(Enum):
    """State of one end of a connection ($CDTDEF)."""

    CLOSED = "CLOSED"
    CON_SENT = "CON_SENT"
    CON_ACK = "CON_ACK"
    CON_REC = "CON_REC"
    ACCP_SENT = "ACCP_SENT"
    OPEN = "OPEN"
    DISC_SENT = "DISC_SENT"


_OPEN = ConnectionState.OPEN


class Connection:
    """One end of a connection (a CDT).

    circuit: what it goes over.  local_name, remote_name: of the SYSAPs.  data: 16 bytes that the other end said
    when it connected or accepted.  send_credits: messages that may go now.
    """

    def __init__(self, scs: "Scs", circuit: Circuit, local_name: str, remote_name: str) -> None:
        self._scs = scs
        self.circuit = circuit
        self.conid = scs.new_conid()
        self.remote_conid = 0
        self.local_name = local_name
        self.remote_name = remote_name
        self.state = ConnectionState.CLOSED
        self.sysap: Sysap | None = None
        self.data = b""
        self.send_credits = 0
        self.credit_waits = 0
        self._waiting: deque[bytes] = deque()
        self._receive_credits = 0  # messages that the other end may still send
        self._to_give = 0  # buffers that are free again, and not yet promised anew
        self.transfers = Transfers(self._send_transfer)

    def accept(self, sysap: Sysap, data: bytes = b"") -> None:
        """Take a connection that somebody asks for."""
        assert self.state is ConnectionState.CON_REC, "what is accepted was asked for"
        self.sysap = sysap
        self.state = ConnectionState.ACCP_SENT
        self._send_connect(MessageType.ACCP_REQ, data)

    def reject(self, reason: int = ConnectStatus.NO_RESOURCES) -> None:
        """Refuse a connection that somebody asks for."""
        assert self.state is ConnectionState.CON_REC, "what is rejected was asked for"
        self._send(MessageType.REJ_REQ, 0, ConnectAnswer.pack_fields(0, reason))
        self._close(reason)

    def send_message(self, data: bytes) -> None:
        """Send a message; it arrives in order, or the connection is closed."""
        assert len(data) <= MESSAGE_BYTES, "a message fits a buffer"
        if self.state is not _OPEN:
            return
        if self.send_credits and not self._waiting:
            self._send_counted(data)
        else:
            self.credit_waits += 1
            self._waiting.append(data)

    def send_datagram(self, data: bytes) -> None:
        """Send a datagram, which may be lost; it needs no credit."""
        if self.state is _OPEN:
            packet = _SNDDG + self._header(MessageType.APPL_DG, 0, len(data), _SCS_DATAGRAM) + data
            self._scs.port.send_datagram(self.circuit, packet)

    def disconnect(self, reason: int = ConnectStatus.DISCONNECTED) -> None:
        """End the connection."""
        if self.state is _OPEN:
            self._send(MessageType.DISC_REQ, 0, ConnectAnswer.pack_fields(0, reason))
            self.state = ConnectionState.DISC_SENT
            self._forget_waiting()

    # -- what goes

    def _header(self, kind: int, credit: int, length: int, ppd_type: int = _SCS_MESSAGE) -> bytes:
        whole = ScsHeader.SIZE - _LENGTH_FIELD + length
        return _pack_scs_header(whole, ppd_type, kind, credit, self.remote_conid, self.conid)

    def _send(self, kind: MessageType, credit: int, data: bytes) -> None:
        self.circuit.send(_SNDMSG + self._header(kind, credit, len(data)) + data)

    def _send_counted(self, data: bytes) -> None:
        self.send_credits -= 1
        self._send(_MESSAGE, self._credits_to_give(), data)

    def _credits_to_give(self) -> int:
        credit, self._to_give = self._to_give, 0
        self._receive_credits += credit
        return credit

    def _send_connect(self, kind: MessageType, data: bytes) -> None:
        self._to_give = RECEIVE_CREDITS
        connect = Connect.pack_fields(
            1,
            ConnectStatus.NORMAL,
            _name(self.remote_name),
            _name(self.local_name),
            data.ljust(NAME_BYTES, b"\0"),
        )
        self._send(kind, self._credits_to_give(), connect)

    def _send_transfer(
        self, opcode: int, status: int, last: int, transfer: BlockTransfer, data: bytes
    ) -> None:
        transfer.conid = self.remote_conid
        self.circuit.send(PpdHeader.pack_fields(opcode, status, last) + transfer.pack() + data)

    # -- what comes

    def ask(self, sysap: Sysap, data: bytes) -> None:
        self.sysap = sysap
        self.state = ConnectionState.CON_SENT
        self._send_connect(MessageType.CON_REQ, data)

    def asked(self, header: ScsHeader, connect: Connect) -> None:
        self.state = ConnectionState.CON_REC
        self.remote_conid = header.src_conid
        self.send_credits = header.credit
        self.data = connect.con_dat
        self._send(MessageType.CON_RSP, 0, ConnectAnswer.pack_fields(1, ConnectStatus.NORMAL))

    def heard(self, header: ScsHeader, data: bytes) -> None:
        """Hear a message of this connection."""
        kind, state = header.mtype, self.state
        self.send_credits += header.credit
        if kind == _MESSAGE:
            if state is not _OPEN:
                if state is ConnectionState.DISC_SENT:
                    return  # it went before the other end knew
                raise Violation(f"a message for a connection that is {state.value}")
            if not self._receive_credits:
                raise Violation("a message without credit")
            self._receive_credits -= 1
            assert self.sysap is not None, "an open connection has its SYSAP"
            self.sysap.message_came(self, data)
            self._buffer_is_free()
        elif kind == MessageType.APPL_DG:
            if state is _OPEN and self.sysap is not None:
                self.sysap.datagram_came(self, data)
        elif kind == MessageType.CR_REQ:
            self._send(MessageType.CR_RSP, 0, b"")
        elif kind == MessageType.CON_RSP:
            self._answered(ConnectAnswer.unpack(data).status)
        elif kind == MessageType.ACCP_REQ and state is ConnectionState.CON_ACK:
            connect = Connect.unpack(data)
            self.remote_conid = header.src_conid
            self.data = connect.con_dat
            self._send(MessageType.ACCP_RSP, 0, ConnectAnswer.pack_fields(0, ConnectStatus.NORMAL))
            self._opened()
        elif kind == MessageType.ACCP_RSP and state is ConnectionState.ACCP_SENT:
            self._opened()
        elif kind == MessageType.REJ_REQ and state is ConnectionState.CON_ACK:
            self.remote_conid = header.src_conid
            self._send(MessageType.REJ_RSP, 0, b"")
            self._close(ConnectAnswer.unpack(data).status)
        elif kind == MessageType.DISC_REQ:
            self._send(MessageType.DISC_RSP, 0, b"")
            self._close(ConnectAnswer.unpack(data).status)
        elif kind == MessageType.DISC_RSP and state is ConnectionState.DISC_SENT:
            self._close(ConnectStatus.DISCONNECTED)
        elif kind not in (MessageType.CR_RSP, MessageType.REJ_RSP):
            raise Violation(f"SCS message {kind} for a connection that is {state.value}")
        while self._waiting and self.send_credits:
            self._send_counted(self._waiting.popleft())

    def _buffer_is_free(self) -> None:
        self._to_give += 1
        if self._to_give * 2 > RECEIVE_CREDITS and self.state is _OPEN:
            self._send(MessageType.CR_REQ, self._credits_to_give(), b"")

    def _answered(self, status: int) -> None:
        if self.state is not ConnectionState.CON_SENT:
            raise Violation(f"CON_RSP for a connection that is {self.state.value}")
        if status == ConnectStatus.NORMAL:
            self.state = ConnectionState.CON_ACK
        else:
            self._close(status)

    def _opened(self) -> None:
        self.state = ConnectionState.OPEN
        assert self.sysap is not None, "who asked or accepted is a SYSAP"
        self.sysap.opened(self)

    # -- the end

    def circuit_closed(self) -> None:
        self._close(ConnectStatus.DISCONNECTED)

    def _close(self, reason: int) -> None:
        if self.state is ConnectionState.CLOSED:
            return
        self.state = ConnectionState.CLOSED
        self._forget_waiting()
        self._scs.forget(self)
        self.transfers.close()
        if self.sysap is not None:
            self.sysap.closed(self, reason)

    def _forget_waiting(self) -> None:
        self._waiting.clear()


class Scs:
    """SCS on one node.

    connections: by connection identifier.  circuit_opened: who is told of a new circuit.  violations: texts of the
    last broken rules.
    """

    def __init__(self, port: PeDriver) -> None:
        self.port = port
        self.connections: dict[int, Connection] = {}
        self.circuit_opened: Callable[[Circuit], None] = lambda circuit: None
        self.violations: deque[str] = deque(maxlen=16)
        self._listeners: dict[str, Callable[[Connection], None]] = {}
        self._conid = 0
        port.opened = self._circuit_opened
        port.closed = self._circuit_closed
        port.packet = self._packet_came
        port.datagram = self._packet_came

    def close_circuits(self) -> None:
        """Give up every circuit; new ones open when their nodes are heard."""
        for circuit in list(self.port.circuits.values()):
            circuit.close()

    def listen(self, name: str, asked: Callable[[Connection], None]) -> None:
        """Have connections to the process of this name offered to `asked`, which accepts or rejects them."""
        self._listeners[name] = asked

    def connect(
        self, circuit: Circuit, remote_name: str, local_name: str, sysap: Sysap, data: bytes = b""
    ) -> Connection:
        """Ask for a connection; the SYSAP hears whether it opened or closed."""
        connection = self._new(circuit, local_name, remote_name)
        connection.ask(sysap, data)
        return connection

    def new_conid(self) -> int:
        # As VMS has it: an index, and above it a sequence number, so that no number comes again soon.
        self._conid = (self._conid + 0x0001_0001) & 0xFFFF_FFFF or 0x0001_0001
        return self._conid

    def forget(self, connection: Connection) -> None:
        self.connections.pop(connection.conid, None)

    def _new(self, circuit: Circuit, local_name: str, remote_name: str) -> Connection:
        connection = Connection(self, circuit, local_name, remote_name)
        self.connections[connection.conid] = connection
        return connection

    def _circuit_opened(self, circuit: Circuit) -> None:
        self.circuit_opened(circuit)

    def _circuit_closed(self, circuit: Circuit) -> None:
        for connection in list(self.connections.values()):
            if connection.circuit is circuit:
                connection.circuit_closed()

    def _packet_came(self, circuit: Circuit, packet: bytes) -> None:
        try:
            self._packet(circuit, packet)
        except (ShortPacket, UnicodeDecodeError, Violation) as error:
            self.violations.append(f"{circuit.system:012X}: {error}")
            circuit.close()

    def _packet(self, circuit: Circuit, packet: bytes) -> None:
        if len(packet) < PpdHeader.SIZE:
            raise ShortPacket("PpdHeader", PpdHeader.SIZE, len(packet))
        opcode, status, last = _ppd_header(packet)
        if opcode == _NOP:
            return
        if opcode in _APPLICATION:
            header = ScsHeader.unpack(packet, PpdHeader.SIZE)
            self._message(circuit, header, packet[_HEADERS:])
        elif opcode in _TRANSFERS:
            transfer = BlockTransfer.unpack(packet, PpdHeader.SIZE)
            data = memoryview(packet)[PpdHeader.SIZE + BlockTransfer.SIZE :]
            connection = self._connection_of(circuit, transfer.conid)
            if connection is not None and not connection.transfers.heard(
                opcode, status, last, transfer, data
            ):
                raise Violation("a piece of no block transfer")
        else:
            raise Violation(f"opcode {opcode:#x}")

    def _connection_of(self, circuit: Circuit, conid: int) -> Connection | None:
        connection = self.connections.get(conid)
        return connection if connection is not None and connection.circuit is circuit else None

    def _message(self, circuit: Circuit, header: ScsHeader, data: bytes) -> None:
        if header.length != ScsHeader.SIZE - _LENGTH_FIELD + len(data) or len(data) > MESSAGE_BYTES:
            raise Violation("an SCS message of wrong length")
        if header.mtype == _CON_REQ:
            self._asked(circuit, header, Connect.unpack(data))
            return
        connection = self._connection_of(circuit, header.dst_conid)
        if connection is not None:
            connection.heard(header, data)
        elif header.mtype not in (
            MessageType.APPL_DG,
            MessageType.REJ_RSP,
            MessageType.DISC_RSP,
            MessageType.CR_RSP,
        ):
            raise Violation(f"SCS message {header.mtype} for no connection")

    def _asked(self, circuit: Circuit, header: ScsHeader, connect: Connect) -> None:
        local = connect.dst_proc.decode("ascii").rstrip()
        remote = connect.src_proc.decode("ascii").rstrip()
        asked = self._listeners.get(local)
        connection = self._new(circuit, local, remote)
        if asked is None:
            self.forget(connection)
            connection.remote_conid = header.src_conid
            answer = ConnectAnswer.pack_fields(0, ConnectStatus.NO_MATCH)
            connection._send(MessageType.CON_RSP, 0, answer)
            return
        connection.asked(header, connect)
        asked(connection)


def _name(name: str) -> bytes:
    data = name.encode("ascii")
    assert len(data) <= NAME_BYTES, "the name of a process has 16 bytes"
    return data.ljust(NAME_BYTES)
