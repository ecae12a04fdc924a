"""The DUP server of one host: GET DUST STATUS, programs started and aborted, messages and answers.

(spec "DUP"; connection 2, with credits of its own.)  DUST is the diagnostic and utilities server.  One program runs
at a time.  Timeouts are seconds.
"""

# DEVIATION: no program of a host's is executed, as the code would be for a processor that is not modelled: EXECUTE
# SUPPLIED PROGRAM is an invalid command, and GET DUST STATUS says so beforehand.
# DEVIATION: end messages have their earlier form, without the timeout of ABORT PROGRAM.
# DEVIATION: a standalone program does not stop the MSCP server; it takes the unit it works on away from all hosts.
# UNCERTAIN: what SEND DATA and RECEIVE DATA end with that wait when a program ends; here as without a program.

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from emu.core.block import BlockDevice
from emu.core.bus import Bytes
from emu.hw.dup.dialogue import Conversation
from emu.hw.dup.exchange import DataCommands, ImmediateCommands
from emu.hw.dup.programs import LOCAL_PROGRAMS
from emu.hw.uqssp.port import UqsspPort
from emu.wire.codes.dup import DF, MD, OP, PF, ST
from emu.wire.codes.uqssp import ConnectionId
from emu.wire.generated.dup import (
    DataCommand,
    EndHeader,
    ExecuteLocalProgramCommand,
    ExecuteLocalProgramEnd,
    GetDustStatusEnd,
    Header,
    SendDataImmediateCommand,
)

if TYPE_CHECKING:
    from emu.hw.mscp.controller import Controller

EXECUTE_TIMEOUT_S = 60  # RQDX3
DATA_TIMEOUT_S = 60  # RQDX3's FORMAT

_END = int(OP.END)
_PROGRESS_MASK = 0xFFFF_FFFF


class DupServer:
    """One host's server."""

    def __init__(self, controller: "Controller", port: UqsspPort) -> None:
        self._controller = controller
        self._connection = port.connect(int(ConnectionId.DUP), self)
        self._data = DataCommands(port, self._connection)
        self._immediate = ImmediateCommands(self._connection)
        self._extension = controller.firmware.dup_extension.encode("ascii")
        self._programs = controller.firmware.programs
        self._conversation: Conversation | None = None
        self._fetched = False
        self._progress = 0

    def receive(self, text: Bytes, length: int) -> None:
        """Take a command.  What the host says of its length is not asked: fields not sent are zero."""
        header = Header.unpack(text)
        run = COMMANDS.get(header.opcd)
        if run is None:
            self._end(header, ST.CMD_OPCODE, _END)
        else:
            run(self, text)
        self._advance()  # the command may have brought a credit

    def port_reset(self) -> None:
        """Forget the host: its program is stopped, and what waited for it vanishes."""
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.abort()
        self._data.forget()
        self._immediate.forget()

    def medium_lost(self, medium: BlockDevice) -> None:
        """Hear that a medium is taken out of its unit."""
        if self._conversation is not None:
            self._conversation.medium_lost(medium)

    # ---- commands

    def get_dust_status(self, text: Bytes) -> None:
        """Say what the server can do, and whether its program gets on."""
        command = Header.unpack(text)
        flags = DF.NO_SUPPLIED | DF.IMMEDIATE
        if self._programs:
            flags |= DF.LOCAL
        if self._conversation is not None:
            flags |= DF.ACTIVE
        end = GetDustStatusEnd(
            crf=command.crf,
            opcd=OP.GDS | _END,
            sts=ST.SUC,
            ext=self._extension,
            flags=flags,
            progress=self._progress,
            timeout=EXECUTE_TIMEOUT_S,
        )
        self._connection.send_end(end.pack())

    def execute_supplied_program(self, text: Bytes) -> None:
        """Refuse."""
        self._end(Header.unpack(text), ST.CMD_OPCODE)

    def execute_local_program(self, text: Bytes) -> None:
        """Start one of the controller's own programs."""
        command = ExecuteLocalProgramCommand.unpack(text)
        name = command.name.decode("ascii", "replace").rstrip(" \0").upper()
        version = self._programs.get(name)
        if self._conversation is not None:
            self._end_execute(command, ST.CMD)
            return
        if version is None:
            self._end_execute(command, ST.UNKNOWN_PROGRAM)
            return
        program = LOCAL_PROGRAMS.get(name)
        if program is None:
            self._end_execute(command, ST.LOAD_FAILURE)  # the firmware promises more than there is
            return
        if program.flags & PF.STANDALONE and not command.mod & MD.STANDALONE:
            self._end_execute(command, ST.STANDALONE_REQUIRED)
            return
        self._end_execute(command, ST.SUC, version, program.flags)
        self._connection.hold()  # the host may think about a question as long as it likes
        self._fetched = False
        dialogue = program.run(self._controller)
        self._conversation = Conversation(self._controller.clock, dialogue, self._moved)
        self._conversation.start()

    def send_or_receive_data(self, text: Bytes) -> None:
        """Take a SEND DATA or RECEIVE DATA, which waits until the program is ready for it."""
        if not self._fetched:
            self._fetched = True
            self._immediate.forget()  # what was half sent is fetched
        self._data.take(DataCommand.unpack(text), self._conversation)

    def send_data_immediate(self, text: Bytes) -> None:
        """Take an answer, or a part of one, or the question where the program stands."""
        command = SendDataImmediateCommand.unpack(text)
        status = self._immediate.hear(command, self._conversation)
        self._end(command, status)
        if status == ST.SUC and not command.mod & MD.TBC and self._conversation is not None:
            self._immediate.heard(self._conversation)

    def host_ended(self, text: Bytes) -> None:
        """Take the host's end message to a SEND DATA IMMEDIATE of ours."""
        self._connection.take_end()
        self._immediate.ended(EndHeader.unpack(text), self._conversation)

    def abort_program(self, text: Bytes) -> None:
        """Stop the program; what waited for it ends first."""
        command = Header.unpack(text)
        if self._conversation is None:
            self._end(command, ST.CMD)
            return
        self._conversation.abort()
        self._advance()
        self._end(command, ST.SUC)

    # ---- the program

    def _moved(self) -> None:
        self._progress = self._progress + 1 & _PROGRESS_MASK
        self._advance()

    def _advance(self) -> None:
        """Let program and host meet as far as both are ready; take the program away when it has ended."""
        conversation = self._conversation
        if conversation is None:
            return
        if conversation.ended:
            self._conversation = None
            self._connection.release()
            self._data.refuse()
            self._immediate.forget()
        elif self._fetched:
            self._data.advance(conversation, self._advance)
        else:
            self._immediate.advance(conversation)

    # ---- end messages

    def _end_execute(
        self, command: ExecuteLocalProgramCommand, status: int, version: int = 0, flags: int = 0
    ) -> None:
        end = ExecuteLocalProgramEnd(
            crf=command.crf,
            opcd=OP.ELP | _END,
            sts=status,
            version=version,
            timeout=DATA_TIMEOUT_S,
            flags=flags,
        )
        self._connection.send_end(end.pack())

    def _end(
        self, command: Header | SendDataImmediateCommand, status: int, endcode: int | None = None
    ) -> None:
        if endcode is None:
            endcode = command.opcd | _END
        self._connection.send_end(EndHeader(crf=command.crf, opcd=endcode, sts=status).pack())


COMMANDS: Mapping[int, Callable[[DupServer, Bytes], None]] = {
    OP.GDS: DupServer.get_dust_status,
    OP.ESP: DupServer.execute_supplied_program,
    OP.ELP: DupServer.execute_local_program,
    OP.SND: DupServer.send_or_receive_data,
    OP.REC: DupServer.send_or_receive_data,
    OP.ABP: DupServer.abort_program,
    OP.SNI: DupServer.send_data_immediate,
    OP.SNI | OP.END: DupServer.host_ended,
}
