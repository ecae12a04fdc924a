"""Who the unit is: INQUIRY, vital product data, READ CAPACITY, REQUEST SENSE.

(SPC and SBC; spec "SCSI", INQUIRY, vital product data.)
"""

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from emu.hw.scsi.blocks import ATOMIC_BLOCKS
from emu.hw.scsi.provisioning import UNMAP_BLOCKS, UNMAP_DESCRIPTORS
from emu.hw.scsi.sense import (
    NO_SENSE,
    Sense,
    descriptor_sense,
    fixed_sense,
    invalid_field_in_cdb,
)
from emu.hw.scsi.task import Task
from emu.wire.codes.scsi import REPORT_LUNS_WLUN, TWO_BYTES, Opcode, SenseKey, Vpd
from emu.wire.generated import scsi_inquiry as wire
from emu.wire.generated.scsi_block import Capacity10, Capacity16
from emu.wire.generated.scsi_cdb import Cdb10, InquiryCdb, RequestSenseCdb, ServiceActionIn16Cdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

_EVPD = 0x01
_DESC = 0x01
_PMI = 0x01
_RMB = 0x80
_SCSI_1 = 1
_RESPONSE_FORMAT, _NORMACA = 2, 0x20
_TPGS_IMPLICIT_AND_3PC = 0x18
_MULTIP = 0x10
_CMDQUE = 0x02
_ABSENT = 0x7F  # no unit can be there, of unknown type
_WELL_KNOWN = 0x1E
# UNCERTAIN: the version descriptor of SAM-5.
_VERSIONS: Final = b"".join(map(TWO_BYTES.pack, (0x00A0, 0x0460, 0x04C0, 0x0960))).ljust(16, b"\0")
_PORT_GROUP: Final = 1
_NAA_LOCAL: Final = b"\x33"  # NAA 3, locally assigned
_BINARY, _UTF8 = 1, 3
_TYPE_NAA, _TYPE_PORT, _TYPE_GROUP, _TYPE_NAME = 3, 4, 5, 8
_OF_PORT = 0x10
_PIV = 0x80
_ISCSI = 0x50
_LBPME_LBPRZ = 0xC000
_PROVISIONING_FLAGS = 0xE4  # LBPU LBPWS LBPWS10, LBPRZ
_THIN = 2
_LONGWORD = 0xFFFF_FFFF
_FORM_FACTOR: Final = 0x52  # WABEREQ, WACEREQ: reads succeed after an erase; 3.5 inches
_WSNZ = 1


def inquiry(unit: "LogicalUnit", task: Task, cdb: InquiryCdb) -> None:
    """INQUIRY."""
    if cdb.flags & _EVPD:
        page = _PAGES.get(cdb.page)
        if not unit.profile.modern:
            raise invalid_field_in_cdb(1, 0)
        if page is None or (cdb.page == Vpd.PROVISIONING and not unit.profile.thin):
            raise invalid_field_in_cdb(2)
        data = page(unit, task)
        header = wire.VpdHeader.pack_fields(unit.profile.device_type, cdb.page, len(data))
        task.reply(header + data, cdb.allocation)
        return
    if cdb.page:
        raise invalid_field_in_cdb(2)
    task.reply(_standard_data(unit), cdb.allocation)


def _standard_data(unit: "LogicalUnit") -> bytes:
    profile = unit.profile
    tail = b""
    if profile.modern:
        tail = wire.StandardInquiryTail.pack_fields(bytes(20), _VERSIONS)
    return (
        wire.StandardInquiry.pack_fields(
            device=profile.device_type,
            removable=_RMB if profile.removable else 0,
            version=profile.version,
            format=(_SCSI_1 if profile.version == _SCSI_1 else _RESPONSE_FORMAT)
            | (_NORMACA if profile.normal_aca else 0),
            length=wire.StandardInquiry.SIZE - 5 + len(tail),
            flags5=_TPGS_IMPLICIT_AND_3PC if profile.modern else 0,
            flags6=_MULTIP if profile.modern else 0,
            flags7=_CMDQUE,
            vendor=profile.vendor.encode().ljust(8),
            product=profile.product.encode().ljust(16),
            revision=profile.revision.encode().ljust(4),
        )
        + tail
    )


def data_of_absent_unit(lun: int) -> bytes:
    """INQUIRY data where there is no unit, or only the well-known one that reports LUNs."""
    return wire.StandardInquiry.pack_fields(
        device=_WELL_KNOWN if lun == REPORT_LUNS_WLUN else _ABSENT,
        version=6 if lun == REPORT_LUNS_WLUN else 0,
        format=_RESPONSE_FORMAT,
        length=wire.StandardInquiry.SIZE - 5,
        vendor=b"HBVS".ljust(8),
        product=b"".ljust(16),
        revision=b"".ljust(4),
    )


# ---- vital product data


def designator(serial: str) -> bytes:
    """Return the unit's own designator: NAA, locally assigned, the same for ever and on every path."""
    return _NAA_LOCAL + sha256(serial.encode()).digest()[:7]


def _supported_pages(unit: "LogicalUnit", task: Task) -> bytes:
    return bytes(page for page in sorted(_PAGES) if page != Vpd.PROVISIONING or unit.profile.thin)


def _serial_number(unit: "LogicalUnit", task: Task) -> bytes:
    return unit.serial.encode()


def _identification(unit: "LogicalUnit", task: Task) -> bytes:
    port = TWO_BYTES.pack(task.nexus.target_port)
    parts = [
        _designator(_BINARY, _TYPE_NAA, designator(unit.serial)),
        _designator(_BINARY, _OF_PORT | _TYPE_PORT, bytes(2) + port),
        _designator(_BINARY, _OF_PORT | _TYPE_GROUP, bytes(2) + TWO_BYTES.pack(_PORT_GROUP)),
    ]
    target = unit.target
    if target is not None and target.name:
        name = f"{target.name},t,0x{task.nexus.target_port:04x}".encode()
        name += bytes(4 - len(name) % 4)
        parts.append(_designator(_ISCSI | _UTF8, _PIV | _OF_PORT | _TYPE_NAME, name))
    return b"".join(parts)


def _designator(code_set: int, kind: int, content: bytes) -> bytes:
    return wire.DesignatorHeader.pack_fields(code_set, kind, len(content)) + content


def _extended_inquiry(unit: "LogicalUnit", task: Task) -> bytes:
    return wire.ExtendedInquiry.pack_fields(queueing=0x07, volatile=0x01)


def _third_party_copy(unit: "LogicalUnit", task: Task) -> bytes:
    # Supported commands: EXTENDED COPY (LID1), and what RECEIVE COPY RESULTS tells.
    commands = bytes((Opcode.EXTENDED_COPY, 1, 0x00, Opcode.RECEIVE_COPY_RESULTS, 2, 0x00, 0x03))
    content = bytes((len(commands),)) + commands
    content += bytes(-len(content) % 4)
    return wire.CopyDescriptorHeader.pack_fields(0x0001, len(content)) + content


def _block_limits(unit: "LogicalUnit", task: Task) -> bytes:
    profile = unit.profile
    return wire.BlockLimits.pack_fields(
        wsnz=_WSNZ,
        compare_and_write=0xFF,
        maximum=profile.maximum_blocks,
        optimal=0x100,
        unmap_blocks=UNMAP_BLOCKS if profile.thin else 0,
        unmap_descriptors=UNMAP_DESCRIPTORS if profile.thin else 0,
        unmap_granularity=1 if profile.thin else 0,
        atomic=ATOMIC_BLOCKS,
    )


def _block_characteristics(unit: "LogicalUnit", task: Task) -> bytes:
    return wire.BlockCharacteristics.pack_fields(rotation=unit.profile.rotation, form_factor=_FORM_FACTOR)


def _provisioning(unit: "LogicalUnit", task: Task) -> bytes:
    return wire.Provisioning.pack_fields(flags=_PROVISIONING_FLAGS, type=_THIN)


_PAGES: Mapping[int, Callable[["LogicalUnit", Task], bytes]] = {
    int(Vpd.SUPPORTED_PAGES): _supported_pages,
    int(Vpd.UNIT_SERIAL_NUMBER): _serial_number,
    int(Vpd.DEVICE_IDENTIFICATION): _identification,
    int(Vpd.EXTENDED_INQUIRY): _extended_inquiry,
    int(Vpd.THIRD_PARTY_COPY): _third_party_copy,
    int(Vpd.BLOCK_LIMITS): _block_limits,
    int(Vpd.BLOCK_CHARACTERISTICS): _block_characteristics,
    int(Vpd.PROVISIONING): _provisioning,
}


# ---- capacity


def read_capacity_10(unit: "LogicalUnit", task: Task, cdb: Cdb10) -> None:
    """READ CAPACITY(10)."""
    if cdb.lba and not cdb.length & _PMI:
        raise invalid_field_in_cdb(2)
    last = min(unit.block_count - 1, _LONGWORD)
    data = Capacity10.pack_fields(last, unit.block_bytes)
    task.reply(data, len(data))


def read_capacity_16(unit: "LogicalUnit", task: Task, cdb: ServiceActionIn16Cdb) -> None:
    """READ CAPACITY(16)."""
    if cdb.lba and not cdb.flags & _PMI:
        raise invalid_field_in_cdb(2)
    data = Capacity16.pack_fields(
        last_lba=unit.block_count - 1,
        block_bytes=unit.block_bytes,
        exponent=unit.profile.physical_exponent,
        provisioning=_LBPME_LBPRZ if unit.profile.thin else 0,
    )
    task.reply(data, cdb.allocation)


# ---- REQUEST SENSE


def request_sense(unit: "LogicalUnit", task: Task, cdb: RequestSenseCdb) -> None:
    """REQUEST SENSE: what is held, else the oldest unit attention, else what is going on."""
    if cdb.flags & _DESC and not unit.profile.modern:
        raise invalid_field_in_cdb(1, 0)
    itl = task.itl
    sense = NO_SENSE
    if itl.sense is not None:
        sense, itl.sense = itl.sense, None
    elif itl.unit_attentions:
        sense = Sense(SenseKey.UNIT_ATTENTION, itl.unit_attentions.pop(0))
    elif unit.operation is not None:
        sense = unit.operation.sense
    allocation = cdb.allocation
    if not allocation and unit.profile.version == _SCSI_1:
        allocation = 4
    data = descriptor_sense(sense) if cdb.flags & _DESC else fixed_sense(sense)
    task.reply(data, allocation)
