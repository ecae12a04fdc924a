"""BACKUP/PHYSICAL, COPY, DUMP: blocks between disks, files of the host, and the eye.

Nothing here changes a disk but COPY to one, and that only where a volume is mounted for writing.
"""

from collections.abc import Callable, Iterator

from drivers.classes.disk import Disk, UnitState
from drivers.message import Failure, Message
from drivers.platform.irp import NORMAL
from drivers.platform.process import Procedure
from drivers.shadow.messages import status_message
from drivers.shadow.requests import Usage
from drivers.shadow.shdriver import VirtualUnit
from drivers.shadow.volume import read_blocks, write_blocks
from emu.console.dcl import Command, DclError, Keyword, Kind, Parameter, Value, Verb, parse_number
from emu.console.elsewhere import usage_elsewhere
from emu.console.host_files import HostFileError, InputFile, OutputFile
from emu.console.host_texts import translated
from emu.console.refusals import file_message, preceded, refused_by_host
from emu.console.session import Job, virtual_unit_name
from emu.console.verbs.files import copy_from_volume, copy_to_volume, is_volume_file
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.shadowing import DiskUse

PIECE_BLOCKS = 127  # one transfer: the largest below 64 KB
PROGRESS_STEPS = 10
DUMP_LINE_BYTES = 16
LONGWORD_BYTES = 4

Unit = Disk | VirtualUnit


def _host_error(facility: str, ident: str, name: str, error: HostFileError) -> Failure:
    severity = "F" if facility == "BACKUP" else "E"
    return refused_by_host(file_message(facility, severity, ident, name), name, error)


def _opening(facility: str, severity: str, device: str) -> Message:
    return file_message(facility, severity, "OPENIN", device.upper())


def _io_error(facility: str, unit: Unit, lbn: int, status: int) -> Failure:
    return Failure(
        Message(facility, "F", "IOERROR", f"{unit.name} error at or behind LBN {lbn}"), status_message(status)
    )


def _with_disk(job: Job, unit: Unit, facility: str, body: Callable[[], Procedure]) -> Procedure:
    """Run `body` with the unit on line: one that nobody uses is brought on line and given back."""
    if isinstance(unit, VirtualUnit) or job.session.set_of(unit.name) is not None:
        yield from body()
        return
    with preceded(_opening(facility, "E", unit.name)):
        job.session.refuse_claimed(unit.name)
    job.session.claimed[unit.name] = job
    lent = unit.name not in job.node.utilities.private
    try:
        if lent or unit.state is not UnitState.ONLINE:
            status = yield from unit.online()
            if status != NORMAL:
                raise Failure(
                    Message(facility, "F", "OPENIN", f"_{unit.name} cannot be brought on line"),
                    status_message(status),
                )
        try:
            yield from body()
        except GeneratorExit:  # the node has crashed, and nothing of it is on line any more
            lent = False
            raise
        finally:
            if lent:
                yield from unit.available()
    finally:
        if job.session.claimed.get(unit.name) is job:
            del job.session.claimed[unit.name]


def _pieces(first: int, end: int) -> Iterator[tuple[int, int]]:
    for lbn in range(first, end, PIECE_BLOCKS):
        yield lbn, min(PIECE_BLOCKS, end - lbn)


def _read_pieces(
    job: Job, unit: Unit, first: int, end: int, facility: str, take: Callable[[int, memoryview], None]
) -> Procedure:
    """Read blocks and hand each piece to `take(lbn, bytes)`; raises Failure."""
    for lbn, block_count in _pieces(first, end):
        job.stop_if_interrupted(facility)
        status, data = yield from read_blocks(job.node.platform, unit, lbn, block_count)
        if status != NORMAL:
            raise _io_error(facility, unit, lbn, status)
        take(lbn, memoryview(data))


# ---- BACKUP/PHYSICAL


def _backup(job: Job, command: Command) -> Procedure:
    if command.is_given("IMAGE") or command.is_given("SAVE_SET"):
        # DEVIATION: there are no save sets here, in which VMS keeps the files of a volume one by one
        raise Failure(
            Message("BACKUP", "F", "NOSAVESET", "neither save sets nor image copies are made here"),
            Message(
                "BACKUP",
                "I",
                "PHYSICAL",
                "BACKUP/PHYSICAL saves the same disk block by block",
                continued=True,
            ),
        )
    if _is_device(job, command.parameter("OUTPUT")):
        raise Failure(
            Message("BACKUP", "F", "ONEFILE", "a disk is saved in a file of the host, not on a disk")
        )
    name = command.parameter("INPUT")
    unit_name = virtual_unit_name(name)
    if unit_name is not None:
        raise Failure(
            Message(
                "BACKUP", "F", "NOTPHYSICAL", f"{unit_name} is a virtual unit that changes while it is read"
            ),
            Message(
                "BACKUP",
                "I",
                "MEMBER",
                "take a member out with DISMOUNT/POLICY=MINICOPY and back that up",
                continued=True,
            ),
        )
    with preceded(_opening("BACKUP", "F", name)):
        unit = job.node.disk(name)
    vu = job.session.set_of(unit.name)
    usage: Usage = yield from usage_elsewhere(job, unit.name)
    if vu is not None or usage.use is DiskUse.MEMBER:
        member_of = vu.name if vu is not None else usage.unit
        raise Failure(
            Message("BACKUP", "F", "SHADMEMBER", f"_{unit.name} is a member of {member_of}, dismount it")
        )
    if job.session.is_mounted(unit.name, writable=True) or usage.use is DiskUse.WRITTEN:
        raise Failure(
            Message(
                "BACKUP", "F", "WRITABLE", f"_{unit.name} is mounted for writing, dismount it or use /NOWRITE"
            )
        )
    yield from _with_disk(job, unit, "BACKUP", lambda: _back_up(job, command, unit))


def _back_up(job: Job, command: Command, unit: Disk) -> Procedure:
    file_name, size = command.parameter("OUTPUT"), unit.block_count
    log = command.is_given("LOG")
    try:
        output = job.session.host_files.create(file_name, overlay=command.is_given("OVERLAY"))
    except HostFileError as error:
        raise _host_error("BACKUP", "OPENOUT", file_name, error) from error
    try:
        progress = _Progress(job, unit, size, "saved") if log else None

        def save(lbn: int, data: memoryview) -> None:
            output.write(data)
            if progress is not None:
                progress.reached(lbn + len(data) // BLOCK_BYTES)

        yield from _read_pieces(job, unit, 0, size, "BACKUP", save)
        if command.is_given("VERIFY"):
            yield from _verify(job, unit, output, "verified" if log else "")
        output.keep()
    except HostFileError as error:
        raise _host_error("BACKUP", "WRITEERR", file_name, error) from error
    finally:
        output.close()
    if log:
        job.tell(Message("BACKUP", "S", "CREATED", f"created {file_name}, {size} blocks of _{unit.name}"))


def _verify(job: Job, unit: Disk, output: OutputFile, log: str) -> Procedure:
    """Read disk and file again and compare."""
    progress = _Progress(job, unit, unit.block_count, log) if log else None
    saved = output.reopen()
    buffer = memoryview(bytearray(PIECE_BLOCKS * BLOCK_BYTES))
    differing: list[int] = []

    def compare(lbn: int, data: memoryview) -> None:
        view = buffer[: len(data)]
        if saved.read_into(view) != len(data) or view != data:
            differing.append(lbn)
        if progress is not None:
            progress.reached(lbn + len(data) // BLOCK_BYTES)

    try:
        yield from _read_pieces(job, unit, 0, unit.block_count, "BACKUP", compare)
    finally:
        saved.close()
    if differing:
        text = f"verification error, first difference at or behind LBN {differing[0]} of _{unit.name}"
        raise Failure(Message("BACKUP", "E", "VERIFYERR", text))


class _Progress:
    """Says a line for every tenth of the way."""

    def __init__(self, job: Job, unit: Unit, block_count: int, word: str) -> None:
        self._job, self._unit, self._size, self._word = job, unit, block_count, word
        self._step = 0

    def reached(self, blocks: int) -> None:
        step = PROGRESS_STEPS * blocks // self._size
        if step > self._step:
            self._step = step
            text = f"_{self._unit.name} {100 * blocks // self._size:3}%, {blocks} of {self._size} blocks {self._word}"
            self._job.tell(Message("BACKUP", "I", "PROGRESS", text))


BACKUP = Verb(
    "BACKUP",
    "Save all blocks of a disk in a file of the host. The disk is not mounted, or mounted write-locked; nothing "
    "on it is changed. The file is there when it is complete, or not at all; put its name in "
    "quotation marks if it holds a slash.",
    _backup,
    (Parameter("INPUT", "From", Kind.DEVICE), Parameter("OUTPUT", "To", Kind.FILE)),
    (
        Keyword("PHYSICAL", "Needed: block by block is the only way here."),
        Keyword("IMAGE", "Refused: it would save the volume file by file."),
        Keyword("SAVE_SET", "Refused: what is saved is the bare disk."),
        Keyword("OVERLAY", "Let the file replace one that exists."),
        Keyword("VERIFY", "Read disk and file again and compare.", negatable=True),
        Keyword("LOG", "Say how far it has come.", negatable=True),
    ),
    ("BACKUP/PHYSICAL/LOG $1$DUA11: payroll.img", 'BACKUP/PHYSICAL/VERIFY $1$DUA11: "/tmp/payroll.img"'),
    disallow=(("!PHYSICAL", "!IMAGE", "!SAVE_SET"), ("PHYSICAL", "IMAGE")),
    cancellable=True,
)


# ---- COPY


def _copy(job: Job, command: Command) -> Procedure:
    source, target = (translated(job.session, command.parameter(side)) for side in ("FROM", "TO"))
    volume_files = is_volume_file(job, source), is_volume_file(job, target)
    if any(volume_files):
        if all(volume_files) or _is_device(job, target if volume_files[0] else source):
            raise Failure(
                Message(
                    "COPY", "F", "ONEFILE", "one side must be a file of a volume and the other of the host"
                )
            )
        copy = copy_from_volume if volume_files[0] else copy_to_volume
        yield from copy(job, command, source, target)
        return
    if _is_device(job, source) == _is_device(job, target):
        raise Failure(
            Message("COPY", "F", "ONEFILE", "one side must be a unit and the other a file of the host"),
        )
    if _is_device(job, source):
        with preceded(_opening("COPY", "E", source)):
            unit = job.session.unit(source)
        yield from _copy_out(job, command, unit, target)
    else:
        with preceded(file_message("COPY", "E", "OPENOUT", target.upper())):
            unit = job.session.unit(target)
        yield from _copy_in(job, command, source, unit)


def _is_device(job: Job, name: str) -> bool:
    """A unit, or something that can only mean one: a file of the host does not end with a colon."""
    if name.endswith(":") or virtual_unit_name(name) is not None:
        return True
    try:
        job.node.disk(name)
    except Failure:
        return False
    return True


def _extent(command: Command, unit: Unit) -> tuple[int, int]:
    start = command.number("START", 0)
    end = start + command.number("COUNT", unit.block_count - start)
    _require_blocks(unit, start, end)
    return start, end


def _require_blocks(unit: Unit, start: int, end: int) -> None:
    if not 0 <= start < end <= unit.block_count:
        text = f"illegal logical block number, {unit.name} has {unit.block_count}"
        raise Failure(Message("SYSTEM", "F", "ILLBLKNUM", text))


def _copy_out(job: Job, command: Command, unit: Unit, file_name: str) -> Procedure:
    def body() -> Procedure:
        start, end = _extent(command, unit)
        try:
            output = job.session.host_files.create(file_name, overlay=command.is_given("OVERLAY"))
        except HostFileError as error:
            raise _host_error("COPY", "OPENOUT", file_name, error) from error
        try:
            yield from _read_pieces(job, unit, start, end, "COPY", lambda _, data: output.write(data))
            output.keep()
        except HostFileError as error:
            raise _host_error("COPY", "WRITEERR", file_name, error) from error
        finally:
            output.close()
        if command.is_given("LOG"):
            job.tell(_copied(f"_{unit.name}", file_name, end - start))

    return _with_disk(job, unit, "COPY", body)


def _copy_in(job: Job, command: Command, file_name: str, unit: Unit) -> Procedure:
    _require_writable(job, unit)
    if not command.is_given("START"):
        text = "a device alone is its blocks: say from which on with /START, or name a file of the volume"
        raise Failure(Message("COPY", "F", "NOSTART", text))
    try:
        file = job.session.host_files.open(file_name)
    except HostFileError as error:
        raise _host_error("COPY", "OPENIN", file_name, error) from error
    try:
        start = command.number("START", 0)
        size = -(-file.size // BLOCK_BYTES)
        count = command.number("COUNT", size)
        if not 0 < count <= size or start + count > unit.block_count:
            raise Failure(
                Message(
                    "COPY",
                    "F",
                    "TOOBIG",
                    f"{count} blocks do not fit: {file_name} has {size}, _{unit.name} has "
                    f"{unit.block_count}, from LBN {start}",
                )
            )
        if isinstance(unit, VirtualUnit) and start < unit.state.structure_end:
            text = f"LBN 0 to {unit.state.structure_end - 1} of a shadow set hold what makes it a volume"
            raise Failure(Message("COPY", "F", "SCB", text))
        yield from _write_file(job, file, unit, start, count)
    except HostFileError as error:
        raise _host_error("COPY", "READERR", file_name, error) from error
    finally:
        file.close()
    if command.is_given("LOG"):
        job.tell(_copied(file_name, f"_{unit.name}", count))


def _require_writable(job: Job, unit: Unit) -> None:
    if isinstance(unit, VirtualUnit):
        return
    vu = job.session.set_of(unit.name)
    if vu is not None:
        text = f"_{unit.name} is a member of {vu.name}: write to that"
        raise Failure(Message("COPY", "F", "SHADMEMBER", text))
    mount = job.node.utilities.private.get(unit.name)
    if mount is None:
        raise Failure(Message("SYSTEM", "F", "DEVNOTMOUNT", f"device is not mounted, _{unit.name}"))
    if mount.write_locked:
        raise Failure(Message("SYSTEM", "F", "WRITLCK", f"device is currently write locked, _{unit.name}"))


def _write_file(job: Job, file: InputFile, unit: Unit, start: int, count: int) -> Procedure:
    for lbn, block_count in _pieces(start, start + count):
        job.stop_if_interrupted("COPY", f"canceled by operator, {lbn - start} of {count} blocks were written")
        data = bytearray(block_count * BLOCK_BYTES)  # zeros, where the file ends inside the last block
        file.read_into(memoryview(data))
        status = yield from write_blocks(job.node.platform, unit, lbn, bytes(data))
        if status != NORMAL:
            raise _io_error("COPY", unit, lbn, status)


def _copied(source: str, target: str, block_count: int) -> Message:
    return Message("COPY", "S", "COPIED", f"{source} copied to {target} ({block_count} blocks)")


COPY = Verb(
    "COPY",
    "Copy a file of the host to a file of a mounted ODS-2 volume, device:[directory]name.type, or back. With the "
    "device alone: a file of the host to blocks of a volume, or blocks to a file. It writes to shadow sets, and "
    "to disks that are mounted by themselves for writing; it reads blocks from any disk.",
    _copy,
    (Parameter("FROM", "From", Kind.FILE), Parameter("TO", "To", Kind.FILE)),
    (
        Keyword("START", "First LBN on the unit; needed to write.", Value("lbn", Kind.NUMBER)),
        Keyword("COUNT", "Blocks; all that there are if it is left out.", Value("blocks", Kind.NUMBER)),
        Keyword("FIXED", "Make a file of fixed-length records of 512 bytes; without it, of stream_LF."),
        Keyword("VARIABLE", "Make a variable-length record of every line."),
        Keyword("OVERLAY", "Let the file replace one that exists."),
        Keyword("LOG", "Say what was copied.", negatable=True),
    ),
    (
        "COPY/LOG monday.txt DSA1:[REPORTS]",
        'COPY DSA1:[REPORTS]*.TXT "reports/"',
        "COPY/LOG ledger.dat DSA1: /START=100",
        "COPY DSA1: ledger.dat /START=100 /COUNT=8",
    ),
    disallow=(("FIXED", "VARIABLE"),),
    cancellable=True,
)


# ---- DUMP


def _dump(job: Job, command: Command) -> Procedure:
    name = command.parameter("DEVICE")
    with preceded(_opening("DUMP", "E", name)):
        unit = job.session.unit(name)

    def number(keyword: str) -> int | None:
        given = command.keyword("BLOCKS", keyword)
        return parse_number(given.values[0]) if given is not None else None

    def body() -> Procedure:
        start = number("START") or 0
        last, count = number("END"), number("COUNT")
        if last is not None and count is not None:
            raise DclError("CONFLICT", "COUNT")
        end = last + 1 if last is not None else start + (1 if count is None else count)
        if end <= start:
            raise Failure(Message("CLI", "F", "IVVALU", "/BLOCKS names no block"))
        _require_blocks(unit, start, end)
        job.say()
        job.say(f"Dump of device {unit.name} on {job.session.now()}")

        def show(lbn: int, data: memoryview) -> None:
            for index in range(0, len(data), BLOCK_BYTES):
                block = lbn + index // BLOCK_BYTES
                job.say()
                job.say(
                    f"Logical block number {block} ({block:08X}), {BLOCK_BYTES} ({BLOCK_BYTES:04X}) bytes"
                )
                job.say()
                for line in dump_lines(data[index : index + BLOCK_BYTES]):
                    job.say(line)

        yield from _read_pieces(job, unit, start, end, "DUMP", show)

    yield from _with_disk(job, unit, "DUMP", body)


def dump_lines(block: memoryview) -> Iterator[str]:
    """Longwords from right to left, characters from left to right, the offset at the end."""
    for offset in range(0, len(block), DUMP_LINE_BYTES):
        line = bytes(block[offset : offset + DUMP_LINE_BYTES])
        longwords = (
            line[at : at + LONGWORD_BYTES][::-1].hex().upper() for at in range(0, len(line), LONGWORD_BYTES)
        )
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in line)
        yield f" {' '.join(reversed(list(longwords)))} {text} {offset:06X}"


DUMP = Verb(
    "DUMP",
    "Display blocks in hexadecimal and ASCII: longwords run from right to left, characters from left to right. "
    "Without /BLOCKS the first block is shown.",
    _dump,
    (Parameter("DEVICE", "Device", Kind.DEVICE),),
    (
        Keyword(
            "BLOCKS",
            "Which blocks: START:lbn, and COUNT:blocks or END:lbn; one block if neither is given.",
            Value(
                "range",
                many=True,
                keywords=(
                    Keyword("START", "", Value("lbn", Kind.NUMBER)),
                    Keyword("COUNT", "", Value("blocks", Kind.NUMBER)),
                    Keyword("END", "", Value("lbn", Kind.NUMBER)),
                ),
            ),
        ),
    ),
    ("DUMP/BLOCKS=(START:1,COUNT:2) DSA1:",),
    cancellable=True,
)

VERBS = (BACKUP, COPY, DUMP)
