"""How messages and answers cross: the host fetches and sends them, or the controller sends them itself.

(spec "DUP", SEND DATA, RECEIVE DATA, SEND DATA IMMEDIATE.)  A host with buffers has a RECEIVE DATA out for the next
message, and a SEND DATA for an answer.  A host without, as DEC's consoles are, gets every message as SEND DATA
IMMEDIATE commands *of the controller*, which it ends; its answers are the same command the other way round.  A
command carries 22 bytes, to be continued if that is not all.  Type and number are in the first only.  The KA655's
console asks with a control-G where a program stands: when its user types control-G or control-T, and by itself when
it has heard nothing for the timeout.
"""

# UNCERTAIN: how a controller knows which of the two a host wants.  DEC's KA655 console gives a credit with every
# command, and the controller needs one to send; a host that fetches is taken to give none.
# UNCERTAIN: what stands before an answer in SEND DATA.  Type and number of the question may, and are skipped; in SEND
# DATA IMMEDIATE the KA655 console puts nothing there.

from collections import deque
from collections.abc import Callable
from functools import partial

from emu.core.bus import BusError
from emu.hw.dup.dialogue import Conversation, Message
from emu.hw.uqssp.buffers import HostBuffer
from emu.hw.uqssp.connection import Connection
from emu.hw.uqssp.port import UqsspPort
from emu.wire.codes.dup import MD, OP, ST
from emu.wire.generated.dup import DataCommand, DataEnd, EndHeader, SendDataImmediateCommand

LEAST_BYTES = 2
ANSWER_BYTES = 512  # the most that is taken of an answer; also what chained SEND DATA IMMEDIATE may carry
IMMEDIATE_BYTES = SendDataImmediateCommand.LAYOUT["data"][1]
REPORT = b"\a"  # control-G, alone or at the end of an answer: where does the program stand?

_SUC = int(ST.SUC)
_CMD = int(ST.CMD)
_CMD_OPCODE = int(ST.CMD_OPCODE)
_CMD_BYTE_COUNT = int(ST.CMD_BYTE_COUNT)
_HST = int(ST.HST)
_TBC = int(MD.TBC)


class DataCommands:
    """SEND DATA and RECEIVE DATA: they wait for the program, in the order of arrival."""

    def __init__(self, port: UqsspPort, connection: Connection) -> None:
        self._port = port
        self._connection = connection
        self._waiting: deque[DataCommand] = deque()
        self._moving: DataCommand | None = None

    def take(self, command: DataCommand, conversation: Conversation | None) -> None:
        """Take a command."""
        if conversation is None:
            self._end(command, _CMD)
        elif command.bcnt < LEAST_BYTES:
            self._end(command, _CMD_BYTE_COUNT)
        else:
            self._waiting.append(command)

    def refuse(self) -> None:
        """End what waits: there is no program any more."""
        if self._moving is not None:
            self._end(self._moving, _CMD)
        while self._waiting:
            self._end(self._waiting.popleft(), _CMD)
        self._moving = None

    def forget(self) -> None:
        """Drop what waits: the host is gone."""
        self._waiting.clear()
        self._moving = None

    def advance(self, conversation: Conversation, got_on: Callable[[], None]) -> None:
        """Serve what waits, as far as the program is ready for it; call `got_on` when something has crossed."""
        while self._waiting and self._moving is None:
            message = conversation.message
            if message is None and conversation.question is None:
                return
            command = self._waiting.popleft()
            if (command.opcd == OP.REC) != (message is not None):
                self._end(command, _CMD_OPCODE)
                continue
            self._moving = command
            if message is not None:
                data = message.pack()[: command.bcnt]
                opened = partial(self._deliver, command, data, conversation, got_on)
                self._port.open_buffer(command.buff, command.pte_base, len(data), False, opened)
            else:
                length = min(command.bcnt, ANSWER_BYTES)
                opened = partial(self._hear, command, conversation, got_on)
                self._port.open_buffer(command.buff, command.pte_base, length, True, opened)

    def _deliver(
        self,
        command: DataCommand,
        data: bytes,
        conversation: Conversation,
        got_on: Callable[[], None],
        buffer: HostBuffer,
    ) -> None:
        if command is not self._moving:
            return
        if buffer.error is not None:
            self._delivered(command, len(data), conversation, got_on, buffer.error)
            return
        place = 0
        for view in buffer.views:
            view[:] = data[place : place + len(view)]
            place += len(view)
        buffer.store(len(data), partial(self._delivered, command, len(data), conversation, got_on))

    def _delivered(
        self,
        command: DataCommand,
        length: int,
        conversation: Conversation,
        got_on: Callable[[], None],
        error: BusError | None,
    ) -> None:
        if command is not self._moving:
            return
        self._moving = None
        if error is not None:
            self._end(command, _HST)
        else:
            self._end(command, _SUC, length)
            conversation.received()
        got_on()

    def _hear(
        self,
        command: DataCommand,
        conversation: Conversation,
        got_on: Callable[[], None],
        buffer: HostBuffer,
    ) -> None:
        if command is not self._moving:
            return
        self._moving = None
        question = conversation.question
        assert question is not None, "only an answer is fetched"
        if buffer.error is not None:
            self._end(command, _HST)
        else:
            data = b"".join(buffer.views)
            self._end(command, _SUC, len(data))
            conversation.answer(text_of(data.removeprefix(question.word)))
        got_on()

    def _end(self, command: DataCommand, status: int, byte_count: int = 0) -> None:
        end = DataEnd(crf=command.crf, opcd=command.opcd | OP.END, sts=status, bcnt=byte_count)
        self._connection.send_end(end.pack())


class ImmediateCommands:
    """SEND DATA IMMEDIATE, both ways.  One of the controller's is outstanding at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._message: Message | None = None
        self._rest = b""
        self._crf = 0
        self._heard = bytearray()

    def forget(self) -> None:
        """Drop what is half said and half heard."""
        self._message = None
        self._heard.clear()

    def advance(self, conversation: Conversation) -> None:
        """Begin to send the program's message, if the host has given a credit for that."""
        if self._message is None and conversation.message is not None and self._connection.allowance:
            self._message = conversation.message
            self._rest = self._message.pack()
            self._send()

    def ended(self, end: EndHeader, conversation: Conversation | None) -> None:
        """Hear the host's end message: go on with the message, or be through with it."""
        if self._message is None or conversation is None or end.crf != self._crf:
            return
        if end.sts != _SUC:
            self._message = None
            conversation.abort()
        elif self._rest:
            self._send()
        else:
            self._message = None
            conversation.received()

    def hear(self, command: SendDataImmediateCommand, conversation: Conversation | None) -> int:
        """Take a part of an answer, or of a request for a report; return the status to end the command with."""
        if conversation is None:
            return _CMD
        if command.bcnt > IMMEDIATE_BYTES or len(self._heard) + command.bcnt > ANSWER_BYTES:
            self._heard.clear()
            return _CMD_BYTE_COUNT
        self._heard += command.data[: command.bcnt]
        return _SUC

    def heard(self, conversation: Conversation) -> None:
        """Give the program what was heard to the end.  What it did not ask for it does not hear."""
        data = bytes(self._heard)
        self._heard.clear()
        if data.endswith(REPORT):
            conversation.report()
        elif conversation.question is not None:
            conversation.answer(text_of(data))

    def _send(self) -> None:
        data, self._rest = self._rest[:IMMEDIATE_BYTES], self._rest[IMMEDIATE_BYTES:]
        self._crf += 1
        command = SendDataImmediateCommand(
            crf=self._crf,
            opcd=OP.SNI,
            mod=_TBC if self._rest else 0,
            bcnt=len(data),
            data=data.ljust(IMMEDIATE_BYTES, b"\0"),
        )
        self._connection.allowance -= 1
        self._connection.send_sequential(command.pack())


def text_of(data: bytes) -> str:
    """Make text of what a host sent."""
    return data.decode("ascii", "replace").strip(" \0\r\n")
