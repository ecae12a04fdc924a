"""IF, GOTO, GOSUB, ON, EXIT, INQUIRE, WRITE, OPEN, READ, CLOSE, @: what makes a command language of commands.

(OpenVMS User's Manual V7.3, chapters 13 and 14.)
"""

import re

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from emu.console.dcl import Command, DclError, Keyword, Kind, Parameter, Value, Verb
from emu.console.dcl.expressions import evaluate_list, integer, is_true
from emu.console.dcl.quoting import unquoted
from emu.console.dcl.source import Source, split_then
from emu.console.host_files import HostFileError, HostFileExists, TextFile
from emu.console.levels import Level
from emu.console.lexicals import Lexicals
from emu.console.process import TextReader
from emu.console.refusals import file_message, refused_by_host
from emu.console.session import Job
from emu.console.verbs.files import read_text

_TERMINALS = ("SYS$OUTPUT", "SYS$ERROR", "SYS$COMMAND", "SYS$INPUT")


def _no_time() -> Procedure:
    """A procedure that has ended already."""
    return
    yield


# ---- IF and its block


def _if(job: Job, command: Command) -> Procedure:
    condition, then = split_then(command.parameter("EXPRESSION"))
    if not condition:
        raise DclError("EXPSYN", "THEN")
    true = is_true(job.evaluate(condition))
    if then:
        if true:
            job.level.pending.appendleft(then)
    else:
        job.level.begin_block(runs=true, awaits_then=then is None)
    return _no_time()


def _then(job: Job, command: Command) -> Procedure:
    job.level.then(command.parameter("COMMAND"))
    return _no_time()


def _else(job: Job, command: Command) -> Procedure:
    job.level.otherwise(command.parameter("COMMAND"))
    return _no_time()


def _endif(job: Job, command: Command) -> Procedure:
    job.level.end_block()
    return _no_time()


_COMMAND = Parameter("COMMAND", "Command", required=False, verbatim=True)

IF = Verb(
    "IF",
    "Carry out a command if an expression is true: an odd number, or a string that begins with T or Y. With THEN at "
    "the end, or at the beginning of the next line, all lines up to ELSE or ENDIF belong to it.",
    _if,
    (Parameter("EXPRESSION", "Expression", verbatim=True),),
    examples=('IF F$GETDVI("DSA1:","MNT") THEN SHOW DEVICE DSA1:', 'IF P1 .EQS. "" THEN EXIT'),
    keeps_status=True,
)
THEN = Verb(
    "THEN",
    "Begin what an IF carries out when it is true.",
    _then,
    (_COMMAND,),
    examples=("THEN",),
    keeps_status=True,
)
ELSE = Verb(
    "ELSE",
    "Begin what an IF carries out when it is false.",
    _else,
    (_COMMAND,),
    examples=("ELSE",),
    keeps_status=True,
)
ENDIF = Verb("ENDIF", "End the lines that belong to an IF.", _endif, examples=("ENDIF",), keeps_status=True)


# ---- GOTO, GOSUB, RETURN, EXIT, ON


def _goto(job: Job, command: Command) -> Procedure:
    job.level.go_to(command.parameter("LABEL"), "USGOTO")
    return _no_time()


def _gosub(job: Job, command: Command) -> Procedure:
    job.level.go_subroutine(command.parameter("LABEL"))
    return _no_time()


def _status(job: Job, command: Command) -> int:
    text = command.parameter("STATUS")
    return integer(job.evaluate(text)) & 0xFFFF_FFFF if text else job.process.status


def _return(job: Job, command: Command) -> Procedure:
    status = _status(job, command)
    if job.level.come_back() or job.level.source is None:
        job.process.status = status
    else:
        job.exit_status = status
    return _no_time()


def _exit(job: Job, command: Command) -> Procedure:
    if job.level.source is None:
        job.session.ended = True
    else:
        job.exit_status = _status(job, command)
    return _no_time()


_CONDITION = re.compile(r"(WARNING|ERROR|SEVERE_ERROR|CONTROL_Y)\b", re.IGNORECASE)


def _on(job: Job, command: Command) -> Procedure:
    condition, action = split_then(command.parameter("CONDITION"))
    if not action:
        raise DclError("NOTHEN", condition)
    words = [w for w in ("WARNING", "ERROR", "SEVERE_ERROR", "CONTROL_Y") if w.startswith(condition.upper())]
    if len(words) != 1 or not condition:
        raise DclError("IVKEYW", condition.upper())
    level = job.level
    if words[0] == "CONTROL_Y":
        level.on_control_y = action
    else:
        level.on = {"WARNING": "W", "ERROR": "E", "SEVERE_ERROR": "F"}[words[0]]
        level.on_action = action
    return _no_time()


_LABEL = (Parameter("LABEL", "Label"),)
_STATUS = (Parameter("STATUS", "Status", required=False, verbatim=True),)

GOTO = Verb(
    "GOTO",
    "Go on at a label of the procedure.",
    _goto,
    _LABEL,
    examples=("GOTO DONE",),
    keeps_status=True,
)
GOSUB = Verb(
    "GOSUB",
    "Go on at a label, until RETURN comes back.",
    _gosub,
    _LABEL,
    examples=("GOSUB CHECK_SET",),
    keeps_status=True,
)
RETURN = Verb(
    "RETURN",
    "Go back behind the last GOSUB, with a status if one is given.",
    _return,
    _STATUS,
    examples=("RETURN",),
    keeps_status=True,
)
EXIT = Verb(
    "EXIT",
    "End a command procedure, with a status if one is given. At the prompt, end the session, whatever node it is on.",
    _exit,
    _STATUS,
    examples=("EXIT", "EXIT 44"),
    needs_node=False,
    keeps_status=True,
)
CONTINUE = Verb(
    "CONTINUE",
    "Go on with the next line: what ON has a procedure do that heeds no error.",
    lambda job, command: _no_time(),
    examples=("CONTINUE",),
    keeps_status=True,
)
ON = Verb(
    "ON",
    "Say what a procedure does after a command that ended with a WARNING, ERROR or SEVERE_ERROR, or worse, or at "
    "CONTROL_Y. It does so once; then errors end the procedure, as they do without ON.",
    _on,
    (Parameter("CONDITION", "Condition", verbatim=True),),
    examples=("ON ERROR THEN GOTO FAILED", "ON ERROR THEN CONTINUE", "ON CONTROL_Y THEN GOTO CLEAN_UP"),
    keeps_status=True,
)


# ---- INQUIRE, WRITE, files


def _inquire(job: Job, command: Command) -> Procedure:
    name, text = command.parameter("SYMBOL").upper(), command.parameter("PROMPT")
    prompt = unquoted(text) if text else name
    answer = yield from job.ask(prompt + ("" if command.is_negated("PUNCTUATION") else ": "))
    value = (answer or "").strip()
    value = unquoted(value) if value.startswith('"') else re.sub(r"\s+", " ", value).upper()
    symbols = job.process.symbols
    (symbols.globals if command.is_given("GLOBAL") else symbols.local)[name] = value


INQUIRE = Verb(
    "INQUIRE",
    "Ask the operator, and make the answer, in capitals, a symbol's value.",
    _inquire,
    (Parameter("SYMBOL", "Symbol"), Parameter("PROMPT", "Prompt", required=False, verbatim=True)),
    (
        Keyword("GLOBAL", "Make it a global symbol."),
        Keyword("LOCAL", "Make it a local symbol, as it is without a qualifier."),
        Keyword("PUNCTUATION", "/NOPUNCTUATION: no colon behind the prompt.", negatable=True),
    ),
    ('INQUIRE DISK "Which member"',),
)


def _file_error(ident: str, name: str, error: HostFileError) -> Failure:
    return refused_by_host(file_message("DCL", "E", ident, name), name, error)


def _write(job: Job, command: Command) -> Procedure:
    name = command.parameter("LOGICAL_NAME").upper().rstrip(":")
    lexicals = Lexicals(job.session)
    values = evaluate_list(command.parameter("EXPRESSION"), job.process.lookup, lexicals.call)
    line = "".join(map(str, values))
    if name in _TERMINALS:
        job.say(line)
        return _no_time()
    file = job.process.files.get(name)
    if not isinstance(file, TextFile):
        raise DclError("UNDFIL", name)
    try:
        file.write_line(line)
    except HostFileError as error:
        raise _file_error("WRITEERR", name, error) from error
    return _no_time()


def _read(job: Job, command: Command) -> Procedure:
    name, symbol = command.parameter("LOGICAL_NAME").upper().rstrip(":"), command.parameter("SYMBOL").upper()
    if name in _TERMINALS:
        prompt = command.values("PROMPT")
        line = yield from job.ask(prompt[0] if prompt else "Data: ")
    else:
        file = job.process.files.get(name)
        if not isinstance(file, TextReader):
            raise DclError("UNDFIL", name)
        line = file.line()
    if line is not None:
        job.process.symbols.local[symbol] = line
        return
    end = command.values("END_OF_FILE")
    if not end:
        raise Failure(Message("RMS", "E", "EOF", "end of file detected"))
    job.level.go_to(end[0], "USGOTO")


def _open(job: Job, command: Command) -> Procedure:
    name, file_name = command.parameter("LOGICAL_NAME").upper().rstrip(":"), command.parameter("FILE")
    if name in job.process.files:
        raise Failure(Message("DCL", "I", "OPENLNM", f"{name} is open already"))
    if not (command.is_given("WRITE") or command.is_given("APPEND")):
        lines = yield from read_text(job, file_name, ".DAT")
        job.process.files[name] = TextReader(lines)
        return
    try:
        if command.is_given("WRITE"):
            # DEVIATION: VMS makes a new version of a file that exists; the host has no versions
            fresh = job.session.host_files.create(file_name, overlay=False)
            fresh.keep()
            fresh.close()
        job.process.files[name] = job.session.host_files.append(file_name)
    except HostFileExists:
        why = Message("RMS", "E", "FEX", "file already exists, not superseded")
        raise Failure(file_message("DCL", "E", "OPENOUT", file_name), why) from None
    except HostFileError as error:
        raise _file_error("OPENOUT", file_name, error) from error


def _close(job: Job, command: Command) -> Procedure:
    name = command.parameter("LOGICAL_NAME").upper().rstrip(":")
    file = job.process.files.pop(name, None)
    if file is None:
        raise DclError("UNDFIL", name)
    if isinstance(file, TextFile):
        file.close()
    return _no_time()


_CHANNEL = Parameter("LOGICAL_NAME", "Log_Name")

WRITE = Verb(
    "WRITE",
    "Say something, or add a line to a file that is open: expressions, with commas between them.",
    _write,
    (_CHANNEL, Parameter("EXPRESSION", "Expression", verbatim=True)),
    examples=('WRITE SYS$OUTPUT "It is ", F$TIME()',),
)
READ = Verb(
    "READ",
    "Read a line into a symbol, from a file that is open or, SYS$COMMAND, from the operator.",
    _read,
    (_CHANNEL, Parameter("SYMBOL", "Symbol")),
    (
        Keyword("END_OF_FILE", "The label to go to at the end.", Value("label")),
        Keyword("PROMPT", "What the operator is asked.", Value("text")),
    ),
    ("READ/END_OF_FILE=DONE LIST LINE",),
)
OPEN = Verb(
    "OPEN",
    "Open a text file under a logical name, for READ, or, of the host, for WRITE.",
    _open,
    (_CHANNEL, Parameter("FILE", "File", Kind.FILE)),
    (
        Keyword("READ", "Open it for reading, as it is without a qualifier."),
        Keyword("WRITE", "Make a new file."),
        Keyword("APPEND", "Add to the end of a file."),
    ),
    ("OPEN/WRITE LOG backup.log",),
    disallow=(("READ", "WRITE"), ("READ", "APPEND"), ("WRITE", "APPEND")),
)
CLOSE = Verb("CLOSE", "Close a file that OPEN opened.", _close, (_CHANNEL,), examples=("CLOSE LOG",))

_WORD = re.compile(r'(?:"(?:[^"]|"")*"?|[^\s"])+')


def _call(job: Job, command: Command) -> Procedure:
    name, *parameters = _WORD.findall(command.parameter("FILE"))
    lines = yield from read_text(job, unquoted(name), ".COM")
    source = Source(name, lines)
    job.process.push(Level(source), [unquoted(p) if p[0] == '"' else p.upper() for p in parameters])


CALL = Verb(
    "@",
    "Carry out a command procedure, with up to eight parameters: its symbols P1 to P8. The type .COM may be left out. "
    "SYS$EXAMPLES: holds what comes with this program.",
    _call,
    (Parameter("FILE", "File", Kind.FILE, verbatim=True),),
    examples=("@SYS$EXAMPLES:BACKUP_MEMBER.COM DSA1: $1$DUA11:",),
    keeps_status=True,
)

VERBS = (
    CALL,
    IF,
    THEN,
    ELSE,
    ENDIF,
    GOTO,
    GOSUB,
    RETURN,
    EXIT,
    CONTINUE,
    ON,
    INQUIRE,
    WRITE,
    READ,
    OPEN,
    CLOSE,
)
