"""Controller firmware: the image a controller is powered up from, as values.

The image says what a controller claims to be (UQSSP steps 1 and 4, the SET CONTROLLER CHARACTERISTICS
end message), which commands and modifiers it knows, which drives may be plugged into it, and where it
behaves unlike other controllers.  The layout is `emu.wire.layouts.firmware`, the
sources are `firmware_images/sources`.

Sizes of media are blocks of 512 bytes, geometry is in MSCP's words: a *track* has so many LBNs, a *group*
so many tracks, a *cylinder* so many groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag
from typing import Any
from zlib import crc32

from emu.wire.codes.mscp import CF_HOST_SETTABLE, VIRTUAL_UNIT
from emu.wire.codes.uqssp import MODEL_MASK, MODEL_SHIFT, STEP, VERSION_MASK
from emu.wire.layouts.firmware import CRC, FORMAT_VERSION, IMAGE, MAGIC, PREFIX, LayoutError, image_bytes

STEP1_BITS = int(STEP.NV | STEP.QB | STEP.DI | STEP.OD | STEP.MP | STEP.SF | STEP.CN)
MODEL_LIMIT = MODEL_MASK >> MODEL_SHIFT  # what step 4 can tell
UNIT_LIMIT = VIRTUAL_UNIT  # numbers from here on are virtual units
CYLINDER_LIMIT = 0xFFFF
BLOCK_LIMIT = 0xFFFF_FFFF


class FirmwareError(Exception):
    """An image that cannot be used, or a firmware that no image can hold; the text says why."""


class PortKind(IntEnum):
    """The bus a port sits on."""

    UNIBUS = 0  # 18-bit addresses, adapter purges
    QBUS = 1  # 22-bit addresses
    XMI = 2  # full 32-bit addresses
    VAXBI = 3  # 30-bit addresses


class Behaviour(IntFlag):
    """Where controllers differ; none set is the plainest of them."""

    STRICT_MODIFIERS = 0x01  # an illegal modifier ends as invalid command 0A01; no known controller does
    INTERRUPT_ON_FATAL = 0x02  # a fatal error interrupts if there is a vector, as the RQDX3 does
    BARE_END_CODE_ON_BAD_LBN = 0x04  # endcode 80 alone for an LBN out of range, as the UDA50 does
    FATAL_WITHOUT_VL = 0x08  # a step-1 word without VL is fatal 8C80, as for the UDA50; else it is ignored
    INIT_TIMEOUT = (
        0x20  # an init step unanswered for 10 s is fatal 19; no known controller, RQDX3 waits for ever
    )
    ELEVATOR = 0x40  # transfers go to a drive's arm by cylinder, express requests first
    REPLACES_BLOCKS = (
        0x80  # a block that fails twice is replaced; else RPL is only claimed, as blocks do not go bad
    )
    SMALL_DISK_LOGS = 0x10  # disk errors are logged in the small disk format; else as SDI and transfer errors


@dataclass(frozen=True, slots=True)
class DriveType:
    """A drive that can be plugged in, with the numbers its unit reports.

    model, class_: of the unit identifier.  track: LBNs a track; group: tracks a group; cylinder: groups a
    cylinder.  rct_size: blocks of one RCT copy.  rbns: all replacement blocks; rbns_per_track: as
    reported by GET UNIT STATUS, 0 without any.  read_only: nothing can ever write it.  uncertain: the
    source of the numbers doubts some of them.  sized_by_user: block_count is only what one gets without
    asking, `user_sized` makes others.  rpm: revolutions a minute, 0 where no mechanics are known or there are none;
    seek_one_us, seek_average_us, seek_full_us: to the next cylinder, over a third of them, over all.
    """

    name: str
    model: int
    class_: int
    media_id: int
    block_count: int
    track: int
    group: int
    cylinder: int
    cylinders: int
    rct_size: int
    rct_copies: int
    rbns: int
    rbns_per_track: int
    rpm: int = 0
    seek_one_us: int = 0
    seek_average_us: int = 0
    seek_full_us: int = 0
    removable: bool = False
    read_only: bool = False
    solid_state: bool = False
    uncertain: bool = False
    sized_by_user: bool = False

    @property
    def cylinder_blocks(self) -> int:
        """LBNs that the arm reaches without moving; an RX50 tells hosts of larger cylinders than it has."""
        tracks = -(-self.block_count // self.cylinders // self.track)
        return min(tracks, self.group * self.cylinder) * self.track

    def user_sized(self, block_count: int) -> "DriveType":
        """Make the drive of this size, with a geometry to match.

        The smaller of track and group is doubled until the cylinders fit into 16 bits; the last cylinder
        may be partly used.

        Raises:
            FirmwareError: the type has a size of its own, or the size is not one a unit can report.
        """
        if not self.sized_by_user:
            raise FirmwareError(f"{self.name} has {self.block_count} blocks and no other size")
        if not 0 < block_count <= BLOCK_LIMIT:
            raise FirmwareError(f"{self.name} cannot have {block_count} blocks: wanted 1 to {BLOCK_LIMIT}")
        track, group = self.track, self.group
        while (cylinders := -(-block_count // (track * group * self.cylinder))) > CYLINDER_LIMIT:
            if track < group:
                track *= 2
            else:
                group *= 2
        return replace(self, block_count=block_count, track=track, group=group, cylinders=cylinders)


@dataclass(frozen=True, slots=True)
class Firmware:
    """What a controller is.

    step1_bits: NV QB DI OD MP SF CN as shown in step 1, without S1.  controller_flags: those the controller
    sets.  credits: command packets kept for a connection beyond the first; an end message hands out up
    to 14 of those left, and returns its own.  unit_limit: units that can be plugged in.
    maximum_byte_count: of a transfer, as reported; 0 is the architecture's default of 2^24.
    commands: opcode to legal modifiers; an opcode that is not there is an invalid command.
    drives: name to type.  dup_extension: the program name extension of its DUP server, empty if it has
    none.  programs: that it can run by itself, name to version.
    """

    name: str
    model: int
    class_: int
    microcode_version: int
    software_version: int
    hardware_version: int
    port_kind: PortKind
    step1_bits: int
    controller_flags: int
    controller_timeout_s: int
    credits: int
    unit_limit: int
    maximum_byte_count: int
    behaviour: Behaviour
    commands: Mapping[int, int]
    drives: Mapping[str, DriveType]
    dup_extension: str
    programs: Mapping[str, int]

    @property
    def step1_word(self) -> int:
        """SA in step 1."""
        return int(STEP.S1) | self.step1_bits

    @property
    def step4_word(self) -> int:
        """SA in step 4."""
        return int(STEP.S4) | self.model << MODEL_SHIFT | self.microcode_version


def parse_firmware(data: bytes) -> Firmware:
    """Read an image.

    Raises:
        FirmwareError: the image is damaged, of another format, or says something impossible.
    """
    _check_envelope(data)
    try:
        image = IMAGE.parse(data[: -CRC.sizeof()])
        name = _text(image.name)
    except LayoutError as error:
        raise FirmwareError(f"the contents do not follow the format: {error}") from error
    commands: dict[int, int] = {}
    for command in image.commands:
        if command.opcode in commands:
            raise FirmwareError(f"{name}: duplicate command {command.opcode:#04x}")
        commands[command.opcode] = command.modifiers
    drives: dict[str, DriveType] = {}
    for row in image.drives:
        drive = _drive(row)
        if drive.name in drives:
            raise FirmwareError(f"{name}: duplicate drive {drive.name}")
        drives[drive.name] = drive
    programs: dict[str, int] = {}
    for program in image.programs:
        program_name = _text(program.name)
        if program_name in programs:
            raise FirmwareError(f"{name}: duplicate program {program_name}")
        programs[program_name] = program.version
    firmware = Firmware(
        name=name,
        model=image.model,
        class_=image.class_,
        microcode_version=image.microcode_version,
        software_version=image.software_version,
        hardware_version=image.hardware_version,
        port_kind=_port_kind(name, image.port_kind),
        step1_bits=image.step1_bits,
        controller_flags=image.controller_flags,
        controller_timeout_s=image.controller_timeout_s,
        credits=image.credits,
        unit_limit=image.unit_limit,
        maximum_byte_count=image.maximum_byte_count,
        behaviour=Behaviour(image.behaviour),
        commands=commands,
        drives=drives,
        dup_extension=_text(image.dup_extension),
        programs=programs,
    )
    if build_firmware(firmware) != data:
        raise FirmwareError(f"{name}: a reserved field is not zero, or a name is not blank filled")
    return firmware


def build_firmware(firmware: Firmware) -> bytes:
    """Make the image of a firmware: the inverse of `parse_firmware`.

    Raises:
        FirmwareError: a value does not fit its field or contradicts the protocol.
    """
    _check(firmware)
    body: bytes = IMAGE.build(
        {
            "format_version": FORMAT_VERSION,
            "total_bytes": image_bytes(len(firmware.commands), len(firmware.drives), len(firmware.programs)),
            "name": firmware.name.encode("ascii").ljust(16),
            "model": firmware.model,
            "class_": firmware.class_,
            "microcode_version": firmware.microcode_version,
            "software_version": firmware.software_version,
            "hardware_version": firmware.hardware_version,
            "port_kind": int(firmware.port_kind),
            "step1_bits": firmware.step1_bits,
            "controller_flags": firmware.controller_flags,
            "controller_timeout_s": firmware.controller_timeout_s,
            "credits": firmware.credits,
            "unit_limit": firmware.unit_limit,
            "maximum_byte_count": firmware.maximum_byte_count,
            "behaviour": int(firmware.behaviour),
            "commands": [
                {"opcode": opcode, "modifiers": modifiers} for opcode, modifiers in firmware.commands.items()
            ],
            "drives": [_row(drive) for drive in firmware.drives.values()],
            "dup_extension": firmware.dup_extension.encode("ascii").ljust(3),
            "programs": [
                {"name": program.encode("ascii").ljust(6), "version": version}
                for program, version in firmware.programs.items()
            ],
        }
    )
    crc: bytes = CRC.build(crc32(body))
    return body + crc


def _check_envelope(data: bytes) -> None:
    """Refuse what is not one whole, undamaged image of our format."""
    if data[: len(MAGIC)] != MAGIC:
        raise FirmwareError("not a firmware image: it does not begin with HBVSFW")
    if len(data) < PREFIX.sizeof():
        raise FirmwareError(f"truncated: wanted at least {image_bytes(0, 0, 0)} bytes, found {len(data)}")
    prefix = PREFIX.parse(data)
    if prefix.format_version != FORMAT_VERSION:
        raise FirmwareError(f"format version {prefix.format_version}: only {FORMAT_VERSION} is known")
    wanted = max(prefix.total_bytes, image_bytes(0, 0, 0))
    if len(data) < wanted:
        raise FirmwareError(f"truncated: wanted {wanted} bytes, found {len(data)}")
    if len(data) > wanted:
        raise FirmwareError(f"trailing bytes: wanted {wanted} bytes, found {len(data)}")
    stored, computed = CRC.parse(data[-CRC.sizeof() :]), crc32(data[: -CRC.sizeof()])
    if stored != computed:
        raise FirmwareError(f"CRC-32 is wrong: stored {stored:08X}, computed {computed:08X}")


def _check(firmware: Firmware) -> None:
    """Refuse a value that does not fit its field or contradicts the protocol."""
    name = firmware.name
    _check_name(name, 16)
    _check_field(name, "model", firmware.model, 1, MODEL_LIMIT)
    _check_field(name, "class", firmware.class_, 1, 0xFF)
    _check_field(name, "microcode version", firmware.microcode_version, 0, VERSION_MASK)
    _check_field(name, "software version", firmware.software_version, 0, 0xFF)
    _check_field(name, "hardware version", firmware.hardware_version, 0, 0xFF)
    _check_bits(name, "step-1 bits", firmware.step1_bits, STEP1_BITS)
    _check_bits(name, "controller flags", firmware.controller_flags, 0xFFFF & ~CF_HOST_SETTABLE)
    _check_field(name, "controller timeout", firmware.controller_timeout_s, 0, 0xFFFF)
    _check_field(name, "credits", firmware.credits, 0, 0xFF)
    _check_field(name, "unit limit", firmware.unit_limit, 1, UNIT_LIMIT)
    _check_field(name, "maximum byte count", firmware.maximum_byte_count, 0, 0xFFFF_FFFF)
    _check_bits(name, "behaviour", int(firmware.behaviour), sum(Behaviour))
    for opcode, modifiers in firmware.commands.items():
        _check_field(name, "opcode", opcode, 0, 0x7F)  # bit 7 is the end flag
        _check_bits(name, f"modifiers of command {opcode:#04x}", modifiers, 0xFFFF)
    for key, drive in firmware.drives.items():
        if key != drive.name:
            raise FirmwareError(f"{name}: drive {drive.name} is listed as {key}")
        _check_drive(drive)
    if firmware.dup_extension or firmware.programs:
        _check_name(firmware.dup_extension, 3)
    for program, version in firmware.programs.items():
        _check_name(program, 6)
        _check_field(name, f"version of program {program}", version, 0, 0xFFFF)


def _check_drive(drive: DriveType) -> None:
    name = drive.name
    _check_name(name, 8)
    _check_field(name, "model", drive.model, 0, 0xFF)
    _check_field(name, "class", drive.class_, 0, 0xFF)
    _check_field(name, "media id", drive.media_id, 0, 0xFFFF_FFFF)
    _check_field(name, "unit size", drive.block_count, 1, BLOCK_LIMIT)
    _check_field(name, "track", drive.track, 1, 0xFFFF)
    _check_field(name, "group", drive.group, 1, 0xFFFF)
    _check_field(name, "cylinder", drive.cylinder, 1, 0xFFFF)
    _check_field(name, "cylinders", drive.cylinders, 1, CYLINDER_LIMIT)
    _check_field(name, "RCT size", drive.rct_size, 0, 0xFFFF)
    _check_field(name, "RCT copies", drive.rct_copies, 0, 0xFF)
    _check_field(name, "RBNs", drive.rbns, 0, 0xFFFF_FFFF)
    _check_field(name, "RBNs per track", drive.rbns_per_track, 0, 0xFF)
    _check_field(name, "revolutions a minute", drive.rpm, 0, 0xFFFF)
    _check_field(name, "full seek", drive.seek_full_us, 0, 0xFFFF_FFFF)
    _check_field(name, "average seek", drive.seek_average_us, 0, drive.seek_full_us)
    _check_field(name, "seek of one cylinder", drive.seek_one_us, 0, drive.seek_average_us)


def _check_name(name: str, size: int) -> None:
    if not (name.isascii() and name.isprintable() and name.strip() == name and 0 < len(name) <= size):
        raise FirmwareError(f"name {name!r}: wanted 1 to {size} printable ASCII characters, no outer blanks")


def _check_field(name: str, field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise FirmwareError(f"{name}: {field} {value} is out of range {low} to {high}")


def _check_bits(name: str, field: str, value: int, allowed: int) -> None:
    if value & ~allowed:
        raise FirmwareError(f"{name}: {field} {value:#06x} is out of range: bits are {allowed:#06x}")


def _port_kind(name: str, value: int) -> PortKind:
    try:
        return PortKind(value)
    except ValueError:
        raise FirmwareError(f"{name}: port kind {value} is out of range 0 to {max(PortKind)}") from None


def _text(field: bytes) -> str:
    try:
        return field.decode("ascii").rstrip(" ")
    except UnicodeDecodeError as error:
        raise FirmwareError(f"the contents do not follow the format: {error}") from error


def _drive(row: Any) -> DriveType:
    return DriveType(
        name=_text(row.name),
        model=row.model,
        class_=row.class_,
        media_id=row.media_id,
        block_count=row.block_count,
        track=row.track,
        group=row.group,
        cylinder=row.cylinder,
        cylinders=row.cylinders,
        rct_size=row.rct_size,
        rct_copies=row.rct_copies,
        rbns=row.rbns,
        rbns_per_track=row.rbns_per_track,
        rpm=row.rpm,
        seek_one_us=row.seek_one_us,
        seek_average_us=row.seek_average_us,
        seek_full_us=row.seek_full_us,
        removable=row.flags.removable,
        read_only=row.flags.read_only,
        solid_state=row.flags.solid_state,
        uncertain=row.flags.uncertain,
        sized_by_user=row.flags.sized_by_user,
    )


def _row(drive: DriveType) -> dict[str, Any]:
    return {
        "name": drive.name.encode("ascii").ljust(8),
        "model": drive.model,
        "class_": drive.class_,
        "flags": {
            "removable": drive.removable,
            "read_only": drive.read_only,
            "solid_state": drive.solid_state,
            "uncertain": drive.uncertain,
            "sized_by_user": drive.sized_by_user,
        },
        "media_id": drive.media_id,
        "block_count": drive.block_count,
        "track": drive.track,
        "group": drive.group,
        "cylinder": drive.cylinder,
        "cylinders": drive.cylinders,
        "rct_size": drive.rct_size,
        "rct_copies": drive.rct_copies,
        "rbns_per_track": drive.rbns_per_track,
        "rbns": drive.rbns,
        "rpm": drive.rpm,
        "seek_one_us": drive.seek_one_us,
        "seek_average_us": drive.seek_average_us,
        "seek_full_us": drive.seek_full_us,
    }
