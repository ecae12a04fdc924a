"""Telnet on a byte stream: RFC 854 (commands), 855 and 1143 (options), 856 (binary), 857 (echo), 858 (go ahead).

`Telnet` is the filter: bytes from the peer in, data out, and the other way round.  `TelnetMachine` puts one before
another byte machine.

An option is on or off on each side.  A request to change one is answered once; one for what is so already is not
answered, and one that agrees with what we asked for is the answer to it.  So two ends never answer each other for ever.
"""

import re
from collections.abc import Callable, Sequence
from enum import Enum, IntEnum, auto

from emu.front import ByteMachine, Bytes

# RFC 854, "TELNET COMMAND STRUCTURE"; EOF, SUSP and ABORT are of RFC 1184.
EOF = 236
SUSP = 237
ABORT = 238
SE = 240
NOP = 241
DATA_MARK = 242
BRK = 243
IP = 244
AO = 245
AYT = 246
EC = 247
EL = 248
GA = 249
SB = 250
WILL = 251
WONT = 252
DO = 253
DONT = 254
IAC = 255

CR, NUL = 13, 0


class Option(IntEnum):
    """Options we know (IANA "Telnet Options")."""

    BINARY = 0
    ECHO = 1
    SGA = 3  # suppress go ahead


# What each side does when the peer asks for it (DO), and lets the peer do (WILL).  All else is refused.
SERVER_OFFERS = (Option.ECHO, Option.SGA)  # which makes the peer send each key as it is typed
SERVER_MAY = (Option.BINARY, Option.ECHO, Option.SGA)
SERVER_LETS = (Option.BINARY, Option.SGA)
CLIENT_MAY = (Option.BINARY, Option.SGA)
CLIENT_LETS = (Option.BINARY, Option.ECHO, Option.SGA)

# The keys that commands stand for at a terminal of ours.
KEYS = {
    BRK: b"\x03",  # Ctrl-C
    IP: b"\x03",
    ABORT: b"\x03",
    SUSP: b"\x19",  # Ctrl-Y
    EOF: b"\x1a",  # Ctrl-Z
    EC: b"\x7f",  # DEL
    EL: b"\x15",  # Ctrl-U
}
AYT_ANSWER = b"\r\n[Yes]\r\n"

_SUBNEGOTIATION_LIMIT_BYTES = 1024  # noise that looks like the start of one must not swallow a session

_SPECIAL = re.compile(rb"[\xff\r]")
_BARE_CR = re.compile(rb"\r(?!\n)")


class _In(Enum):
    """Where in the peer's stream we are."""

    DATA = auto()
    CR = auto()  # behind a carriage return
    COMMAND = auto()  # behind IAC
    OPTION = auto()  # behind WILL, WONT, DO, DONT
    SUBNEGOTIATION = auto()
    SUBNEGOTIATION_IAC = auto()


class _Q(Enum):
    """State of an option on one side: RFC 1143 without what only an end that says WONT unasked needs."""

    NO = auto()
    OFFERED = auto()  # WANTYES: asked for, not answered yet
    YES = auto()


class Telnet:
    """One end of a telnet connection.

    `decode` returns what the peer's bytes say, `encode` what to send for data; `replies` gives what the protocol
    itself has to send.  Replies may go before or after any data, never inside what one call of `encode` returned.
    """

    def __init__(self, *, server: bool = True) -> None:
        self._may = (SERVER_MAY, SERVER_LETS) if server else (CLIENT_MAY, CLIENT_LETS)
        self._ours: dict[int, _Q] = {}
        self._theirs: dict[int, _Q] = {}
        self._in = _In.DATA
        self._verb = 0
        self._skipped_bytes = 0
        self._replies = bytearray()
        for option in SERVER_OFFERS if server else ():
            self._ours[option] = _Q.OFFERED
            self._replies += bytes((IAC, WILL, option))

    def we_do(self, option: Option) -> bool:
        """Whether an option of our side is on, or offered and not refused."""
        return self._ours.get(option, _Q.NO) is not _Q.NO

    def peer_does(self, option: Option) -> bool:
        """Whether an option of the peer's side is on."""
        return self._theirs.get(option) is _Q.YES

    def replies(self) -> bytes:
        """Take what the protocol has to send."""
        replies = bytes(self._replies)
        self._replies.clear()
        return replies

    def encode(self, data: Bytes) -> bytes:
        """Write data for the peer: IAC doubled, a bare CR as CR NUL unless we send binary."""
        data = bytes(data).replace(b"\xff", b"\xff\xff")
        return data if self._ours.get(Option.BINARY) is _Q.YES else _BARE_CR.sub(b"\r\0", data)

    def decode(self, data: bytes) -> bytes:
        """Read the peer's bytes, which may be cut anywhere."""
        if self._in is _In.DATA and _SPECIAL.search(data) is None:
            return data
        out = bytearray()
        position, end = 0, len(data)
        while position < end:
            if self._in is _In.DATA:
                special = _SPECIAL.search(data, position)
                stop = special.start() if special is not None else end
                out += data[position:stop]
                position = stop
                if stop == end:
                    break
            out += self._take(data[position])
            position += 1
        return bytes(out)

    def _take(self, byte: int) -> bytes:
        """Take one byte that is special or stands behind one that is; returns the data it gives."""
        before, self._in = self._in, _In.DATA
        if before is _In.COMMAND:
            return self._command(byte)
        if before is _In.OPTION:
            self._negotiate(self._verb, byte)
            return b""
        if before is _In.SUBNEGOTIATION:
            self._skipped_bytes += 1
            if byte == IAC:
                self._in = _In.SUBNEGOTIATION_IAC
            elif self._skipped_bytes < _SUBNEGOTIATION_LIMIT_BYTES:
                self._in = _In.SUBNEGOTIATION
            return b""
        if before is _In.SUBNEGOTIATION_IAC:
            if byte == IAC:
                self._in = _In.SUBNEGOTIATION
            elif byte != SE:
                return self._command(byte)  # it was broken off
            return b""
        if byte == IAC:
            self._in = _In.COMMAND
            return b""
        if before is _In.CR and byte == NUL:
            return b""
        if byte == CR and not self.peer_does(Option.BINARY):
            self._in = _In.CR
        return bytes((byte,))

    def _command(self, command: int) -> bytes:
        if command == IAC:
            return b"\xff"
        if command in (WILL, WONT, DO, DONT):
            self._verb = command
            self._in = _In.OPTION
        elif command == SB:
            self._skipped_bytes = 0
            self._in = _In.SUBNEGOTIATION
        elif command == AYT:
            self._replies += AYT_ANSWER
        return KEYS.get(command, b"")

    def _negotiate(self, verb: int, option: int) -> None:
        mine = verb in (DO, DONT)
        states = self._ours if mine else self._theirs
        yes, no = (WILL, WONT) if mine else (DO, DONT)
        state = states.get(option, _Q.NO)
        if verb in (DO, WILL):
            if state is _Q.NO and option not in self._may[not mine]:
                self._replies += bytes((IAC, no, option))
                return
            states[option] = _Q.YES
            if state is _Q.NO:
                self._replies += bytes((IAC, yes, option))
        else:
            states[option] = _Q.NO
            if state is _Q.YES:
                self._replies += bytes((IAC, no, option))


class TelnetMachine:
    """A byte machine behind a telnet filter.

    echo: told whether the machine is to echo, whenever the peer has said something about it.
    """

    def __init__(
        self, machine: ByteMachine, *, server: bool = True, echo: Callable[[bool], None] | None = None
    ) -> None:
        self._machine = machine
        self._telnet = Telnet(server=server)
        self._echo = echo if server else None

    @property
    def ended(self) -> bool:
        return self._machine.ended

    def receive(self, data: bytes) -> None:
        text = self._telnet.decode(data)
        if self._echo is not None:
            self._echo(self._telnet.we_do(Option.ECHO))
        if text:
            self._machine.receive(text)

    def outgoing(self) -> Sequence[Bytes]:
        replies = self._telnet.replies()
        parts = [self._telnet.encode(part) for part in self._machine.outgoing()]
        return [replies, *parts] if replies else parts

    def lost(self) -> None:
        self._machine.lost()
