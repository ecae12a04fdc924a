"""Sense: what a unit tells about a command that did not end well, and the exceptions that carry it.

(SPC, "sense data"; spec "SCSI", sense data.)
"""

from dataclasses import dataclass

from emu.core.block import CopySourceError, MediumError, MediumWriteProtected
from emu.wire.codes.scsi import Asc, SenseKey, Status
from emu.wire.generated.scsi_sense import (
    BlockDescriptorOfSense,
    DescriptorSense,
    FixedSense,
    InformationDescriptor,
    SpecificDescriptor,
)

_FIXED = 0x70
_DESCRIPTOR = 0x72
_VALID = 0x80
_ILI_FIXED = 0x20
_ILI_BLOCK = 0x20
_SKSV = 0x80
_IN_CDB = 0x40
_BIT_POINTER_VALID = 0x08
_ADDITIONAL = 10
_TYPE_INFORMATION, _TYPE_COMMAND, _TYPE_SPECIFIC, _TYPE_BLOCK = 0, 1, 2, 5
_LONGWORD = 0xFFFF_FFFF
_PROGRESS = 1 << 16


@dataclass(frozen=True, slots=True)
class Sense:
    """Sense data, whatever its format.

    information: an LBA, an offset or a difference; negative differences count.  field: the offset of the guilty byte,
    in the CDB or, if not `in_cdb`, in the parameter list.  progress: 0 to 1.  ili: incorrect length indicator.
    """

    key: int
    asc: int
    information: int | None = None
    command_specific: int | None = None
    field: int | None = None
    bit: int | None = None
    in_cdb: bool = True
    progress: float | None = None
    ili: bool = False


NO_SENSE = Sense(SenseKey.NO_SENSE, Asc.NONE)
INCORRECT_LOGICAL_UNIT = Sense(SenseKey.ILLEGAL_REQUEST, Asc.LOGICAL_UNIT_NOT_SUPPORTED)


class Refusal(Exception):
    """A command that does not end GOOD."""

    def __init__(self, status: int, sense: Sense | None = None) -> None:
        super().__init__(f"status {status:#04x}" if sense is None else f"sense {sense.key:x}/{sense.asc:04x}")
        self.status = status
        self.sense = sense


class CheckCondition(Refusal):
    """A command that ends with CHECK CONDITION and sense."""

    def __init__(self, sense: Sense) -> None:
        super().__init__(int(Status.CHECK_CONDITION), sense)


class ReservationConflict(Refusal):
    """A command of a nexus that another one's reservation keeps out."""

    def __init__(self) -> None:
        super().__init__(int(Status.RESERVATION_CONFLICT))


def illegal_request(asc: int) -> CheckCondition:
    """ILLEGAL REQUEST without a pointer to a field."""
    return CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, asc))


def invalid_field_in_cdb(field: int, bit: int | None = None) -> CheckCondition:
    """INVALID FIELD IN CDB at a byte, and at a bit if one is guilty."""
    return CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, Asc.INVALID_FIELD_IN_CDB, field=field, bit=bit))


def invalid_parameter(
    field: int, bit: int | None = None, asc: int = Asc.INVALID_FIELD_IN_PARAMETER_LIST
) -> CheckCondition:
    """INVALID FIELD IN PARAMETER LIST at a byte, and at a bit if one is guilty."""
    return CheckCondition(Sense(SenseKey.ILLEGAL_REQUEST, asc, field=field, bit=bit, in_cdb=False))


def parameter_list_length_error() -> CheckCondition:
    """PARAMETER LIST LENGTH ERROR."""
    return illegal_request(Asc.PARAMETER_LIST_LENGTH_ERROR)


def lba_out_of_range() -> CheckCondition:
    """LOGICAL BLOCK ADDRESS OUT OF RANGE."""
    return illegal_request(Asc.LBA_OUT_OF_RANGE)


def not_ready(asc: int, progress: float | None = None) -> CheckCondition:
    """NOT READY, for this reason."""
    return CheckCondition(Sense(SenseKey.NOT_READY, asc, progress=progress))


def medium_failure(error: MediumError, lbn_per_lba: int, writing: bool) -> CheckCondition:
    """Turn what a medium says into sense; the LBA is told if the medium knows the block."""
    if isinstance(error, MediumWriteProtected):
        return CheckCondition(Sense(SenseKey.DATA_PROTECT, Asc.HARDWARE_WRITE_PROTECTED))
    if isinstance(error, CopySourceError):
        return CheckCondition(Sense(SenseKey.COPY_ABORTED, Asc.THIRD_PARTY_DEVICE_FAILURE))
    asc = Asc.WRITE_ERROR if writing else Asc.UNRECOVERED_READ_ERROR
    lba = None if error.lbn is None else error.lbn // lbn_per_lba
    return CheckCondition(Sense(SenseKey.MEDIUM_ERROR, asc, information=lba))


def fixed_sense(sense: Sense) -> bytes:
    """Write fixed format sense data; what does not fit into 32 bits is left out, as not valid."""
    information, valid = _fitting(sense.information)
    command_specific, _ = _fitting(sense.command_specific)
    specific, pointer = _specific(sense)
    return FixedSense.pack_fields(
        response=_FIXED | (_VALID if valid else 0),
        key=sense.key | (_ILI_FIXED if sense.ili else 0),
        information=information,
        length=_ADDITIONAL,
        command_specific=command_specific,
        asc=sense.asc,
        specific=specific,
        pointer=pointer,
    )


def descriptor_sense(sense: Sense) -> bytes:
    """Write descriptor format sense data."""
    parts = []
    for kind, valid, number in (
        (_TYPE_INFORMATION, _VALID, sense.information),
        (_TYPE_COMMAND, 0, sense.command_specific),
    ):
        if number is not None:
            parts.append(
                InformationDescriptor.pack_fields(
                    kind, InformationDescriptor.SIZE - 2, valid, number & 0xFFFF_FFFF_FFFF_FFFF
                )
            )
    specific, pointer = _specific(sense)
    if specific:
        parts.append(
            SpecificDescriptor.pack_fields(_TYPE_SPECIFIC, SpecificDescriptor.SIZE - 2, specific, pointer)
        )
    if sense.ili:
        parts.append(
            BlockDescriptorOfSense.pack_fields(_TYPE_BLOCK, BlockDescriptorOfSense.SIZE - 2, _ILI_BLOCK)
        )
    descriptors = b"".join(parts)
    return DescriptorSense.pack_fields(_DESCRIPTOR, sense.key, sense.asc, len(descriptors)) + descriptors


def _fitting(number: int | None) -> tuple[int, bool]:
    if number is None or not -(1 << 31) <= number <= _LONGWORD:
        return 0, False
    return number & _LONGWORD, True


def _specific(sense: Sense) -> tuple[int, int]:
    """Return the three sense-key specific bytes as a byte and a word."""
    if sense.field is not None:
        bits = _SKSV | (_IN_CDB if sense.in_cdb else 0)
        if sense.bit is not None:
            bits |= _BIT_POINTER_VALID | sense.bit
        return bits, sense.field & 0xFFFF
    if sense.progress is not None:
        return _SKSV, min(int(sense.progress * _PROGRESS), _PROGRESS - 1)
    return 0, 0
