"""REPLY: the operator's terminal and the operator log."""

from drivers.platform.process import Procedure
from emu.console.dcl import Command, Keyword, Value, Verb
from emu.console.host_files import HostFileError
from emu.console.operator import CLASSES
from emu.console.refusals import file_message, refused_by_host
from emu.console.session import Job

LOG_NAME = "OPC$LOGFILE_NAME"
_LOG_FILE = "OPERATOR.LOG"


def _reply(job: Job, command: Command) -> Procedure:
    terminal = job.session.operator
    for name, change in (("ENABLE", terminal.enable), ("DISABLE", terminal.disable)):
        given = command.qualifiers.get(name)
        if given is not None:
            change([keyword.name for keyword in given.keywords] or CLASSES)
    if command.is_given("LOG"):
        _open_log(job)
    elif command.is_negated("LOG"):
        job.session.operator_log.close()
    if command.is_given("STATUS"):
        job.say(f"Operator at node {job.node.name}, username {job.process.user}, is enabled for:")
        job.say("  " + (", ".join(sorted(terminal.classes)) or "nothing"))
    return
    yield


def _open_log(job: Job) -> None:
    name = job.session.logical_name(LOG_NAME) or _LOG_FILE
    try:
        job.session.operator_log.open(job.session.world, job.session.host_files.append(name))
    except HostFileError as error:
        raise refused_by_host(file_message("REPLY", "E", "OPENOUT", name), name, error) from error


_CLASSES = Value("class", required=False, many=True, keywords=tuple(Keyword(name) for name in CLASSES))

REPLY = Verb(
    "REPLY",
    "Have messages to operators shown at this console, or not, or kept in the operator log.",
    _reply,
    qualifiers=(
        Keyword("ENABLE", "Show messages of these classes, or all.", _CLASSES),
        Keyword("DISABLE", "Show them no more.", _CLASSES),
        Keyword(
            "LOG",
            "Add all messages to the operator log, the file OPERATOR.LOG of the host, or what the logical name "
            f"{LOG_NAME} stands for; /NOLOG closes it.",
            negatable=True,
        ),
        Keyword("STATUS", "Say what is shown here."),
    ),
    examples=("REPLY/ENABLE", "REPLY/ENABLE=(DISKS,CLUSTER)", "REPLY/DISABLE", "REPLY/LOG"),
    privileges=("OPER",),
    disallow=(("ENABLE", "DISABLE"), ("!ENABLE", "!DISABLE", "!LOG", "!STATUS")),
)

VERBS = (REPLY,)
