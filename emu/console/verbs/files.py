"""CREATE/DIRECTORY, DIRECTORY, TYPE, DELETE and COPY: files of mounted ODS-2 volumes."""

from collections.abc import Callable, Iterator

from drivers.classes.disk import Disk
from drivers.cluster.node import Node
from drivers.files.directory import VERSION_LIMIT, Version
from drivers.files.headers import Extent, File, RecordAttributes
from drivers.files.names import FileSpec, parse_file_spec
from drivers.files.sequential import PIECE_BYTES, FileWriter, LinesToRecords, read_pieces, text_filter
from drivers.files.storage_map import StorageMap
from drivers.files.xqp import FileSystem, system_failure
from drivers.message import Failure, Message
from drivers.platform.process import Procedure
from drivers.shadow.shdriver import VirtualUnit
from emu.console.dcl import Command, Keyword, Parameter, Verb
from emu.console.host_files import HostFileError, InputFile
from emu.console.host_texts import read_host_text, translated
from emu.console.refusals import NO_DEVICE, file_message, preceded, refused_by_host
from emu.console.session import Job, virtual_unit_name
from emu.console.times import absolute_time
from emu.core.block import BLOCK_BYTES
from emu.wire.codes.ods2 import RATTRIB, RTYPE, STRUCLEV

NAME_WIDTH = 24
NAMES_A_LINE = 3

STREAM_LF = RecordAttributes(RTYPE.STREAM_LF, RATTRIB.IMPLIED_CC)
FIXED = RecordAttributes(RTYPE.FIXED, longest=BLOCK_BYTES, maximum=BLOCK_BYTES)
VARIABLE = RecordAttributes(RTYPE.VARIABLE, RATTRIB.IMPLIED_CC)

Unit = Disk | VirtualUnit


def is_volume_file(job: Job, text: str) -> bool:
    """Whether a word names a file of a volume: a disk or virtual unit, a colon, and more behind it.

    Of a device that there is not, the bracket of a directory tells.
    """
    device, colon, rest = text.partition(":")
    if not colon or not rest:
        return False
    if rest.startswith("[") or virtual_unit_name(device) is not None:
        return True
    try:
        job.node.disk(device)
    except Failure:
        return False
    return True


def _with_files(
    job: Job,
    device: str,
    opening: Message,
    body: Callable[[FileSystem], Procedure],
    *,
    write: bool = False,
) -> Procedure:
    """Run `body(files)` on a mounted volume, under its lock.  opening: what is said when there is none."""
    with preceded(opening):
        unit, label, write_locked = _mounted(job, device)
        if write and write_locked:
            raise system_failure("WRITLCK", f"device is currently write locked, _{unit.name}", "F")
    cluster, resource = job.node.cluster, f"F11B$v{label}"
    yield from cluster.lock(resource)
    try:
        with preceded(opening):
            files: FileSystem = yield from FileSystem.open(job.node.platform, unit)
        yield from body(files)
        if write:
            space: StorageMap = yield from files.space()
            job.node.utilities.free_blocks[unit.name] = space.free_blocks
    finally:
        cluster.unlock(resource)


def count_free_blocks(node: Node, unit: Unit) -> Procedure:
    """Note how many blocks of a volume are free; of one without a file system, none is noted."""
    utilities = node.utilities
    try:
        files: FileSystem = yield from FileSystem.open(node.platform, unit)
        space: StorageMap = yield from files.space()
    except Failure:
        utilities.free_blocks.pop(unit.name, None)
        utilities.owners.pop(unit.name, None)
    else:
        utilities.free_blocks[unit.name] = space.free_blocks
        utilities.owners[unit.name] = files.owner


def _mounted(job: Job, device: str) -> tuple[Unit, str, bool]:
    with preceded(NO_DEVICE):
        unit = job.session.unit(device)
    if isinstance(unit, VirtualUnit):
        return unit, unit.state.label, unit.write_locked
    mount = job.node.utilities.private.get(unit.name)
    if mount is None:
        raise system_failure("DEVNOTMOUNT", f"device is not mounted, _{unit.name}", "F")
    return unit, mount.label, mount.write_locked


def refuse_files(job: Job, vu: VirtualUnit) -> Procedure:
    """Raise Failure when a volume has files where a program would write to its blocks."""
    has_files = Failure(Message("LOAD", "F", "FILES", f"_{vu.name} has files, which a load would overwrite"))
    if vu.state.structure_level & 0xFF00 == STRUCLEV.ODS5:
        raise has_files
    try:
        files: FileSystem = yield from FileSystem.open(job.node.platform, vu)
        space: StorageMap = yield from files.space()
    except Failure:
        return  # no file system, no files
    first = -(-vu.state.structure_end // files.cluster_blocks)
    clusters = vu.block_count // files.cluster_blocks - first
    if not space.is_free(Extent(first * files.cluster_blocks, clusters * files.cluster_blocks)):
        raise has_files


def _spec(text: str, opening: Callable[[str], Message], *, wild: bool = False, default: str = "") -> FileSpec:
    """Read a specification; raises Failure.  opening: what is said first when it is none, of that text."""
    with preceded(opening(text.upper())):
        spec = parse_file_spec(text, wild=wild, default=default)
        if not spec.device:
            raise Failure(NO_DEVICE)
    return spec


def _full_name(unit: str, spec: FileSpec, version: Version) -> str:
    return f"{unit}{spec.directory_text}{version.name};{version.version}"


# ---- CREATE/DIRECTORY


def _not_created(name: str) -> Message:
    return file_message("CREATE", "E", "DIRNOTCRE", name)


def _create(job: Job, command: Command) -> Procedure:
    spec = _spec(translated(job.session, command.parameter("FILE")), _not_created)
    name = f"{spec.device}{spec.directory_text}"
    if spec.name or spec.type or not spec.directory:
        text = command.parameter("FILE").upper()
        raise Failure(_not_created(text), Message("RMS", "F", "DIR", "error in directory name"))

    def body(files: FileSystem) -> Procedure:
        with preceded(_not_created(name)):
            made = yield from files.create_directory(spec.directory)
        if not made:
            job.tell(Message("CREATE", "I", "EXISTS", f"{name} already exists"))
        elif command.is_given("LOG"):
            job.tell(Message("CREATE", "I", "CREATED", f"{name} created"))

    yield from _with_files(job, spec.device, _not_created(name), body, write=True)


CREATE = Verb(
    "CREATE",
    "Make a directory on a mounted ODS-2 volume, and those above it that are missing.",
    _create,
    (Parameter("FILE", "Directory"),),
    (
        Keyword("DIRECTORY", "Needed: nothing else can be created here."),
        Keyword("LOG", "Say what was created."),
    ),
    ("CREATE/DIRECTORY DSA1:[REPORTS.MONDAY]",),
    disallow=(("!DIRECTORY",),),
)


# ---- DIRECTORY


def _directory(job: Job, command: Command) -> Procedure:
    def opening(name: str) -> Message:
        return file_message("DIRECT", "E", "OPENIN", name)

    spec = _spec(translated(job.session, command.parameter("FILE")), opening, wild=True, default="*.*;*")

    def body(files: FileSystem) -> Procedure:
        with preceded(opening(spec.whole)):
            try:
                _, versions = yield from files.find(spec)
            except Failure as failure:
                if failure.messages[0].ident != "FNF":
                    raise
                raise Failure(Message("DIRECT", "W", "NOFILES", "no files found")) from None
        job.say()
        job.say(f"Directory {spec.device}{spec.directory_text}")
        job.say()
        sizes, dates = command.is_given("SIZE"), command.is_given("DATE")
        used = allocated = 0
        plain: list[str] = []
        for version in versions:
            name = f"{version.name};{version.version}"
            if not sizes and not dates:
                plain.append(name)
                continue
            file: File = yield from files.file(version.fid)
            used += file.used_blocks
            allocated += file.block_count
            line = f"{name:{NAME_WIDTH}}"
            if sizes:
                line += f"{f'{file.used_blocks}/{file.block_count}':>16}"
            if dates:
                line += f"  {absolute_time(file.created)}"
            job.say(line.rstrip())
        for start in range(0, len(plain), NAMES_A_LINE):
            job.say("".join(f"{name:{NAME_WIDTH}} " for name in plain[start : start + NAMES_A_LINE]).rstrip())
        job.say()
        plural = "s" if len(versions) != 1 else ""
        blocks = f", {used}/{allocated} blocks" if sizes else ""
        job.say(f"Total of {len(versions)} file{plural}{blocks}.")

    yield from _with_files(job, spec.device, opening(spec.whole), body)


DIRECTORY = Verb(
    "DIRECTORY",
    "List the files of a directory on a mounted ODS-2 volume. * and % stand for any characters, ;* for all versions.",
    _directory,
    (Parameter("FILE", "Directory"),),
    (
        Keyword("SIZE", "Show blocks used and allocated."),
        Keyword("DATE", "Show when files were created."),
    ),
    ("DIRECTORY DSA1:[REPORTS]", "DIRECTORY/SIZE/DATE DSA1:[000000]*.SYS"),
)


# ---- TYPE


def _read_lines(
    job: Job, name: str, opening: Callable[[str], Message], take: Callable[[str], None]
) -> Procedure:
    """Hand the lines of a text file to `take`, one by one.  opening: what is said when there is none, of its name."""
    spec = _spec(name, opening)

    def body(files: FileSystem) -> Procedure:
        with preceded(opening(spec.whole)):
            _, (version,) = yield from files.find(spec)
            file: File = yield from files.file(version.fid)
        convert = text_filter(file)
        text = bytearray()

        def take_bytes(data: bytes) -> None:
            job.stop_if_interrupted("TYPE")
            text.extend(convert(data))
            *lines, rest = text.split(b"\n")
            for line in lines:
                take(line.decode("latin-1"))
            text[:] = rest

        reading = file_message(opening("").facility, "E", "READERR", _full_name(spec.device, spec, version))
        with preceded(reading):
            yield from read_pieces(files, file, take_bytes)
        if text:
            take(text.decode("latin-1"))

    yield from _with_files(job, spec.device, opening(spec.whole), body)


def read_text(job: Job, name: str, default_type: str = "") -> Procedure:
    """Return the lines of a text file of a volume, of this program, or of the host; raises Failure."""
    name = translated(job.session, name)
    if not is_volume_file(job, name):
        return read_host_text(job.session, name, default_type).splitlines()
    if "." not in name.rpartition("]")[2].rpartition(":")[2]:
        name += default_type
    lines: list[str] = []
    yield from _read_lines(job, name, lambda whole: file_message("DCL", "E", "OPENIN", whole), lines.append)
    return lines


def _type(job: Job, command: Command) -> Procedure:
    name = translated(job.session, command.parameter("FILE"))
    yield from _read_lines(job, name, lambda whole: file_message("TYPE", "W", "SEARCHFAIL", whole), job.say)


TYPE = Verb(
    "TYPE",
    "Display a text file of a mounted ODS-2 volume.",
    _type,
    (Parameter("FILE", "File"),),
    (),
    ("TYPE DSA1:[REPORTS]MONDAY.TXT",),
    cancellable=True,
)


# ---- DELETE


def delete_files(job: Job, command: Command) -> Procedure:
    """DELETE file;version."""

    def searching(name: str) -> Message:
        return file_message("DELETE", "W", "SEARCHFAIL", name)

    if ";" not in command.parameter("FILE"):
        raise Failure(Message("DELETE", "E", "DELVER", "explicit version number or wild card required"))
    spec = _spec(translated(job.session, command.parameter("FILE")), searching, wild=True)

    def body(files: FileSystem) -> Procedure:
        with preceded(searching(spec.whole)):
            directory, versions = yield from files.find(spec)
        failure: Failure | None = None
        for version in versions:
            name = _full_name(spec.device, spec, version)
            try:
                with preceded(file_message("DELETE", "W", "FILNOTDEL", name)):
                    yield from files.remove(directory, version)
            except Failure as this_one:  # which is no reason to keep the others
                if failure is not None:
                    job.session.complain(failure)
                failure = this_one
                continue
            if command.is_given("LOG"):
                job.tell(Message("DELETE", "I", "FILDEL", f"{name} deleted"))
        if failure is not None:
            raise failure

    yield from _with_files(job, spec.device, searching(spec.whole), body, write=True)


# ---- COPY


def _copy_message(ident: str, name: str) -> Message:
    return file_message("COPY", "E", ident, name)


def _opening_input(name: str) -> Message:
    return _copy_message("OPENIN", name)


def _opening_output(name: str) -> Message:
    return _copy_message("OPENOUT", name)


def copy_from_volume(job: Job, command: Command, source: str, target: str) -> Procedure:
    """COPY of files of a volume to the host; a target that ends with "/" is a directory of the host."""
    spec = _spec(source, _opening_input, wild=True)
    if spec.is_wild and not target.endswith("/"):
        raise Failure(Message("COPY", "F", "ONEFILE", 'several files go to a directory of the host: "name/"'))

    def body(files: FileSystem) -> Procedure:
        with preceded(_opening_input(spec.whole)):
            _, versions = yield from files.find(spec)
        for version in versions:
            full = _full_name(spec.device, spec, version)
            with preceded(_opening_input(full)):
                file: File = yield from files.file(version.fid)
            if file.is_directory and spec.is_wild:
                continue
            name = f"{target}{version.name.lower().rstrip('.')}" if target.endswith("/") else target
            with preceded(_copy_message("READERR", full)):
                yield from _copy_out(job, command, files, file, name)
            if command.is_given("LOG"):
                job.tell(_copied(full, name, file.used_blocks))

    yield from _with_files(job, spec.device, _opening_input(spec.whole), body)


def _copy_out(job: Job, command: Command, files: FileSystem, file: File, name: str) -> Procedure:
    convert = text_filter(file)
    try:
        output = job.session.host_files.create(name, overlay=command.is_given("OVERLAY"))
    except HostFileError as error:
        raise _host_error("OPENOUT", name, error) from error

    def take(data: bytes) -> None:
        job.stop_if_interrupted("COPY")
        output.write(memoryview(convert(data)))

    try:
        yield from read_pieces(files, file, take)
        output.keep()
    except HostFileError as error:
        raise _host_error("WRITEERR", name, error) from error
    finally:
        output.close()


def copy_to_volume(job: Job, command: Command, source: str, target: str) -> Procedure:
    """COPY of a file of the host to a volume."""
    spec = _spec(target, _opening_output, default=source.rpartition("/")[2])
    try:
        host_file = job.session.host_files.open(source)
    except HostFileError as error:
        raise _host_error("OPENIN", source, error) from error

    def body(files: FileSystem) -> Procedure:
        with preceded(_opening_output(spec.whole)):
            directory: File = yield from files.directory(spec.directory)
            version: int = yield from files.next_version(directory, spec)
        name = f"{spec.full_name};{version}"
        full = f"{spec.device}{spec.directory_text}{name}"
        blocks = -(-host_file.size // BLOCK_BYTES)
        records = (
            VARIABLE if command.is_given("VARIABLE") else FIXED if command.is_given("FIXED") else STREAM_LF
        )
        with preceded(_opening_output(full)):
            file: File = yield from files.create(directory, name, records, blocks)
        try:
            with preceded(_copy_message("WRITEERR", full)):
                yield from _copy_in(job, host_file, files, file)
        except (Failure, HostFileError) as error:
            yield from files.delete(file)
            if isinstance(error, HostFileError):
                raise _host_error("READERR", source, error) from error
            raise
        with preceded(_opening_output(full)):
            yield from files.enter(directory, file, spec.full_name, version, VERSION_LIMIT)
        if command.is_given("LOG"):
            job.tell(_copied(source, full, file.used_blocks))

    try:
        yield from _with_files(job, spec.device, _opening_output(spec.whole), body, write=True)
    finally:
        host_file.close()


def _copy_in(job: Job, host_file: InputFile, files: FileSystem, file: File) -> Procedure:
    writer = FileWriter(files, file)
    lines = LinesToRecords() if file.records.format is RTYPE.VARIABLE else None
    for data in _host_pieces(host_file):
        job.stop_if_interrupted("COPY")
        yield from writer.write(lines.feed(data) if lines is not None else data)
    if lines is not None:
        yield from writer.write(lines.feed(b"", last=True))
        file.records = RecordAttributes(RTYPE.VARIABLE, RATTRIB.IMPLIED_CC, lines.longest)
    yield from writer.close()


def _host_pieces(host_file: InputFile) -> Iterator[bytes]:
    buffer = bytearray(PIECE_BYTES)
    while count := host_file.read_into(memoryview(buffer)):
        yield bytes(buffer[:count])


def _copied(source: str, target: str, block_count: int) -> Message:
    return Message("COPY", "S", "COPIED", f"{source} copied to {target} ({block_count} blocks)")


def _host_error(ident: str, name: str, error: HostFileError) -> Failure:
    return refused_by_host(_copy_message(ident, name), name, error)


VERBS = (CREATE, DIRECTORY, TYPE)
