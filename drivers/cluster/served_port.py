"""The port of DUDRIVER to the MSCP server of another node: a connection instead of rings.

    DOWN ──start──▶ INITIALISING ──connection open──▶ RUNNING ──connection lost──▶ INITIALISING
                       └──no server there, or the node has left the cluster──▶ DEAD ──it is back──▶ INITIALISING

While the server's node is a member, this port tries to reach it again; what was outstanding is sent again then, as
after the restart of a controller.
"""

from collections.abc import Callable

from drivers.cluster.cluster import Cluster
from drivers.cluster.mscp_server import CLASS_DRIVER_NAME, SERVER_NAME, TEXT_BYTES
from drivers.cluster.scs import RECEIVE_CREDITS, Connection
from drivers.platform.process import EventFlag, KernelProcess, Procedure
from drivers.port.mscp_port import Client, PortState
from emu.core.clock import SECOND_NS
from emu.core.trace import StateChanged
from emu.wire.codes.mscp import END
from emu.wire.codes.scs import ConnectStatus
from emu.wire.generated.mscp import Header, NamedBuffer

RETRY_NS = SECOND_NS
_OPCODE = Header.LAYOUT["opcd"][0]
_descriptor = NamedBuffer.pack_fields


class ServedPort:
    """The way to the disks of one other node; port and conversation in one, since there is one class driver.

    credits: commands that may be sent now; each end message brings one back.
    """

    def __init__(self, cluster: Cluster, server: str) -> None:
        self.platform = cluster.platform
        self.served_by = server
        self.name = SERVER_NAME
        self.state = PortState.DOWN
        self.credits = 0
        self._cluster = cluster
        self._client: Client | None = None
        self._connection: Connection | None = None
        self._answer: EventFlag | None = None  # of a connection that is asked for: 0, or why there is none
        self._reaching: KernelProcess | None = None

    # -- what a class driver asks of its port

    def connect(self, identifier: int, client: Client) -> "ServedPort":
        self._client = client
        return self

    def start(self) -> None:
        if self.state in (PortState.DOWN, PortState.DEAD):
            self._reach()

    def started(self) -> None:
        """A connection that opened is one; there are no attempts to count."""

    def watch(self) -> None:
        """A connection that is lost is closed: there is nothing to look at."""

    def restart(self) -> None:
        if self.state is PortState.RUNNING and self._connection is not None:
            self.platform.operator(
                f"%DU-W-RESTART, connection to {SERVER_NAME} of {self.served_by} is restarted"
            )
            connection = self._connection
            connection.disconnect()
            self._lost()

    def send(self, text: bytes) -> None:
        assert self.credits > 0, "a command needs a credit"
        assert self._connection is not None, "who has credits has a connection"
        self.credits -= 1
        self._connection.send_message(text)

    def map_buffer(self, address: int, length: int) -> int | None:
        assert self._connection is not None, "who sends commands has a connection"
        return self._connection.transfers.map(self.platform.window(address, length))

    def unmap_buffer(self, mapped: int, length: int) -> None:
        if self._connection is not None:
            self._connection.transfers.unmap(mapped)

    def await_map_registers(self, action: Callable[[], None]) -> None:
        raise AssertionError("a buffer has a name as soon as it wants one")

    def describe_buffer(self, mapped: int) -> bytes:
        assert self._connection is not None, "what is mapped is mapped for a connection"
        return _descriptor(0, mapped, self._connection.conid)

    # -- the server's node comes and goes

    def node_left(self) -> None:
        """Hear that the node is no member of the cluster any more."""
        if self.state in (PortState.INITIALISING, PortState.RUNNING):
            if self._connection is not None:
                self._connection.disconnect()
            self._die()

    def _reach(self) -> None:
        self._enter(PortState.INITIALISING)
        self._reaching = self.platform.process(f"reach {self.served_by}", self._try_to_connect())

    def _try_to_connect(self) -> Procedure:
        scs = self._cluster.scs
        assert scs is not None, "who hears of other nodes has SCS"
        while True:
            circuit = self._cluster.circuit_to(self.served_by)
            if circuit is not None:
                self._answer = self.platform.flag()
                self._connection = scs.connect(circuit, SERVER_NAME, CLASS_DRIVER_NAME, self)
                reason = yield self._answer
                self._answer = None
                if not reason:
                    return
                self._connection = None
                if reason == ConnectStatus.NO_MATCH:
                    self._reaching = None
                    self._die()
                    return
            yield RETRY_NS

    def _lost(self) -> None:
        self.credits = 0
        assert self._client is not None, "a port is started with its class driver"
        self._enter(PortState.INITIALISING)
        self._client.port_lost(dead=False)
        self._connection = None
        self._reach()

    def _die(self) -> None:
        assert self._client is not None, "a port is started with its class driver"
        if self._reaching is not None:
            self._reaching.kill()
            self._reaching = None
        self.credits = 0
        self._enter(PortState.DEAD)
        self._client.port_lost(dead=True)
        self._connection = self._answer = None

    def _enter(self, state: PortState) -> None:
        tracer = self.platform.tracer
        if state is not self.state and StateChanged in tracer.heard:
            source = f"{self.platform.name}/{self.served_by}/{self.name}"
            tracer.emit(StateChanged(self.platform.clock.now_ns, source, self.state.value, state.value))
        self.state = state

    # -- what the connection says

    def opened(self, connection: Connection) -> None:
        if connection is not self._connection:
            connection.disconnect()
            return
        assert self._client is not None, "a port is started with its class driver"
        assert self._answer is not None, "what opens was asked for"
        self._answer.set(0)
        self._reaching = None
        self._enter(PortState.RUNNING)
        self.credits = RECEIVE_CREDITS
        self._client.port_ready()

    def closed(self, connection: Connection, reason: int) -> None:
        if connection is not self._connection:
            return
        if self._answer is not None and not self._answer.is_set:
            self._answer.set(reason)
        elif self.state is PortState.RUNNING:
            self._lost()

    def message_came(self, connection: Connection, data: bytes) -> None:
        if connection is not self._connection or self._client is None:
            return
        text = data[:TEXT_BYTES].ljust(TEXT_BYTES, b"\0")
        if text[_OPCODE] & END:
            self.credits = min(self.credits + 1, RECEIVE_CREDITS)
        self._client.receive(text)
        if self.credits and connection is self._connection:
            self._client.credits_came()

    def datagram_came(self, connection: Connection, data: bytes) -> None:
        if self._client is not None:
            self._client.receive_datagram(data[:TEXT_BYTES].ljust(TEXT_BYTES, b"\0"))
