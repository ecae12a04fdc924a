"""The iSCSI node: targets by name, who may come in, and the sessions there are.  RFC 7143 sections 4.1 and 6.3.5."""

from collections.abc import Callable, Mapping

from emu.core.clock import Clock
from emu.front.iscsi.chap import Chance, Credentials
from emu.front.iscsi.connection import Connection
from emu.front.iscsi.device import Device
from emu.front.iscsi.login import LoginRefused
from emu.front.iscsi.parameters import Parameters
from emu.front.iscsi.session import Session
from emu.wire.codes.iscsi import LoginStatus

SESSIONS = 256
CONNECTIONS = 1024  # those that are logging in among them
_TSIH_MASK = 0xFFFF


class Node:
    """Targets by their names, and everybody who is connected.

    alias: TargetAlias, for people.  chance: bytes that nobody can foresee.
    """

    def __init__(
        self,
        clock: Clock,
        targets: Mapping[str, Device],
        chance: Chance,
        credentials: Credentials | None = None,
        alias: str = "",
        told: Callable[[str, str], None] = lambda ident, text: None,
    ) -> None:
        self.clock = clock
        self.targets = targets
        self.chance = chance
        self.credentials = credentials or Credentials()
        self.alias = alias
        self.told = told
        self.sessions: dict[int, Session] = {}  # by TSIH
        self.connections: list[Connection] = []
        self._last_tsih = 0

    def accept(self, address: str, peer: str = "") -> Connection:
        """Serve a peer that has connected to an address, written host:port."""
        connection = Connection(self, address, peer)
        self.connections.append(connection)
        return connection

    @property
    def is_full(self) -> bool:
        return len(self.connections) > CONNECTIONS or len(self.sessions) >= SESSIONS

    # ---- logins

    def begin(
        self, initiator: str, isid: bytes, target_name: str, parameters: Parameters, cmd_sn: int
    ) -> Session:
        """Make a session.  One of the same initiator port with the same target is ended first: that is reinstatement.

        target_name: "" for a discovery session.
        """
        for session in list(self.sessions.values()):
            if target_name and self._is_port(session, initiator, isid, target_name):
                self.end(session)
        device = self.targets[target_name] if target_name else None
        session = Session(initiator, isid, target_name, self._free_tsih(), device, parameters, cmd_sn)
        self.sessions[session.tsih] = session
        return session

    def find(self, tsih: int, initiator: str, isid: bytes, target_name: str) -> Session:
        """Find the session that a connection wants to join; raises LoginRefused."""
        session = self.sessions.get(tsih)
        if session is None or not self._is_port(session, initiator, isid, target_name):
            raise LoginRefused(LoginStatus.SESSION_DOES_NOT_EXIST)
        return session

    @staticmethod
    def _is_port(session: Session, initiator: str, isid: bytes, target_name: str) -> bool:
        return (session.initiator, session.isid, session.target_name) == (initiator, isid, target_name)

    def _free_tsih(self) -> int:
        while True:
            self._last_tsih = self._last_tsih + 1 & _TSIH_MASK or 1
            if self._last_tsih not in self.sessions:
                return self._last_tsih

    # ---- ends

    def end(self, session: Session, last: Connection | None = None) -> None:
        """End a session with all its connections, from our side; what `last` has to send is still sent."""
        if self.sessions.pop(session.tsih, None) is None:
            return
        connections = list(session.connections.values())
        session.connections.clear()
        for connection in connections:
            if connection is last:
                connection.conclude()
            else:
                connection.drop()
        session.close()
        if session.target_name:
            self.told("GONE", f"{session.initiator} has left {session.target_name}")

    def reset(self, target_name: str, connection: Connection) -> None:
        """End every session with a target, as TARGET COLD RESET does; it came on this connection."""
        for session in list(self.sessions.values()):
            if session.target_name == target_name:
                self.end(session, connection)

    def dismiss(self) -> None:
        """Tell every initiator that its session is over, and end all."""
        for connection in list(self.connections):
            connection.dismiss()

    def leave(self, connection: Connection, *, orderly: bool) -> None:
        """A connection has ended; one that was lost takes its session with it (error recovery level 0)."""
        if connection in self.connections:
            self.connections.remove(connection)
        session = connection.session_or_none
        if session is None or session.tsih not in self.sessions:
            return
        if session.remove(connection) or not orderly:
            self.end(session)
