"""INITIALIZE, MOUNT, DISMOUNT, DELETE/BITMAP: what is done to volumes and shadow sets.

(Shadowing reference, sections 4.1, 4.2, 4.7, 4.13.)
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from drivers.cluster.node import Node
from drivers.files.fresh_volume import LABEL_BYTES, SYSTEM_UIC, IndexPlace, VolumeOptions
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.mount import MountRequest
from drivers.shadow.requests import Usage
from drivers.shadow.utility import Policy
from drivers.shadow.volume import VolumeIdentity
from emu.console.dcl import Command, DclError, Keyword, Kind, Parameter, Value, Verb, parse_number
from emu.console.elsewhere import usage_elsewhere
from emu.console.logical_names import name_volume, unname_volume
from emu.console.refusals import made_fatal, preceded
from emu.console.session import Job, virtual_unit_name
from emu.console.uic import parse_uic, uic_text
from emu.console.verbs.files import count_free_blocks, delete_files
from emu.console.verbs.members import former_members, telling_of_included, verify_labels
from emu.core.clock import MILLISECOND_NS
from emu.wire.codes.ods2 import HM2
from emu.wire.codes.shadowing import DiskUse

ALPHA = "Alpha"  # a VAX knows nothing of bitmaps and their policy

_SHDWCOPYREQ = Message("MOUNT", "F", "SHDWCOPYREQ", "shadow copy required")


def _policy(command: Command) -> Policy:
    if command.is_negated("POLICY"):
        return Policy.DEFAULT
    given = command.keyword("POLICY", "MINICOPY")
    if given is None:
        return Policy.DEFAULT
    if given.negated:
        return Policy.NOMINICOPY
    return Policy.OPTIONAL if given.keywords else Policy.MINICOPY


def _devices(job: Job, names: Sequence[str], facility: str) -> list[str]:
    """Full names of disks; raises Failure."""
    devices = []
    for name in names:
        if virtual_unit_name(name) is not None:
            raise Failure(
                Message(facility, "F", "NOTSHDWDEV", f"{name.upper()} is not a valid shadow set member")
            )
        with made_fatal(facility, name if len(names) > 1 else ""):
            device = job.node.disk(name).name
            job.session.refuse_claimed(device)
        devices.append(device)
    return devices


# ---- INITIALIZE


def _initialize(job: Job, command: Command) -> Procedure:
    names = command.values("SHADOW") or (command.parameter("DEVICE"),)
    devices = _devices(job, names, "INIT")
    if len({*devices}) < len(devices):
        raise Failure(Message("INIT", "F", "DEVSHAMEM", "a device is named twice"))
    for device in devices:
        if job.session.is_mounted(device) or job.session.set_of(device) is not None:
            raise Failure(Message("INIT", "F", "DEVMOUNT", f"_{device} is already mounted"))
        usage: Usage = yield from usage_elsewhere(job, device)
        if usage.use:
            raise Failure(Message("INIT", "F", "DEVMOUNT", f"_{device} is already mounted"))
    yield from job.node.utilities.initialize(
        devices,
        command.parameter("LABEL").upper(),
        shadow=command.is_given("SHADOW"),
        erase=command.is_given("ERASE"),
        options=_volume_options(command),
    )


def _volume_options(command: Command) -> VolumeOptions:
    name = (command.values("USER_NAME") or ("",))[0].upper()
    if len(name) > LABEL_BYTES or not name.isascii():
        raise Failure(Message("INIT", "F", "BADUSERNAME", f"a user name has 1 to {LABEL_BYTES} characters"))
    return VolumeOptions(
        owner_name=name,
        cluster_blocks=_limited(command, "CLUSTER_SIZE"),
        maximum_files=_limited(command, "MAXIMUM_FILES"),
        headers=_limited(command, "HEADERS"),
        index=_index(command),
        owner=_owner(command),
        characteristics=_characteristics(command),
    )


def _owner(command: Command) -> int:
    text = (command.values("OWNER_UIC") or (uic_text(SYSTEM_UIC),))[0]
    owner = parse_uic(text)
    if owner is None:
        text = f"{text} is no user identification code, which is [group,member] in octal"
        raise Failure(Message("INIT", "F", "IVUIC", text))
    return owner


def _characteristics(command: Command) -> int:
    bits = HM2.NOHIGHWATER if command.is_negated("HIGHWATER") else HM2(0)
    if command.is_given("DATA_CHECK"):
        # DEVIATION: the volume is marked, and that is all: no transfer is checked because of it
        reads, writes = (command.keyword("DATA_CHECK", name) is not None for name in ("READ", "WRITE"))
        bits |= HM2.READCHECK if reads else HM2(0)
        bits |= HM2.WRITCHECK if writes or not reads else HM2(0)
    return int(bits)


def _limited(command: Command, qualifier: str) -> int:
    """The number a qualifier gives, which is at least 1; 0 when it is not given."""
    number = command.number(qualifier, 0)
    if command.is_given(qualifier) and number < 1:
        raise DclError("NUMBER", qualifier)
    return number


def _index(command: Command) -> IndexPlace | int:
    for place in IndexPlace:
        if command.keyword("INDEX", place.name) is not None:
            return place
    return command.number("INDEX", 0) if command.values("INDEX") else IndexPlace.BEGINNING


_LABEL = Parameter("LABEL", "Label")

INITIALIZE = Verb(
    "INITIALIZE",
    "Make a fresh ODS-2 volume, with no files but those of the file system. What was on it is lost. "
    "With /SHADOW the disks become equal volumes that can be mounted together without a copy, "
    "given that /ERASE made the rest of them equal too.",
    _initialize,
    (Parameter("DEVICE", "Device", Kind.DEVICE), _LABEL),
    (
        Keyword("CLUSTER_SIZE", "Blocks that are allocated at least.", Value("blocks", Kind.NUMBER)),
        Keyword(
            "DATA_CHECK",
            "Mark the volume: all reads, or all writes, are to be checked; writes unless said otherwise.",
            Value("checks", required=False, many=True, keywords=(Keyword("READ"), Keyword("WRITE"))),
        ),
        Keyword("ERASE", "Write zeros over the whole disk first."),
        Keyword("HEADERS", "File headers the index file has room for at first.", Value("count", Kind.NUMBER)),
        Keyword("HIGHWATER", "/NOHIGHWATER: do not mark how far files are written.", negatable=True),
        Keyword(
            "INDEX",
            "Where the index file stands; a number is the LBN it begins at, or near to.",
            Value("lbn", Kind.NUMBER, keywords=tuple(Keyword(place.name) for place in IndexPlace)),
        ),
        Keyword("MAXIMUM_FILES", "Files the volume can have at most.", Value("count", Kind.NUMBER)),
        Keyword("OWNER_UIC", "Owner of the volume, [group,member] in octal.", Value("uic")),
        Keyword("USER_NAME", "Owner's name in the home block.", Value("name")),
        Keyword(
            "SHADOW",
            "Make several disks members-to-be of one set; the label is the only parameter then.",
            Value("devices", Kind.DEVICE, many=True),
            parameters=(_LABEL,),
            nodes=ALPHA,  # UNCERTAIN: there is no evidence that VAX V7.3 has it
        ),
    ),
    ("INITIALIZE $1$DUA10: PAYROLL", "INITIALIZE/ERASE/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL"),
    privileges=("VOLPRO",),
)


# ---- MOUNT


def _mount(job: Job, command: Command) -> Procedure:
    unit = virtual_unit_name(command.parameter("DEVICE"))
    label = command.parameter("LABEL").upper()
    if unit is None:
        if command.is_given("SHADOW"):
            raise Failure(
                Message(
                    "MOUNT",
                    "F",
                    "NOTSHDWVU",
                    f"{command.parameter('DEVICE').upper()} is not a shadow set virtual unit",
                )
            )
        for qualifier in ("POLICY", "CONFIRM", "COPY"):
            if qualifier in command.qualifiers:
                raise DclError("CONFLICT", qualifier)
        yield from _mount_disk(job, command, label)
        disk = job.node.disk(command.parameter("DEVICE"))
        for node in [job.node, *_others(job)] if command.is_given("CLUSTER") else [job.node]:
            yield from count_free_blocks(node, node.disk(disk.name))
        _name(job, command, disk.name, label)
        return
    if command.keyword("OVERRIDE", "SHADOW_MEMBERSHIP") is not None:
        raise DclError("CONFLICT", "OVERRIDE")  # DEVIATION: membership is overridden on single disks only
    devices = _devices(job, command.values("SHADOW"), "MOUNT")
    for device in devices:
        usage: Usage = yield from usage_elsewhere(job, device)
        if job.session.is_mounted(device) or usage.use in (DiskUse.READ, DiskUse.WRITTEN):
            raise Failure(Message("MOUNT", "F", "DEVMOUNT", f"_{device} is already mounted"))
        if usage.use is DiskUse.MEMBER and usage.unit != unit:
            raise _already_member(device, usage.unit)
    is_new = unit not in job.node.shadow.units
    included: list[str] = []
    if command.is_given("INCLUDE"):
        included = yield from former_members(job, devices)
    yield from _mount_set(job, command, unit, devices, label, included)
    if is_new:
        yield from count_free_blocks(job.node, job.node.shadow.units[unit])
    if command.is_given("CLUSTER"):
        for node in _others(job):
            if unit not in node.shadow.units:
                request = MountRequest(unit, (), label, write=not command.is_negated("WRITE"))
                yield from node.utilities.mount(request, node.cluster.nodes, job.tell)
                yield from count_free_blocks(node, node.shadow.units[unit])
    if is_new:
        _name(job, command, unit, label)


def _name(job: Job, command: Command, unit: str, label: str) -> None:
    """Give a volume its logical names."""
    names = [f"DISK${label}"]
    if command.is_given("LOGICAL_NAME"):
        names.append(command.parameter("LOGICAL_NAME").upper().rstrip(":"))
    nodes = [job.node, *_others(job)] if command.is_given("CLUSTER") else [job.node]
    system = command.is_given("SYSTEM") or command.is_given("CLUSTER")
    name_volume(job, nodes, unit, names, system=system)


def _asks_for(command: Command, policy: str) -> bool:
    keyword = command.keyword("POLICY", policy)
    return keyword is not None and not keyword.negated


def _mount_set(
    job: Job, command: Command, unit: str, devices: list[str], label: str, included: list[str]
) -> Procedure:
    """Mount, asking before a copy if /CONFIRM says so.

    included: devices that /INCLUDE found.  Asked, the operator has all the time in the world: a mount that needs
    consent it has not got ends, and is begun again with it.
    """
    agreed: list[str] = []
    refused: list[str] = []

    def consent(targets: Sequence[str]) -> bool:
        refused[:] = [device for device in targets if device not in agreed]
        return not refused

    verifies = _asks_for(command, "VERIFY_LABEL")
    request = MountRequest(
        unit,
        [*devices, *included],
        label,
        _policy(command),
        copy=not command.is_negated("COPY"),
        confirm=consent if command.is_given("CONFIRM") or verifies else None,
        override_no_forced_error=command.keyword("OVERRIDE", "NO_FORCED_ERROR") is not None,
        require_members=_asks_for(command, "REQUIRE_MEMBERS"),
        write=not command.is_negated("WRITE"),
    )
    while True:
        refused.clear()
        try:
            yield from job.node.utilities.mount(
                request, job.node.cluster.nodes, telling_of_included(job, included)
            )
            return
        except Failure:
            if not refused:
                raise
        if verifies:
            yield from verify_labels(job, refused)
        if command.is_given("CONFIRM") and not (yield from _ask_consent(job, unit, label, refused)):
            raise Failure(Message("MOUNT", "F", "OPRABORT", "mount aborted by operator"))
        agreed += refused


def _ask_consent(job: Job, unit: str, label: str, devices: Sequence[str]) -> Procedure:
    job.tell(_SHDWCOPYREQ)
    job.say(f"Virtual Unit - {unit.rstrip(':'):24}Volume Label - {label}")
    job.say("     Member                   Volume Label  Owner UIC")
    for device in devices:
        target: VolumeIdentity = yield from job.node.utilities.volume_identity(device)
        member = f"{device} ({job.node.name})"
        job.say(f"     {member:24} {target.label:13} {uic_text(target.owner)}".rstrip())
    while True:
        answer = yield from job.ask("Allow FULL shadow copy on the above member(s)? [N]: ")
        text = (answer or "NO").strip().upper() or "NO"
        if "YES".startswith(text) or "NO".startswith(text):
            return text[0] == "Y"


def _mount_disk(job: Job, command: Command, label: str) -> Procedure:
    (device,) = _devices(job, [command.parameter("DEVICE")], "MOUNT")
    vu = job.session.set_of(device)
    if vu is not None:
        raise _already_member(device, vu.name)
    usage: Usage = yield from usage_elsewhere(job, device)
    if usage.use is DiskUse.MEMBER:
        raise _already_member(device, usage.unit)
    nodes = [job.node, *_others(job)] if command.is_given("CLUSTER") else [job.node]
    for node in nodes:
        yield from node.utilities.mount_disk(
            node.disk(device).name,
            label,
            write=not command.is_negated("WRITE"),
            override=command.keyword("OVERRIDE", "SHADOW_MEMBERSHIP") is not None,
            say=job.tell,
        )


def _already_member(device: str, unit: str) -> Failure:
    return Failure(Message("MOUNT", "F", "DEVSHAMEM", f"_{device} is already a shadow member of {unit}"))


def _others(job: Job) -> list[Node]:
    return [node for node in job.session.nodes_up if node is not job.node]


_OPTIONAL = Value("OPTIONAL", keywords=(Keyword("OPTIONAL"),))
_MINICOPY = Keyword(
    "MINICOPY",
    "",
    Value("OPTIONAL", required=False, keywords=_OPTIONAL.keywords),
    True,
    ALPHA,
    privileges=("LOG_IO",),
)

MOUNT = Verb(
    "MOUNT",
    "Mount a shadow set, add members to one that is mounted, or mount a disk by itself. The set's newest "
    "member is the source, the others are copied. "
    "Without /SHADOW, a set mounted on another node is mounted here as it is there. The volume gets the logical name "
    "DISK$label, and another one if that is given.",
    _mount,
    (
        Parameter("DEVICE", "Device", Kind.DEVICE),
        _LABEL,
        Parameter("LOGICAL_NAME", "Log name", required=False),
    ),
    (
        Keyword("SHADOW", "The members, or those to add.", Value("devices", Kind.DEVICE, many=True)),
        Keyword(
            "POLICY",
            "On what terms members are taken.",
            Value(
                "policy",
                many=True,
                keywords=(
                    replace(
                        _MINICOPY,
                        help="A member that left with a write bitmap returns by minicopy. MINICOPY: fail rather than "
                        "copy in full, or rather than mount without the bitmap for an absent member. "
                        "MINICOPY=OPTIONAL: use or make a bitmap if possible. NOMINICOPY: copy in full.",
                    ),
                    Keyword(
                        "REQUIRE_MEMBERS",
                        "REQUIRE_MEMBERS: form no set without a member that is named and cannot be reached.",
                        negatable=True,
                    ),
                    Keyword(
                        "VERIFY_LABEL",
                        "VERIFY_LABEL: copy onto nothing but disks labelled SCRATCH_DISK.",
                        negatable=True,
                    ),
                ),
            ),
            negatable=True,
        ),
        Keyword(
            "INCLUDE",
            "Form the set as it was: the other members are found by what the named ones know of them.",
            negatable=True,
        ),
        Keyword("COPY", "/NOCOPY: fail if a copy would be needed.", negatable=True),
        Keyword("CONFIRM", "Ask before a disk is overwritten by a copy.", negatable=True),
        Keyword("WRITE", "/NOWRITE: mount write-locked; a shadow set on this node only.", negatable=True),
        Keyword(
            "OVERRIDE",
            "SHADOW_MEMBERSHIP: mount a former member for writing. It then returns to its set by full copy only. "
            "NO_FORCED_ERROR: take members on which no block can be marked as wrong.",
            Value("keyword", many=True, keywords=(Keyword("SHADOW_MEMBERSHIP"), Keyword("NO_FORCED_ERROR"))),
        ),
        Keyword("CLUSTER", "Mount on all nodes.", privileges=("SYSNAM",)),
        Keyword(
            "SYSTEM",
            "Mount for all users, as it always is here; the logical names are in the system table then.",
            privileges=("SYSNAM",),
        ),
    ),
    (
        "MOUNT/SYSTEM DSA1:/SHADOW=($1$DUA10:,$1$DUA11:) PAYROLL",
        "MOUNT/POLICY=MINICOPY DSA1:/SHADOW=$1$DUA11: PAYROLL",
        "MOUNT/NOWRITE $1$DUA11: PAYROLL",
    ),
)


# ---- DISMOUNT


def _dismount(job: Job, command: Command) -> Procedure:
    name = command.parameter("DEVICE")
    unit = virtual_unit_name(name)
    if command.is_given("FORCE_REMOVAL"):
        yield from _force_removal(job, command, unit)
        return
    if unit is not None:
        yield from _dismount_set(job, command, unit)
        return
    device = _device_to_dismount(job, name)
    if device in job.node.utilities.private:
        if "POLICY" in command.qualifiers:
            raise DclError("CONFLICT", "POLICY")
        nodes = [job.node, *_others(job)] if command.is_given("CLUSTER") else [job.node]
        for node in nodes:
            if device in node.utilities.private:
                yield from node.utilities.dismount_disk(device)
                unname_volume(job, node, device)
    elif command.is_given("ABORT"):
        yield from job.node.utilities.force_removal(device, job.tell)
    else:
        yield from job.node.utilities.dismount_member(device, _policy(command), job.tell)


def _device_to_dismount(job: Job, name: str) -> str:
    with preceded(_cannot_dismount(name.upper())):
        device = job.node.disk(name).name
        job.session.refuse_claimed(device)
    return device


def _force_removal(job: Job, command: Command, unit: str | None) -> Procedure:
    """Take the member that the qualifier names out of the set."""
    (name,) = command.values("FORCE_REMOVAL")
    if virtual_unit_name(name) is not None:
        raise Failure(Message("DISM", "F", "NOTSHDWDEV", f"{name.upper()} is not a valid shadow set member"))
    device = _device_to_dismount(job, name)
    vu = job.node.shadow.units.get(unit) if unit is not None else None
    if vu is None or vu.state.member(device) is None:
        where = command.parameter("DEVICE").upper()
        raise _cannot(
            device, Message("DISM", "F", "NOTMEMBER", f"it is not a member of {where}", continued=True)
        )
    yield from job.node.utilities.force_removal(device, job.tell)


def _dismount_set(job: Job, command: Command, unit: str) -> Procedure:
    nodes = [job.node]
    if command.is_given("CLUSTER"):
        nodes = [node for node in (job.node, *_others(job)) if unit in node.shadow.units] or nodes
    nodes[0].utilities.require_dismountable(unit, _policy(command), [node.name for node in nodes])
    loads = [load for node in nodes if (load := job.session.loads.get((node.name, unit))) and load.running]
    if command.is_given("ABORT"):
        for load in loads:
            load.stop()
        with suppress(Failure):  # there may be nothing to abort
            yield from nodes[0].utilities.abort_virtual_unit(unit)
    elif loads:
        if command.keyword("OVERRIDE", "CHECKS") is None:
            raise _cannot(
                unit, Message("DISM", "W", "USERFILES", "a load is running on the volume, STOP/LOAD ends it")
            )
        # DEVIATION: VMS marks the volume and returns; here DISMOUNT goes on until the load has ended
        job.tell(Message("DISM", "W", "USERFILES", "a load is running on the volume"))
        job.tell(Message("DISM", "I", "MARKEDDMT", f"{unit} has been marked for dismount"))
    while any(load.running for load in loads):
        yield MILLISECOND_NS
    for node in nodes:
        yield from node.utilities.dismount_unit(unit, job.tell, _policy(command))
        unname_volume(job, node, unit)


def _cannot_dismount(device: str) -> Message:
    return Message("DISM", "W", "CANNOTDMT", f"{device} cannot be dismounted")


def _cannot(device: str, *reasons: Message) -> Failure:
    return Failure(_cannot_dismount(device), *reasons)


DISMOUNT = Verb(
    "DISMOUNT",
    "Dismount a shadow set on this node, take a member out of its set on all nodes, or dismount a disk that "
    "was mounted by itself.",
    _dismount,
    (Parameter("DEVICE", "Device", Kind.DEVICE),),
    (
        Keyword(
            "POLICY",
            "MINICOPY: make a write bitmap, so that the member can return by minicopy; without one it stays. "
            "MINICOPY=OPTIONAL: remove it in any case. NOMINICOPY, or no /POLICY: no bitmap. With a whole set none is "
            "made: MOUNT/POLICY=MINICOPY makes it when it leaves a member out. MINICOPY then keeps the last node from "
            "dismounting a set with one full member, or one that is being merged.",
            Value("policy", keywords=(_MINICOPY,)),
            negatable=True,
            nodes=ALPHA,
        ),
        Keyword("CLUSTER", "Dismount on all nodes.", privileges=("SYSNAM",)),
        Keyword(
            "FORCE_REMOVAL",
            "Take a member out of the set that is named; it returns by full copy.",
            Value("device", Kind.DEVICE),
        ),
        Keyword(
            "ABORT",
            "Dismount a set, or take a member out, though it is waited for: mount verification ends, and requests "
            "that wait for a set fail.",
        ),
        Keyword(
            "OVERRIDE",
            "CHECKS: dismount a set although a load is running on it, as soon as that has ended.",
            Value("checks", keywords=(Keyword("CHECKS"),)),
        ),
        Keyword("UNIT", "Dismount this volume only, as it always is here: no volume consists of several."),
        Keyword("UNLOAD", "Drives of this model stay loaded either way.", negatable=True),
    ),
    ("DISMOUNT/POLICY=MINICOPY $1$DUA11:", "DISMOUNT/CLUSTER DSA1:", "DISMOUNT/ABORT DSA1:"),
    disallow=(("ABORT", "POLICY"),),
)


# ---- DELETE/BITMAP


def _delete_bitmap(job: Job, command: Command) -> Procedure:
    text = command.parameter("BITMAP_ID")
    try:
        identifier = parse_number(f"%X{text}")
    except DclError:
        raise DclError("NUMBER", text) from None
    yield from job.node.utilities.delete_bitmap(identifier)
    if command.is_given("LOG"):
        job.tell(Message("DELETE", "I", "DELETED", f"{identifier:08X} deleted"))


def _delete(job: Job, command: Command) -> Procedure:
    return (_delete_bitmap if command.is_given("BITMAP") else delete_files)(job, command)


DELETE = Verb(
    "DELETE",
    "Delete files of a mounted ODS-2 volume, by version.",
    _delete,
    (Parameter("FILE", "File"),),
    (
        Keyword(
            "BITMAP",
            "Delete a write bitmap: its memory is free again, writes are recorded no more, and the member it was made "
            "for can return by full copy only.",
            nodes=ALPHA,
            parameters=(Parameter("BITMAP_ID", "Bitmap"),),
            # UNCERTAIN: what DELETE/BITMAP asks for is not published; LOG_IO made the bitmap
            privileges=("LOG_IO",),
        ),
        Keyword("LOG", "Say what was deleted."),
    ),
    ("DELETE/LOG DSA1:[REPORTS]MONDAY.TXT;1", "DELETE/BITMAP/LOG 00010001"),
)

VERBS = (INITIALIZE, MOUNT, DISMOUNT, DELETE)
