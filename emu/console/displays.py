"""What SHOW prints: displays of devices, bitmaps, sets, nodes.

Everything here reads and returns lines, in the shapes of VMS V7.3 (shadowing reference, sections 4.5, 4.6, 4.12).

DEVIATION: SHOW DEVICE/FULL tells nothing of geometry and caches, which are not there.  SHOW CLUSTER is one picture
with the fields that shadowing is about, without /CONTINUOUS and ADD; controllers are no rows of it.  SHOW SHADOW is of
later versions.  The system dump analyzer, whose SHOW DEVICE displays a set as the driver knows it, is not there.

DEVIATION: a node counts free blocks when it mounts a volume and when it changes files; of what others change it
does not hear.
"""

from collections.abc import Iterator
from itertools import groupby
from textwrap import wrap

from drivers.classes.disk import Disk, UnitState
from drivers.classes.dkdriver import DkDriver
from drivers.classes.dudriver import DuDriver
from drivers.cluster.cluster import SOFTWARE
from drivers.port.pudriver import PuDriver
from drivers.shadow.copy import CopyThread
from drivers.shadow.shdriver import Member, VirtualUnit
from drivers.shadow.state import BitmapRecord, MemberState
from drivers.shadow.write_bitmap import BLOCKS_PER_BIT
from emu.console.session import Session
from emu.console.times import absolute_time
from emu.console.uic import uic_text
from emu.wire.codes.ods2 import STRUCLEV
from emu.wire.codes.scs import Capability

_BRIEF_HEADING = (
    "Device                  Device           Error    Volume         Free  Trans Mnt",
    " Name                   Status           Count     Label        Blocks Count Cnt",
)
_BITMAP_HEADING = (
    "Device              BitMap    Size      Percent of",
    " Name                 ID     (Bytes)    Full Copy",
)
_BITMAP_FULL_HEADING = (
    "Device   BitMap    Size   Percent of  Active  Creation               "
    "Master  Cluster  Local    Delete   Bitmap",
    " Name      ID     (Bytes) Full Copy           Date/Time              "
    "Node    Size     Set      Pending  Name",
)
NO_BITMAPS = "no bitmaps active"
_STATUS_AND_ERRORS = 22  # characters of both columns of the brief display


def device_type(unit: Disk) -> str:
    """ "RA92" of the media name "DU RA92"."""
    return unit.media.rsplit(" ", maxsplit=1)[-1] or "disk"


def copy_thread(session: Session, vu: VirtualUnit, member: Member) -> CopyThread | None:
    """The copy onto a member, on whatever node runs it."""
    for node in session.nodes_up:
        there = node.shadow.units.get(vu.name)
        if there is not None and there.copy is not None and there.copy.target.device == member.device:
            return there.copy
    return None


def merged_percent(session: Session, vu: VirtualUnit) -> int:
    """How far the merge of a set has come, on whatever node runs it."""
    for node in session.nodes_up:
        there = node.shadow.units.get(vu.name)
        if there is not None and there.merge is not None:
            return int(there.merge.percent)
    return 0


def member_timeout_s(session: Session, member: Member) -> int:
    """How long a member may be away."""
    own_s = member.timeout_s
    return own_s if own_s is not None else session.node.platform.parameters["SHADOW_MBR_TMO"]


def verification_timeout_s(session: Session, vu: VirtualUnit) -> int:
    """How long all members of a set may be away."""
    own_s = vu.verification_timeout_s
    return own_s if own_s is not None else session.node.platform.parameters["MVTIMEOUT"]


def copied_percent(session: Session, vu: VirtualUnit, member: Member) -> int:
    thread = copy_thread(session, vu, member)
    return int(thread.percent) if thread is not None else 0


# ---- SHOW DEVICE


def brief_devices(
    session: Session, sets: list[VirtualUnit], disks: list[Disk], *, members: bool = True
) -> Iterator[str]:
    """Mounted sets, with their members if those are wanted, then other disks."""
    yield from _BRIEF_HEADING
    node = session.node
    shown: list[str] = []
    for vu in sets:
        yield _brief_line(
            vu.name,
            node.name,
            _set_status(vu),
            vu.errors,
            _volume(session, vu.name, vu.state.label, transactions(session, vu), len(vu.state.nodes)),
        )
        for member in vu.members:
            shown.append(member.device)
            if members:
                yield _brief_member(session, vu, member)
    for unit in disks:
        if unit.name in shown:
            continue
        membership = membership_here(session, unit)
        if membership is not None:
            yield _brief_member(session, *membership)
        else:
            yield _brief_line(unit.name, unit.served_by or node.name, *_brief_disk(session, unit))


def membership_here(session: Session, unit: Disk) -> tuple[VirtualUnit, Member] | None:
    """The set mounted on this node that a disk is in.  What a member costs and counts in others tells nothing here."""
    memberships = ((vu, member) for vu in session.node.shadow.units.values() for member in vu.members)
    return next((each for each in memberships if each[1].device == unit.name), None)


def _brief_member(session: Session, vu: VirtualUnit, member: Member) -> str:
    if member.state is not MemberState.SOURCE:
        percent = copied_percent(session, vu, member)
        status, volume = "ShadowCopying", f"(copy trgt {vu.name} {percent:3}% copied)"
    elif vu.state.merging:
        status, volume = "ShadowMergeMbr", f"(merging {vu.name} {merged_percent(session, vu):3}% merged)"
    else:
        status, volume = "ShadowSetMember", f"(member of {vu.name})"
    where = member.unit.served_by or session.node.name
    return _brief_line(member.device, where, status, member.unit.errors, volume)


def _set_status(vu: VirtualUnit) -> str:
    if not vu.members:
        return "MntVerifyTimeout"
    if vu.stalled:
        return "MntVerifyInProgress"
    return "Mounted wrtlck" if vu.write_locked else "Mounted"


def _brief_line(name: str, node: str, status: str, errors: int, volume: str) -> str:
    # "MntVerifyInProgress" is wider than its column, and takes of the next one.
    state = f"{status:<16}{errors:>{max(_STATUS_AND_ERRORS - max(16, len(status)), 1 + len(str(errors)))}}"
    return f"{name}{f'({node})':>{20 - len(name)}}    {state}  {volume}".rstrip()


def _volume(session: Session, name: str, label: str, transactions: int, mounts: int) -> str:
    free = session.node.utilities.free_blocks.get(name, "")
    return f"{label:12}{free:>9}{transactions:6}{mounts:4}"


def _brief_disk(session: Session, unit: Disk) -> tuple[str, int, str]:
    mount = session.node.utilities.private.get(unit.name)
    locked = " wrtlck" if unit.write_protected or (mount is not None and mount.write_locked) else ""
    if mount is not None:
        return "Mounted" + locked, unit.errors, _volume(session, unit.name, mount.label, 1, 1)
    if unit.state is UnitState.OFFLINE:
        return "Offline", unit.errors, ""
    return "Online" + locked, unit.errors, "(remote mount)" if is_mounted_elsewhere(session, unit) else ""


def is_mounted_elsewhere(session: Session, unit: Disk) -> bool:
    """Whether a disk that is not mounted on this node is on another one, by itself or in a set."""
    return session.is_mounted(unit.name) or session.set_of(unit.name) is not None


def transactions(session: Session, vu: VirtualUnit) -> int:
    """The volume, and each file or load that is open on it."""
    load = session.loads.get((session.node.name, vu.name))
    return 1 + (load is not None and load.running)


def full_set(session: Session, vu: VirtualUnit) -> Iterator[str]:
    """SHOW DEVICE/FULL of a virtual unit, its members below it."""
    phrases = (
        "is online, mounted, file-oriented device, shareable, available to cluster, error logging is enabled"
    )
    if session.node.platform.masters_bitmaps:
        active = "bitmaps active" if vu.state.bitmaps else NO_BITMAPS
        phrases += f", device supports bitmaps ({active})"
    if not vu.members:
        phrases += ", mount verification timed out"
    elif vu.stalled:
        phrases += ", mount verification in progress"
    if vu.write_locked:
        phrases += ", volume is write-locked"
    if vu.state.merging:
        phrases += f", merge {merged_percent(session, vu)}% complete on {vu.state.copier}"
    # Without members the set has been aborted: nothing tells what it was made of.
    kind = device_type(vu.members[0].unit) if vu.members else "disk"
    yield from _sentence(f"Disk {vu.name}, device type {kind}, {phrases}.")
    yield ""
    yield from _fields(
        ("Error count", vu.errors),
        ("Operations completed", vu.operations),
        ("Owner process", '""'),
        ("Owner UIC", "[SYSTEM]"),
        ("Owner process ID", f"{0:08X}"),
        ("Dev Prot", "S:RWPL,O:RWPL,G:R,W"),
        ("Reference count", 1),
        ("Default buffer size", 512),
        ("Total blocks", vu.block_count),
        ("Requests under way", vu.active),
        ("", ""),
        ("", ""),
        ("Volume label", f'"{vu.state.label}"'),
        ("Relative volume number", 0),
        ("Cluster size", vu.state.cluster_blocks),
        ("Transaction count", transactions(session, vu)),
        ("Free blocks", session.node.utilities.free_blocks.get(vu.name, "")),
        ("Mount count", len(vu.state.nodes)),
        ("Mount status", "System"),
        ("Shadow set members", len(vu.members)),
        ("Copy or merge on node", vu.state.copier or "none"),
        ("Mount verification time-out", verification_timeout_s(session, vu)),
        ("Volume owner UIC", uic_text(session.node.utilities.owners.get(vu.name, 0))),
        ("Vol Prot", "S:RWCD,O:RWCD,G:RWCD,W:RWCD"),
    )
    yield ""
    structure = STRUCLEV(vu.state.structure_level & 0xFF00).words
    if not vu.state.cluster_blocks:
        structure = "no file structure, membership kept beside the volume"
    text = f"Volume Status:  {structure}, subject to mount verification."
    yield from wrap(text, 78, initial_indent="  ", subsequent_indent="    ")
    for member in vu.members:
        yield ""
        yield from full_member(session, vu, member)


def full_member(session: Session, vu: VirtualUnit, member: Member) -> Iterator[str]:
    unit = member.unit
    role = f"member of shadow set {vu.name}"
    if member.state is MemberState.TARGET:
        kind = "minicopy" if member.minicopy else "copy"
        role += f", {kind} target, {copied_percent(session, vu, member)}% copied"
    elif vu.state.merging:
        role += f", merging, {merged_percent(session, vu)}% merged"
    where = f"({unit.served_by or session.node.name})"
    text = f"Disk {unit.name} {where}, device type {device_type(unit)}, is {_online(unit)}, {role}."
    yield from _sentence(text)
    yield ""
    yield from _fields(
        ("Error count", unit.errors),
        ("Shadow member operation count", unit.operations),
        ("Allocation class", unit.driver.allocation_class),
        ("Read cost", unit.read_cost),
        ("Member time-out", member_timeout_s(session, member)),
        ("Copy source", "named" if vu.copy_source == member.device else "any"),
    )


def full_disk(session: Session, unit: Disk) -> Iterator[str]:
    """SHOW DEVICE/FULL of a disk that is in no set."""
    mount = session.node.utilities.private.get(unit.name)
    phrases = f"is {_online(unit)}"
    if mount is not None:
        phrases += ", mounted"
    elif is_mounted_elsewhere(session, unit):
        phrases += ", mounted on another node"
    phrases += ", file-oriented device, shareable, available to cluster, error logging is enabled"
    if unit.write_protected:
        phrases += ", device is hardware write-locked"
    elif mount is not None and mount.write_locked:
        phrases += ", volume is write-locked"
    if unit.served_by:
        phrases += ", served by another node"
    elif session.node.server.started:
        phrases += ", served to cluster via MSCP Server"
    where = f"({unit.served_by or session.node.name})"
    yield from _sentence(f"Disk {unit.name} {where}, device type {device_type(unit)}, {phrases}.")
    yield ""
    size = unit.block_count or "not known yet"  # a unit tells its size when it comes on line
    yield from _fields(
        ("Error count", unit.errors),
        ("Operations completed", unit.operations),
        ("Total blocks", size),
        ("Allocation class", unit.driver.allocation_class),
    )
    if mount is not None:
        yield ""
        yield from _fields(
            ("Volume label", f'"{mount.label}"'),
            ("Relative volume number", 0),
            ("Mount status", "System"),
            ("Mount count", 1),
            ("Volume owner UIC", uic_text(session.node.utilities.owners.get(unit.name, 0))),
            ("Vol Prot", "S:RWCD,O:RWCD,G:RWCD,W:RWCD"),
        )


def _online(unit: Disk) -> str:
    return "offline" if unit.state is UnitState.OFFLINE else "online"


def _sentence(text: str) -> list[str]:
    return wrap(text, 78, subsequent_indent="    ", break_on_hyphens=False)


def _fields(*fields: tuple[str, object]) -> Iterator[str]:
    """Two fields a line, values at the right of their column."""
    for (left, left_value), (right, right_value) in zip(fields[::2], fields[1::2], strict=True):
        if not left:
            yield ""
            continue
        yield f"    {_field(left, left_value, 32)}    {_field(right, right_value, 39)}".rstrip()


def _field(name: str, value: object, width: int) -> str:
    return f"{name}{value!s:>{width - len(name)}}"


def controller(driver: DuDriver[PuDriver]) -> Iterator[str]:
    """SHOW DEVICE PUA0: a port, its controller, its disks."""
    port = driver.port
    yield from _sentence(
        f"Device {port.name}:, UQSSP port, model {port.model}, microcode version {port.microcode_version}, "
        f"is {port.state.value}, PUDRIVER and DUDRIVER loaded."
    )
    yield ""
    yield from _fields(
        ("Error count", port.failures),
        ("Interrupts", port.interrupts),
        ("Last failure (SA)", f"{port.last_failure:06o}"),
        ("Controller flags", f"{driver.controller_flags:04X}"),
        ("Controller timeout (s)", driver.controller_timeout_s),
        ("Maximum byte count", driver.maximum_bytes),
        ("Error log datagrams", len(driver.datagrams)),
        ("Units", len(driver.units)),
    )


def adapter(driver: DkDriver) -> Iterator[str]:
    """SHOW DEVICE PKA0: an adapter, its bus, its disks."""
    port = driver.port
    yield from _sentence(
        f"Device {port.name}:, 53C810 SCSI adapter, revision {port.revision}, is {port.state.value}, PKEDRIVER and "
        "DKDRIVER loaded."
    )
    yield ""
    yield from _fields(
        ("Error count", port.failures),
        ("Interrupts", port.interrupts),
        ("SCSI identifier", port.scsi_id),
        ("Bus resets", port.resets),
        ("Maximum byte count", port.maximum_bytes),
        ("Selection time-outs", port.selection_timeouts),
        ("Units", len(driver.units)),
        ("Requests under way", len(port.area.blocks) - port.free_blocks),
    )


# ---- SHOW DEVICE/SERVED


def served_devices(session: Session) -> Iterator[str]:
    """What this node's MSCP server serves, and to how many hosts.

    UNCERTAIN: columns and words are from general knowledge of VMS.
    """
    server = session.node.server
    yield f"                MSCP-Served Devices on {session.node.name} {session.now()}"
    yield ""
    yield "                                                    Queue Requests"
    yield "Device:            Status      Total Size     Current      Max    Hosts"
    for number, disk in server.known_units().items():
        hosts = sum(number in host.online for host in server.hosts)
        status = "Online" if hosts else "Offline" if disk.state is UnitState.OFFLINE else "Avail"
        yield (
            f"{disk.name.rstrip(':'):>18} {status:9}{disk.block_count:13}{server.queue_length(number):12}"
            f"{server.longest_queues.get(number, 0):9}{hosts:9}"
        )


# ---- SHOW DEVICE/BITMAP


def unused_bitmaps(session: Session, name: str) -> list[BitmapRecord]:
    """The bitmaps of this node that outlived the dismount of their sets, of names that begin so."""
    shadow = session.node.shadow
    records = [bitmap.record for bitmap in shadow.bitmaps.values()]
    return sorted(
        (r for r in records if r.unit not in shadow.units and r.unit.startswith(name)), key=lambda r: r.unit
    )


def bitmaps(
    session: Session, sets: list[VirtualUnit], unused: list[BitmapRecord], *, full: bool
) -> Iterator[str]:
    """The bitmaps of sets, and those without a set, or a line that says there are none."""
    records = [*(record for vu in sets for record in vu.state.bitmaps), *unused]
    if not records:
        yield NO_BITMAPS
        return
    yield from _BITMAP_FULL_HEADING if full else _BITMAP_HEADING
    for unit, of_unit in groupby(records, key=lambda record: record.unit):
        name = unit
        for record in of_unit:
            master = next((node for node in session.nodes_up if node.name == record.master), None)
            bitmap = master.shadow.bitmaps.get(record.identifier) if master is not None else None
            percent = f"{bitmap.percent:.0f}%" if bitmap is not None else "?"
            if bitmap is None:  # its master is a node of another process, or has crashed just now
                yield f"{name:18}{record.identifier:08X} {'?':>8}{percent:>12}"
            elif full:
                yield _bitmap_line(session, name, record, bitmap.size_bytes, percent)
            else:
                yield f"{name:18}{record.identifier:08X} {bitmap.size_bytes:8}{percent:>12}"
            name = ""


def _bitmap_line(session: Session, name: str, record: BitmapRecord, size_bytes: int, percent: str) -> str:
    created = absolute_time(session.world.boot_time + record.created_ns // 100)
    mine = session.node.shadow.recorder.local(record.identifier)
    mounted = any(record.unit in node.shadow.units for node in session.nodes_up)
    local = percent if record.master == session.node.name else f"{mine.percent:.0f}%" if mine else "0%"

    # The name holds unprintable bytes behind the label, as the disk's control block does.
    printable = "".join(chr(byte) if 0x20 < byte < 0x7F else "" for byte in record.name[:12])
    return (
        f"{name + ' ':8}{record.identifier:08X} {size_bytes:6} {percent:>9}     "
        f"{'Yes' if mounted and not record.in_use else 'No '}     {created} {csid(session, record.master):5}  "
        f"{BLOCKS_PER_BIT:6}     {local:8} {'Yes' if record.in_use else 'No':8} SHAD${printable}"
    )


# ---- SHOW SHADOW


def _unit_state(session: Session, vu: VirtualUnit) -> str:
    """What is done to a set, and by which node: copies come before merges."""
    state = vu.state
    if not vu.members:
        return "Aborted"
    if vu.stalled:
        return "Mount Verification in Progress"
    work = [
        f"{'Minicopy' if member.minicopy else 'Copy'} {'Pending' if number else 'Active'} "
        f"({copied_percent(session, vu, member)}%)"
        for number, member in enumerate(vu.targets)
    ]
    if state.merging:
        work.append(f"Merge {'Pending' if work else 'Active'} ({merged_percent(session, vu)}%)")
    return ",".join(work) + f" on {state.copier}" if work else "Steady State"


def shadow_set(session: Session, vu: VirtualUnit) -> Iterator[str]:
    """SHOW SHADOW: what a set is made of, what is done to it, its time-outs and costs."""
    state = vu.state
    yield f"_{vu.name}  Volume Label: {state.label}"
    yield f"  Virtual Unit State:   {_unit_state(session, vu)}"
    yield (
        "  Enhanced Shadowing Features in use:"
        if state.bitmaps
        else ("  No Enhanced Shadowing Features in use")
    )
    if state.bitmaps:
        yield "        Minicopy bitmaps: " + ", ".join(f"{b.identifier:08X}" for b in state.bitmaps)
    yield ""
    from_disk = absolute_time(state.generation)
    yield f"  Total Devices   {len(state.members):8}    Generation  {from_disk}"
    yield f"  Source Members  {len(state.sources):8}    Nodes       {', '.join(state.nodes)}"
    yield f"  VU Timeout Value{verification_timeout_s(session, vu):8}    VU Site Value{vu.site:9}"
    yield ""
    for index, member in enumerate(vu.members):
        if member.state is MemberState.TARGET:
            role = f"Copy Target ({copied_percent(session, vu, member)}%)"
        else:
            role = "Master Member" if index == 0 else "Source Member"
            if state.merging:
                role += f", Merging ({merged_percent(session, vu)}%)"
        yield f"  Device {member.device.rstrip(':'):23}{role}"
        yield f"    Read Cost     {member.unit.read_cost:10}    Operations {member.unit.operations:10}"
        timeout_s = member_timeout_s(session, member)
        yield f"    Member Timeout{timeout_s:10}    Errors     {member.unit.errors:10}"
        yield f"    Site          {member.site:10}"


# ---- SHOW CLUSTER, SHOW MEMORY


def csid(session: Session, node: str) -> str:
    """The cluster system identifier of a member, as displays write it; "" for others."""
    view = session.node.cluster.manager.view
    member = view.named(node) if view is not None else None
    return f"{member.csid:X}" if member is not None else ""


def cluster(session: Session) -> Iterator[str]:
    """SHOW CLUSTER: the members, as this node knows them."""
    here = session.node
    view = here.cluster.manager.view
    members = view.members if view is not None else ()
    local = view.named(here.name) if view is not None else None
    system_id = local.system if local is not None else 0
    yield f"View of Cluster from system ID {system_id}  node: {here.name:8}    {session.now()[:20]}"
    bitmaps = {
        member.csid: "MINICOPY" if member.capabilities & Capability.WBM_SHADOW else "UNSUPPORTED"
        for member in members
    }
    name_width = max([6, *(len(member.name) for member in members)])
    width = max([8, *map(len, bitmaps.values())])
    systems, columns = name_width + 16, width + 18
    yield f"+{'-' * systems}+{'-' * columns}+"
    yield f"|{'SYSTEMS':^{systems}}|{'MEMBERS':^{columns}}|"
    divider = f"|{'-' * (name_width + 2)}+-------------+-------+--------+{'-' * (width + 1)}|"
    yield divider
    yield f"| {'NODE':{name_width}} | SOFTWARE    | CSID  | STATUS | {'BITMAPS':{width}}|"
    yield divider
    for member in members:
        yield (
            f"| {member.name:{name_width}} | {SOFTWARE:11} | {member.csid:5X} | MEMBER "
            f"| {bitmaps[member.csid]:{width}}|"
        )
    yield f"+{'-' * systems}+{'-' * columns}+"


def memory(session: Session) -> Iterator[str]:
    node = session.node
    pool = node.platform.pool
    yield f"              System Memory Resources on {session.now()}"
    yield ""
    yield "Dynamic Memory Usage (bytes):      Total        Free      In Use"
    free = pool.free_bytes
    yield f"  Nonpaged Dynamic Memory   {pool.size_bytes:12}{free:12}{pool.size_bytes - free:12}"
    if not node.platform.masters_bitmaps:
        return
    masters = node.shadow.bitmaps.values()
    records = [record for vu in node.shadow.units.values() for record in vu.state.bitmaps]
    locals_ = [bitmap for r in records if (bitmap := node.shadow.recorder.local(r.identifier)) is not None]
    yield ""
    yield "Write Bitmap (WBM) Memory Summary"
    for kind, kept in (("Local", locals_), ("Master", masters)):
        count, size_bytes = len(kept), sum(bitmap.size_bytes for bitmap in kept)
        yield (
            f"  {kind + ' bitmap count:':21}{count:4}     "
            f"{kind + ' bitmap memory usage (bytes)':35}{size_bytes:10.2f}"
        )
