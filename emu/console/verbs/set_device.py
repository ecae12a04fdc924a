"""SET DEVICE: what an operator changes about a mounted shadow set and its members.

(Shadowing reference, section 4.12.)
"""

from itertools import combinations

from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from emu.console.dcl import Command, DclError, Keyword, Kind, Parameter, Value, Verb
from emu.console.refusals import preceded
from emu.console.session import Job, virtual_unit_name
from emu.console.verbs.volumes import ALPHA

READ_COST_LIMIT = 0xFFFF_FFFF
TIMEOUT_LIMIT_S = 16_777_215
SITE_LIMIT = 255  # UNCERTAIN: as in later manuals

_OF_A_MEMBER = ("READ_COST", "MEMBER_TIMEOUT", "FORCE_REMOVAL")
_OF_A_SET = ("MVTIMEOUT", "ABORT_VIRTUAL_UNIT")
_OF_EITHER = ("COPY_SOURCE", "SITE")
_TOGETHER = (
    {"READ_COST", "MEMBER_TIMEOUT"},
    {"READ_COST", "COPY_SOURCE"},
    {"MEMBER_TIMEOUT", "COPY_SOURCE"},
    {"MVTIMEOUT", "COPY_SOURCE"},
    *({"SITE", other} for other in ("READ_COST", "MEMBER_TIMEOUT", "MVTIMEOUT", "COPY_SOURCE")),
)


def _set_device(job: Job, command: Command) -> Procedure:
    if not command.qualifiers:
        raise DclError("INSFPRM")
    read_cost = command.number_in("READ_COST", 1, 1, READ_COST_LIMIT)
    timeout_s = command.number_in("MEMBER_TIMEOUT", 1, 1, TIMEOUT_LIMIT_S)
    verification_timeout_s = command.number_in("MVTIMEOUT", 1, 1, TIMEOUT_LIMIT_S)
    site = command.number_in("SITE", 1, 1, SITE_LIMIT)
    utilities = job.node.utilities
    device = _device(job, command)
    if command.is_given("READ_COST"):
        utilities.set_read_cost(device, read_cost)
    if command.is_given("MEMBER_TIMEOUT"):
        utilities.set_member_timeout(device, timeout_s)
    if command.is_given("MVTIMEOUT"):
        utilities.set_verification_timeout(device, verification_timeout_s)
    if command.is_given("SITE"):
        utilities.set_site(device, site)
    if command.is_given("COPY_SOURCE"):
        utilities.set_copy_source(device)
    if command.is_given("FORCE_REMOVAL"):
        yield from utilities.force_removal(device, job.tell)
    if command.is_given("ABORT_VIRTUAL_UNIT"):
        yield from utilities.abort_virtual_unit(device)


def _device(job: Job, command: Command) -> str:
    """The full name of a virtual unit or a member, whichever the qualifiers are for; raises Failure."""
    name = command.parameter("DEVICE")
    unit = virtual_unit_name(name)
    if unit is not None:
        job.session.mounted_set(name)
        if any(command.is_given(qualifier) for qualifier in _OF_A_MEMBER):
            raise Failure(Message("SET", "E", "NOTSHDWDEV", f"{unit} is not a valid shadow set member"))
        return unit
    with preceded(Message("SET", "E", "NOTSET", f"error modifying {name.upper()}")):
        device = job.node.disk(name).name
    if any(command.is_given(qualifier) for qualifier in _OF_A_SET):
        raise Failure(Message("SET", "E", "NOTSHDWVU", f"{device} is not a shadow set virtual unit"))
    if not any(vu.state.member(device) for vu in job.node.shadow.units.values()):
        raise Failure(
            Message("SET", "E", "NOTMEMBER", f"_{device} is no member of a shadow set mounted on this node")
        )
    return device


SET_OPTION = Verb(
    "DEVICE",
    "Change how this node uses a shadow set or one of its members, until that is dismounted.",
    _set_device,
    (Parameter("DEVICE", "Device", Kind.DEVICE),),
    (
        Keyword(
            "READ_COST",
            "What a read from this member costs: reads go where queue length and cost are lowest.",
            Value("cost", Kind.NUMBER),
            nodes=ALPHA,
        ),
        Keyword(
            "MEMBER_TIMEOUT",
            "How long this member may be away before it is put out, in place of SHADOW_MBR_TMO.",
            Value("seconds", Kind.NUMBER),
            nodes=ALPHA,
        ),
        Keyword(
            "MVTIMEOUT",
            "How long all members of this set may be away before it is given up, in place of the system parameter "
            "MVTIMEOUT.",
            Value("seconds", Kind.NUMBER),
            nodes=ALPHA,
        ),
        Keyword(
            "COPY_SOURCE",
            "Have full copies that the host carries out read from this member; with a virtual unit, from its master "
            "member.",
            nodes=ALPHA,
        ),
        Keyword(
            "SITE",
            "Where this node is, with a virtual unit, or where a member is: members at another site cost more to read.",
            Value("number", Kind.NUMBER),
            nodes=ALPHA,
        ),
        Keyword("FORCE_REMOVAL", "Put this member out at once, also while it is waited for.", nodes=ALPHA),
        Keyword(
            "ABORT_VIRTUAL_UNIT",
            "End the mount verification of this set: its requests fail from now on. Then DISMOUNT/ABORT it.",
            nodes=ALPHA,
        ),
    ),
    (
        "SET DEVICE/READ_COST=100 $1$DUA12:",
        "SET DEVICE/MEMBER_TIMEOUT=600 $1$DUA12:",
        "SET DEVICE/MVTIMEOUT=7200 DSA1:",
        "SET DEVICE/COPY_SOURCE $1$DUA10:",
        "SET DEVICE/SITE=2 $1$DUA10:",
        "SET DEVICE/FORCE_REMOVAL $1$DUA12:",
        "SET DEVICE/ABORT_VIRTUAL_UNIT DSA1:",
    ),
    disallow=tuple(
        pair
        for pair in combinations((*_OF_A_MEMBER, *_OF_A_SET, *_OF_EITHER), 2)
        if set(pair) not in _TOGETHER
    ),
    # UNCERTAIN: V7.3's SET DEVICE for shadow sets; SET SHADOW of later versions: SYSPRV
    privileges=("OPER",),
)
