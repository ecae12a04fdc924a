"""LOAD and STOP, WAIT, SET, HELP, LOGOUT: the session itself and what runs beside it."""

from drivers.files.xqp import system_failure
from drivers.message import Failure, Message
from drivers.platform.pool import InsufficientMemory
from drivers.platform.process import Procedure
from emu.console import help as help_text
from emu.console.dcl import Command, DclError, Keyword, Kind, Parameter, Value, Verb
from emu.console.load import Load, LoadRequest
from emu.console.refusals import made_fatal
from emu.console.session import Job
from emu.console.times import parse_delta_ns
from emu.console.verbs import process, set_device
from emu.console.verbs.files import refuse_files
from emu.core.clock import MILLISECOND_NS

LARGEST_BLOCKS = 127
DEEPEST = 256


# ---- LOAD, STOP/LOAD


def _load(job: Job, command: Command) -> Procedure:
    with made_fatal("LOAD"):
        vu = job.session.mounted_set(command.parameter("DEVICE"))
    running = {load.node.name: load for load in job.session.loads_on(vu.name) if load.running}
    if job.node.name in running:
        raise Failure(Message("LOAD", "F", "RUNNING", f"a load is running on {vu.name} already"))
    writes = command.number("WRITES", 0)
    rate = command.number_in("RATE", 0, 0, 1_000_000)
    request = LoadRequest(
        writes,
        command.number("SEED", 1),
        command.number_in("BLOCKS", 16, 1, LARGEST_BLOCKS),
        command.number_in("DEPTH", 4, 1, DEEPEST),
        command.number_in("READS", 0, 0, 99) if writes else 100,
        rate or None,
    )
    if not writes and "READS" in command.qualifiers:
        raise DclError("CONFLICT", "READS")
    if writes:
        if vu.write_locked:
            raise system_failure("WRITLCK", f"device is currently write locked, _{vu.name}", "F")
        yield from refuse_files(job, vu)
    try:
        ledger = next((load.application.ledger for load in running.values()), None)
        load = Load(job.node, vu, request, job.session.tell, ledger)
        job.session.loads[job.node.name, vu.name] = load
    except InsufficientMemory:
        raise Failure(Message("SYSTEM", "F", "INSFMEM", "insufficient dynamic memory")) from None
    what = f"{writes} writes" if writes else "reads until STOP/LOAD"
    job.tell(Message("LOAD", "S", "STARTED", f"load on {vu.name} started, {what}"))
    return
    yield


LOAD = Verb(
    "LOAD",
    "Put a load on a shadow set, from this node: random reads and writes in the background, while commands go on. "
    "What is read is checked against what was written. Without /WRITES nothing is written; with it, blocks behind "
    "the file system's own are overwritten.",
    _load,
    (Parameter("DEVICE", "Device", Kind.DEVICE),),
    (
        Keyword("WRITES", "End after so many writes.", Value("count", Kind.NUMBER)),
        Keyword("READS", "Percent of requests that read, 0 to 99.", Value("percent", Kind.NUMBER)),
        Keyword("BLOCKS", "Largest request, 16 by default.", Value("blocks", Kind.NUMBER)),
        Keyword("DEPTH", "Requests under way at a time, 4 by default.", Value("count", Kind.NUMBER)),
        Keyword(
            "RATE", "Requests a second; otherwise as many as the disks answer.", Value("count", Kind.NUMBER)
        ),
        Keyword("SEED", "The same seed makes the same requests.", Value("number", Kind.NUMBER)),
    ),
    ("LOAD DSA1: /WRITES=1000 /READS=30", "LOAD DSA1: /WRITES=5000 /RATE=100 /SEED=7"),
    yields=True,
)


def _stop(job: Job, command: Command) -> Procedure:
    loads = list(job.session.loads.values())
    if command.is_given("DEVICE"):
        with made_fatal("STOP"):
            loads = job.session.loads_on(job.session.mounted_set(command.parameter("DEVICE")).name)
    loads = [load for load in loads if load.running]
    if not loads:
        raise Failure(Message("STOP", "W", "NOLOAD", "no load is running"))
    for load in loads:
        load.stop()
    while any(load.running for load in loads):
        yield MILLISECOND_NS


STOP = Verb(
    "STOP",
    "End the load on a shadow set, or all loads.",
    _stop,
    (Parameter("DEVICE", "Device", Kind.DEVICE, required=False),),
    (Keyword("LOAD", "Needed: nothing else can be stopped here."),),
    ("STOP/LOAD DSA1:",),
    disallow=(("!LOAD",),),
)


# ---- WAIT


def _wait(job: Job, command: Command) -> Procedure:
    text = command.parameter("WHAT")
    duration_ns = parse_delta_ns(text) if text else None
    if duration_ns is not None and not command.is_given("LOAD"):
        clock = job.node.platform.clock
        end_ns = clock.now_ns + duration_ns
        while clock.now_ns < end_ns:
            job.stop_if_interrupted("WAIT")
            yield min(end_ns - clock.now_ns, MILLISECOND_NS * 100)
        return
    if command.is_given("LOAD"):
        loads = list(job.session.loads.values())
        if text:
            with made_fatal("WAIT"):
                loads = job.session.loads_on(job.session.mounted_set(text).name)
        while any(load.running for load in loads):
            job.stop_if_interrupted("WAIT")
            yield MILLISECOND_NS
        return
    if not text:
        raise DclError("INSFPRM")
    if "$" not in text and not text.upper().lstrip("_").startswith("DSA"):
        raise DclError("IVDTIME", text)
    with made_fatal("WAIT"):
        vu = job.session.mounted_set(text)
    while vu.state.copier and job.node.shadow.units.get(vu.name) is vu:
        job.stop_if_interrupted("WAIT")
        yield MILLISECOND_NS


WAIT = Verb(
    "WAIT",
    "Wait until a shadow set has neither copy nor merge left, or for a time, hh:mm:ss; with /LOAD until loads have "
    "ended. Virtual time runs as fast as it can meanwhile.",
    _wait,
    (Parameter("WHAT", "Time", Kind.DEVICE, required=False),),
    (Keyword("LOAD", "Wait for the load on the set, or for all loads."),),
    ("WAIT DSA1:", "WAIT 00:00:10", "WAIT/LOAD"),
    cancellable=True,
)


# ---- SET


def _set_host(job: Job, command: Command) -> Procedure:
    session, name = job.session, command.parameter("NODE").rstrip(":").upper()
    node = session.world.nodes.get(name)
    if node is None:
        raise Failure(Message("SYSTEM", "F", "NOSUCHNODE", "remote node is unknown"))
    if node.crashed:
        raise Failure(Message("SYSTEM", "F", "UNREACHABLE", "remote node is not currently reachable"))
    if name in session.hosts:
        del session.hosts[session.hosts.index(name) + 1 :]
    else:
        session.hosts.append(name)
    job.say(welcome(node.name, node.kind))
    return
    yield


def welcome(name: str, kind: str) -> str:
    """What a node says at login."""
    return f"        Welcome to node {name}, a model of OpenVMS {kind} V7.3"


SET = Verb(
    "SET",
    "Change something.",
    options=(
        Verb(
            "HOST",
            "Log in to another node; LOGOUT returns from there.",
            _set_host,
            (Parameter("NODE", "Node", Kind.NODE),),
            examples=("SET HOST VAX1",),
        ),
        set_device.SET_OPTION,
        *process.SET_OPTIONS,
    ),
)


# ---- HELP, LOGOUT, EXIT


def _help(job: Job, command: Command) -> Procedure:
    """Explain, and ask for more, as the topics below lead further down; Return leads up, and out."""
    topics = _words(command.parameter("TOPIC"))
    verbs, kind = job.session.verbs, job.node.kind
    while True:
        found = help_text.known_topics(verbs, topics, kind)
        for line in help_text.help_lines(verbs, topics, kind):
            job.say(line)
        path = found if help_text.leads_on(verbs, found, kind) else found[:-1]
        while True:
            answer = yield from job.ask(" ".join((*path, "Subtopic? " if path else "Topic? ")))
            words = _words(answer or "")
            if words or not path or answer is None:
                break
            path = path[:-1]
        if not words:
            return
        topics = [*path, *words] if words != ["?"] else path


def _words(text: str) -> list[str]:
    """Topics: a slash begins one, as in MOUNT/POLICY, and nothing depends on it."""
    return text.upper().replace("/", " ").split()


HELP = Verb(
    "HELP",
    "Explain a verb and its qualifiers. It asks for topics then: Return leads one level up, and out; ? shows the "
    "topics again.",
    _help,
    (Parameter("TOPIC", "Topic", Kind.TOPIC, required=False, rest=True, verbatim=True),),
    examples=("HELP MOUNT", "HELP SHOW DEVICE", "HELP MOUNT/POLICY"),
)


def _logout(job: Job, command: Command) -> Procedure:
    session = job.session
    if len(session.hosts) > 1:
        session.hosts.pop()
        job.tell(Message("REM", "S", "END", f"control returned to node _{session.node.name}::"))
    else:
        session.ended = True
    return
    yield


LOGOUT = Verb(
    "LOGOUT",
    "Leave this node: for the one that SET HOST came from, or for good.",
    _logout,
    examples=("LOGOUT",),
    needs_node=False,
)


def _shutdown(job: Job, command: Command) -> Procedure:
    """Dismount everything everywhere, so that nothing has to be copied at the next mount."""
    session = job.session
    session.ended = True
    loads = [load for load in session.loads.values() if load.running]
    for load in loads:
        load.stop()
    while any(not claim.node.crashed for claim in session.claimed.values()) or any(
        load.running for load in loads
    ):
        yield MILLISECOND_NS
    for node in session.nodes_up:
        for name in (*node.shadow.units, *node.utilities.private):
            job.tell(
                Message("SHUTDOWN", "I", "DISMOUNTDEV", f"dismounting device _{name} on node {node.name}")
            )
            if name in node.shadow.units:
                yield from node.utilities.dismount_unit(name, job.tell)
            else:
                yield from node.utilities.dismount_disk(name)


SHUTDOWN = Verb(
    "SHUTDOWN",
    "Stop loads, dismount all volumes on all nodes, end the session. EXIT does the same in the end.",
    _shutdown,
    examples=("SHUTDOWN",),
    privileges=("CMKRNL",),
    yields=True,
    needs_node=False,
)

VERBS = (LOAD, STOP, WAIT, SET, HELP, LOGOUT, SHUTDOWN)
