"""What belongs to the operator's process: privileges, symbols, logical names, prompt, VERIFY and ON."""

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from emu.console.dcl import Command, DclError, Keyword, Parameter, Value, Verb
from emu.console.process import NOPRIV, PRIVILEGES
from emu.console.session import Job


def _no_time() -> Procedure:
    return
    yield


def _switch(name: str, text: str, attribute: str, value: bool) -> Verb:
    def routine(job: Job, command: Command) -> Procedure:
        owner = job.level if attribute == "errors_matter" else job.process
        setattr(owner, attribute, value)
        return _no_time()

    return Verb(name, text, routine, examples=(f"SET {name}",), keeps_status=attribute == "errors_matter")


def _set_prompt(job: Job, command: Command) -> Procedure:
    job.process.prompt = command.parameter("TEXT").lstrip("=").strip().strip('"')
    return _no_time()


def _set_process(job: Job, command: Command) -> Procedure:
    process = job.process
    given = command.qualifiers.get("PRIVILEGES")
    if given is None:
        raise DclError("INSFPRM")
    wanted = set(process.privileges)
    for keyword in given.keywords:
        names = set(PRIVILEGES) if keyword.name == "ALL" else {keyword.name}
        wanted = wanted - names if keyword.negated else wanted | names
    if not process.authorized.issuperset(wanted - process.privileges):
        raise Failure(NOPRIV)
    process.privileges = wanted
    return _no_time()


SET_OPTIONS = (
    _switch("VERIFY", "Show the lines of command procedures.", "verify", True),
    _switch("NOVERIFY", "Show them no more.", "verify", False),
    _switch("ON", "Have errors end a procedure, or do what ON says.", "errors_matter", True),
    _switch("NOON", "Have a procedure go on after errors.", "errors_matter", False),
    Verb(
        "PROMPT",
        "Change the prompt; without a text it is the usual one again.",
        _set_prompt,
        (Parameter("TEXT", "Prompt", required=False, verbatim=True),),
        examples=('SET PROMPT="ALPHA> "',),
    ),
    Verb(
        "PROCESS",
        "Give up privileges, or take them back.",
        _set_process,
        qualifiers=(
            Keyword(
                "PRIVILEGES",
                "The privileges, each with NO before it to give it up; ALL, NOALL.",
                Value(
                    "privilege",
                    many=True,
                    keywords=(
                        *(Keyword(name, negatable=True) for name in PRIVILEGES),
                        Keyword("ALL", negatable=True),
                    ),
                ),
            ),
        ),
        examples=("SET PROCESS/PRIVILEGES=(NOALL,TMPMBX,OPER)",),
    ),
)


def _show_process(job: Job, command: Command) -> Procedure:
    process = job.process
    job.say("")
    job.say(f"{job.session.now()}   User: {process.user:16} Process ID:   00000201")
    job.say(f'                          Node: {job.node.name:16} Process name: "{process.user}"')
    if command.is_given("PRIVILEGES"):
        for heading, names in (("Authorized", process.authorized), ("Process", process.privileges)):
            job.say("")
            job.say(f"{heading} privileges:")
            ordered = sorted(names)
            for start in range(0, len(ordered), 6):
                job.say(" " + "".join(f"{name:13}" for name in ordered[start : start + 6]).rstrip())
    return _no_time()


def _shown(name: str, value: object, sign: str) -> str:
    if isinstance(value, int):
        return (
            f"  {name} {sign} {value}   Hex = {value & 0xFFFF_FFFF:08X}  Octal = {value & 0xFFFF_FFFF:011o}"
        )
    return f'  {name} {sign} "{value}"'


def _show_symbol(job: Job, command: Command) -> Procedure:
    symbols, name = job.process.symbols, command.parameter("SYMBOL").upper()
    lines = [_shown(n, v, "==") for n, v in sorted(symbols.globals.items())]
    lines = [_shown(n, v, "=") for n, v in sorted(symbols.local.items())] + lines
    if not command.is_given("ALL"):
        if not name:
            raise DclError("INSFPRM")
        value = job.process.lookup(name)
        if value is None:
            raise DclError("UNDSYM", name)
        is_global = name in symbols.globals or name.startswith("$")
        lines = [_shown(name, value, "==" if is_global else "=")]
    for line in lines:
        job.say(line)
    return _no_time()


def _show_status(job: Job, command: Command) -> Procedure:
    job.say(f"  Status on {job.session.now()}     Last status: %X{job.process.status:08X}")
    return _no_time()


def _show_logical(job: Job, command: Command) -> Procedure:
    name = _logical_name(command)
    tables = {"LNM$PROCESS_TABLE": job.process.logicals, "LNM$SYSTEM_TABLE": job.node.platform.logical_names}
    if command.is_given("SYSTEM"):
        del tables["LNM$PROCESS_TABLE"]
    if name:
        table = next((table for table, names in tables.items() if name in names), None)
        if table is None:
            raise Failure(Message("SHOW", "S", "NOTRAN", f"no translation for logical name {name}"))
        job.say(f'  "{name}" = "{tables[table][name]}" ({table})')
        return _no_time()
    for table, names in tables.items():
        job.say(f"({table})")
        job.say("")
        for key in sorted(names):
            job.say(f'  "{key}" = "{names[key]}"')
        job.say("")
    return _no_time()


def _logical_name(command: Command) -> str:
    return command.parameter("NAME").upper().rstrip(":")


def _table(job: Job, command: Command) -> dict[str, str]:
    """The table of logical names that a command is about."""
    return job.node.platform.logical_names if command.is_given("SYSTEM") else job.process.logicals


SHOW_OPTIONS = (
    Verb(
        "PROCESS",
        "Display the operator's process.",
        _show_process,
        qualifiers=(Keyword("PRIVILEGES", "Its privileges."),),
        examples=("SHOW PROCESS/PRIVILEGES",),
    ),
    Verb(
        "SYMBOL",
        "Display a symbol, or all of them.",
        _show_symbol,
        (Parameter("SYMBOL", "Symbol", required=False),),
        (Keyword("ALL", "All symbols of this command level, and the global ones."),),
        examples=("SHOW SYMBOL $STATUS",),
        keeps_status=True,
    ),
    Verb(
        "STATUS",
        "Display the status of the last command.",
        _show_status,
        examples=("SHOW STATUS",),
        keeps_status=True,
    ),
    Verb(
        "LOGICAL",
        "Display logical names.",
        _show_logical,
        (Parameter("NAME", "Log_Name", required=False),),
        (Keyword("SYSTEM", "Those of this node's system table only."),),
        examples=("SHOW LOGICAL", "SHOW LOGICAL/SYSTEM"),
    ),
)


def _define(job: Job, command: Command) -> Procedure:
    name, table = _logical_name(command), _table(job, command)
    if name in table and not command.is_negated("LOG"):
        job.tell(Message("DCL", "I", "SUPERSEDE", f"previous value of {name} has been superseded"))
    table[name] = command.parameter("MEANING")
    return _no_time()


def _deassign(job: Job, command: Command) -> Procedure:
    if _table(job, command).pop(_logical_name(command), None) is None:
        raise Failure(Message("SYSTEM", "F", "NOLOGNAM", "no logical name match"))
    return _no_time()


_SYSTEM = Keyword(
    "SYSTEM", "In the system table of this node, as long as that is up.", privileges=("SYSNAM",)
)
DEFINE = Verb(
    "DEFINE",
    "Give a name a meaning, in this process or on this node. In the system table, SHAD$MERGE_DELAY_FACTOR_DSAn, or "
    "else SHAD$MERGE_DELAY_FACTOR, is how much longer than on a quiet set, in percent, I/Os of a merge may take before "
    "it gives way to applications: 100 to 10000, 200 without them.",
    _define,
    (Parameter("NAME", "Log name"), Parameter("MEANING", "Equ name")),
    (_SYSTEM, Keyword("LOG", "/NOLOG: do not say that it had another one.", negatable=True)),
    ("DEFINE PAYROLL DSA1:", "DEFINE/SYSTEM SHAD$MERGE_DELAY_FACTOR_DSA1 1000"),
)
DEASSIGN = Verb(
    "DEASSIGN",
    "Take a name's meaning away.",
    _deassign,
    (Parameter("NAME", "Log name"),),
    (_SYSTEM,),
    examples=("DEASSIGN PAYROLL", "DEASSIGN/SYSTEM SHAD$MERGE_DELAY_FACTOR_DSA1"),
)

VERBS = (DEFINE, DEASSIGN)
