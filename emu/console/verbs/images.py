"""MCR and RUN: images of SYS$SYSTEM.  BOOT, which VMS has not: it brings up a node that has crashed."""

from collections.abc import Callable

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from emu.console.dcl import Command, Kind, Parameter, Verb
from emu.console.session import Job
from emu.console.verbs import sysgen


def _crash(job: Job, line: str) -> Procedure:
    """OPCCRASH: stop the node at this instant.  The others are told, as a bugcheck tells them."""
    job.process.require(("CMKRNL",))
    job.node.platform.operator("**** BUGCHECK, OPERATOR, Operator requested system shutdown")
    job.node.crash(last_gasp=True)
    return
    yield


_IMAGES: dict[str, Callable[[Job, str], Procedure]] = {"OPCCRASH": _crash, "SYSGEN": sysgen.run}


def _run(job: Job, image: str, line: str) -> Procedure:
    body = _IMAGES.get(image.upper().rpartition(":")[2].removesuffix(".EXE"))
    if body is None:
        raise Failure(
            Message("DCL", "W", "ACTIMAGE", f"error activating image {image.upper()}"),
            Message("CLI", "E", "IMAGEFNF", "image file not found", continued=True),
        )
    return body(job, line)


def _mcr(job: Job, command: Command) -> Procedure:
    return _run(job, command.parameter("IMAGE"), command.parameter("COMMAND"))


def _image(job: Job, command: Command) -> Procedure:
    return _run(job, command.parameter("IMAGE"), "")


_WHAT = (
    "Run an image of SYS$SYSTEM: SYSGEN, with system parameters, whose commands are SHOW, SET, USE, WRITE and EXIT; or "
    "OPCCRASH, which crashes the node."
)

MCR = Verb(
    "MCR",
    _WHAT,
    _mcr,
    (Parameter("IMAGE", "Image"), Parameter("COMMAND", "Command", required=False, verbatim=True)),
    examples=("MCR SYSGEN SHOW SHADOW_MAX_COPY", "MCR SYSGEN"),
)
RUN = Verb(
    "RUN",
    _WHAT,
    _image,
    (Parameter("IMAGE", "Image"),),
    examples=("RUN SYS$SYSTEM:SYSGEN", "RUN SYS$SYSTEM:OPCCRASH"),
)


def _boot(job: Job, command: Command) -> Procedure:
    world, name = job.session.world, command.parameter("NODE").rstrip(":").upper()
    node = world.nodes.get(name)
    if node is None:
        raise Failure(Message("SYSTEM", "F", "NOSUCHNODE", "remote node is unknown"))
    if not node.crashed:
        raise Failure(Message("BOOT", "F", "RUNNING", f"node {name} is running"))
    node = world.reboot(name)
    up = node.platform.flag()
    node.run("boot", node.boot(alone=world.is_alone), lambda _: up.set())
    yield up
    job.tell(Message("BOOT", "S", "UP", f"node {name} is up"))


BOOT = Verb(
    "BOOT",
    "Boot a node that has crashed: it finds its disks and joins the cluster; nothing is mounted.",
    _boot,
    (Parameter("NODE", "Node", Kind.NODE),),
    examples=("BOOT VAX1",),
    needs_node=False,
    yields=True,
)

VERBS = (MCR, RUN, BOOT)
