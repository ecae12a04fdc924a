"""Mode pages: MODE SENSE and MODE SELECT, 6 and 10 bytes.

(SPC and SBC, "mode parameters"; spec "SCSI", MODE SENSE / MODE SELECT.)  A page is kept as its bytes, without PS;
beside it the mask of what an initiator may change.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from emu.hw.scsi.profiles import Kind, Profile
from emu.hw.scsi.sense import (
    illegal_request,
    invalid_field_in_cdb,
    invalid_parameter,
    parameter_list_length_error,
)
from emu.hw.scsi.task import Steps, Task
from emu.wire.codes.scsi import Asc, ModePage
from emu.wire.generated import scsi_mode as wire
from emu.wire.generated.scsi_cdb import ModeSense6Cdb, ModeSense10Cdb, ParameterListCdb, RequestSenseCdb

if TYPE_CHECKING:
    from emu.hw.scsi.logical_unit import LogicalUnit

PageKey = tuple[int, int]  # page and subpage

_CACHING: PageKey = (int(ModePage.CACHING), 0)
_CONTROL: PageKey = (int(ModePage.CONTROL), 0)
_EXTENSION: PageKey = (int(ModePage.CONTROL), 1)
_EXCEPTIONS: PageKey = (int(ModePage.EXCEPTIONS), 0)
_ERROR_RECOVERY: PageKey = (int(ModePage.ERROR_RECOVERY), 0)

_WCE = 0x04
_D_SENSE = 0x04
_SWP = 0x08
_TAS = 0x40
_QERR = 0x06
_QERR_RESERVED, _QERR_ALL, _QERR_NEXUS = 0x04, 0x02, 0x06
_DEXCPT = 0x08
_TEST = 0x04
_PS = 0x80
_SPF = 0x40
_PAGE_CODE = 0x3F
_ALL = int(ModePage.ALL)
_ALL_SUBPAGES = 0xFF
_DBD = 0x08
_LLBAA = 0x10
_SP = 0x01
_PF = 0x10
_CURRENT, _CHANGEABLE, _DEFAULT, _SAVED = range(4)
_WP, _DPOFUA = 0x80, 0x10
_LENGTH_24 = 0xFF_FFFF
_SCSI_2_BYTES = {_CACHING: 12, _CONTROL: 8}  # pages that have grown since
_FLAGS = 2  # where byte 2 of a page is: the flags of most


class ModePages:
    """The mode pages of a unit: defaults, masks of what may change, current and saved values.

    The bits other parts ask for are plain attributes, kept equal to the pages.
    """

    def __init__(self, profile: Profile, block_count: int) -> None:
        self.default, self.changeable = _pages(profile, block_count)
        self.saved = dict(self.default)
        self.current = dict(self.default)
        self._note()

    def _note(self) -> None:
        caching = self.current.get(_CACHING)
        control = self.current.get(_CONTROL)
        self.write_cache = caching is not None and bool(caching[_FLAGS] & _WCE)
        self.descriptor_sense = control is not None and bool(control[_FLAGS] & _D_SENSE)
        self.software_write_protect = control is not None and bool(control[4] & _SWP)
        self.task_aborted_status = control is not None and bool(control[5] & _TAS)
        errors = 0 if control is None else control[3] & _QERR
        self.error_aborts_all = errors == _QERR_ALL
        self.error_aborts_nexus = errors == _QERR_NEXUS

    def change(self, pages: Mapping[PageKey, bytes], save: bool) -> bool:
        """Make these pages current, and saved too if `save`; say whether anything is different now."""
        changed = any(self.current[key] != page for key, page in pages.items())
        self.current.update(pages)
        if save:
            self.saved.update(pages)
        self._note()
        return changed

    def restore(self) -> None:
        """Make what is saved current, as a reset does."""
        self.current = dict(self.saved)
        self._note()

    def record(self) -> dict[str, str]:
        """Return what is saved and is not the default, for the nonvolatile memory."""
        return {
            f"{page:02x}.{subpage:02x}": self.saved[page, subpage].hex()
            for page, subpage in self.saved
            if self.saved[page, subpage] != self.default[page, subpage]
        }

    def recall(self, record: Mapping[str, str]) -> None:
        """Take saved pages out of the nonvolatile memory; those of another type of device are passed over."""
        for name, text in record.items():
            page, _, subpage = name.partition(".")
            key, content = (int(page, 16), int(subpage, 16)), bytes.fromhex(text)
            default = self.default.get(key)
            if default is not None and _may_become(default, content, self.changeable[key]):
                self.saved[key] = content
        self.restore()


def _may_become(page: bytes, wanted: bytes, mask: bytes) -> bool:
    return len(page) == len(wanted) and not any(
        (old ^ new) & ~may for old, new, may in zip(page, wanted, mask, strict=True)
    )


def _pages(profile: Profile, block_count: int) -> tuple[dict[PageKey, bytes], dict[PageKey, bytes]]:
    """Make the pages of a type of device, and the masks of their changeable bits."""
    cylinders = -(-block_count // (profile.heads * profile.sectors))
    pages: dict[PageKey, tuple[Any, Any]] = {
        _ERROR_RECOVERY: (
            wire.ErrorRecoveryPage(flags=profile.error_recovery, read_retries=8, write_retries=8),
            wire.ErrorRecoveryPage(flags=0xFF, read_retries=0xFF, write_retries=0xFF, time_limit=0xFFFF),
        ),
        _CACHING: (
            wire.CachingPage(flags=_WCE if profile.write_cache else 0),
            wire.CachingPage(flags=_WCE),
        ),
        _CONTROL: (
            wire.ControlPage(busy=0xFFFF),
            wire.ControlPage(flags2=_D_SENSE, queueing=_QERR, flags4=_SWP, flags5=_TAS)
            if profile.modern
            else wire.ControlPage(queueing=_QERR_ALL),
        ),
    }
    if profile.kind is not Kind.CD:
        pages[int(ModePage.VERIFY_RECOVERY), 0] = (
            wire.VerifyRecoveryPage(retries=8),
            wire.VerifyRecoveryPage(flags=0x0F, retries=0xFF, time_limit=0xFFFF),
        )
    if profile.modern:
        pages[_EXTENSION] = (wire.ControlExtensionPage(), wire.ControlExtensionPage())
        pages[int(ModePage.POWER_CONDITION), 0] = (wire.PowerConditionPage(), wire.PowerConditionPage())
        pages[_EXCEPTIONS] = (
            wire.ExceptionsPage(flags=_DEXCPT),
            wire.ExceptionsPage(flags=_DEXCPT, mrie=0x0F),
        )
    else:
        pages[int(ModePage.DISCONNECT), 0] = (
            wire.DisconnectPage(full_ratio=0x10, empty_ratio=0x10),
            wire.DisconnectPage(full_ratio=0xFF, empty_ratio=0xFF, burst=0xFFFF),
        )
    if profile.kind is Kind.CD:
        pages[int(ModePage.CDROM), 0] = (
            wire.CdromPage(seconds=60, frames=75),
            wire.CdromPage(inactivity=0x0F),
        )
    if profile.kind is Kind.RZ:
        pages[int(ModePage.FORMAT), 0] = (
            wire.FormatPage(
                tracks_per_zone=profile.heads,
                sectors=profile.sectors,
                sector_bytes=profile.block_bytes,
                interleave=1,
                flags=0x40,
            ),
            wire.FormatPage(),
        )
        pages[int(ModePage.GEOMETRY), 0] = (
            wire.GeometryPage(
                cylinders_high=cylinders >> 16 & 0xFF,
                cylinders_low=cylinders & 0xFFFF,
                heads=profile.heads,
                rotation=profile.rotation,
            ),
            wire.GeometryPage(),
        )
        # UNCERTAIN: what page 25 means; a console of the era asks for it and looks at nothing.
        pages[int(ModePage.DEC_SPECIAL), 0] = (wire.DecSpecialPage(flags=1), wire.DecSpecialPage())
    default: dict[PageKey, bytes] = {}
    changeable: dict[PageKey, bytes] = {}
    for key in sorted(pages):
        for packets, page in zip((default, changeable), pages[key], strict=True):
            size = page.SIZE if profile.modern else _SCSI_2_BYTES.get(key, page.SIZE)
            page.code = key[0] | (_SPF if key[1] else 0)
            if key[1]:
                page.subpage = key[1]
                page.length = size - 4
            else:
                page.length = size - 2
            packets[key] = page.pack()[:size]
        header = 4 if key[1] else 2  # in the mask, code and length are nothing to be changed
        changeable[key] = bytes(header) + changeable[key][header:]
    return default, changeable


# ---- MODE SENSE


def mode_sense_6(unit: "LogicalUnit", task: Task, cdb: ModeSense6Cdb) -> None:
    """MODE SENSE(6)."""
    descriptor = b"" if cdb.flags & _DBD else _short_descriptor(unit)
    data = descriptor + _sensed(unit, cdb.page, cdb.subpage)
    header = wire.ModeHeader6.pack_fields(
        min(wire.ModeHeader6.SIZE - 1 + len(data), 0xFF), 0, _device_specific(unit), len(descriptor)
    )
    task.reply(header + data, cdb.allocation)


def mode_sense_10(unit: "LogicalUnit", task: Task, cdb: ModeSense10Cdb) -> None:
    """MODE SENSE(10)."""
    long_lba = bool(cdb.flags & _LLBAA)
    descriptor = b""
    if not cdb.flags & _DBD:
        descriptor = (
            wire.LongBlockDescriptor.pack_fields(unit.block_count, unit.block_bytes)
            if long_lba
            else _short_descriptor(unit)
        )
    data = descriptor + _sensed(unit, cdb.page, cdb.subpage)
    header = wire.ModeHeader10.pack_fields(
        wire.ModeHeader10.SIZE - 2 + len(data),
        0,
        _device_specific(unit),
        int(long_lba and bool(descriptor)),
        len(descriptor),
    )
    task.reply(header + data, cdb.allocation)


def _device_specific(unit: "LogicalUnit") -> int:
    return (_WP if unit.write_protection is not None else 0) | (_DPOFUA if unit.profile.modern else 0)


def _short_descriptor(unit: "LogicalUnit") -> bytes:
    blocks = unit.block_count
    return wire.ShortBlockDescriptor.pack_fields(
        blocks if blocks <= _LENGTH_24 else _LENGTH_24, unit.block_bytes
    )


def _sensed(unit: "LogicalUnit", page_field: int, subpage: int) -> bytes:
    """Collect the pages asked for, in ascending order."""
    control, page = page_field >> 6, page_field & _PAGE_CODE
    mode = unit.mode
    if control == _SAVED and unit.nonvolatile is None:
        raise illegal_request(Asc.SAVING_PARAMETERS_NOT_SUPPORTED)
    source = (mode.current, mode.changeable, mode.default, mode.saved)[control]
    wanted = [key for key in mode.default if page in (_ALL, key[0]) and (subpage in (_ALL_SUBPAGES, key[1]))]
    if not wanted:
        raise invalid_field_in_cdb(2 if subpage in (0, _ALL_SUBPAGES) else 3)
    savable = _PS if unit.nonvolatile is not None else 0
    parts = []
    for key in wanted:
        # The mask has no code and no length of its own; they come from the page itself.
        header = 4 if key[1] else 2
        content = mode.default[key][:header] + source[key][header:]
        parts.append(bytes((content[0] | savable,)) + content[1:])
    return b"".join(parts)


# ---- MODE SELECT


def mode_select_6(unit: "LogicalUnit", task: Task, cdb: RequestSenseCdb) -> Steps | None:
    """MODE SELECT(6)."""
    return _select(unit, task, cdb.flags, cdb.allocation, wire.ModeHeader6.SIZE)


def mode_select_10(unit: "LogicalUnit", task: Task, cdb: ParameterListCdb) -> Steps | None:
    """MODE SELECT(10)."""
    return _select(unit, task, cdb.flags, cdb.length, wire.ModeHeader10.SIZE)


def _select(unit: "LogicalUnit", task: Task, flags: int, length: int, header_bytes: int) -> Steps | None:
    if unit.profile.modern and not flags & _PF:
        raise invalid_field_in_cdb(1, 4)
    save = bool(flags & _SP)
    if save and unit.nonvolatile is None:
        raise invalid_field_in_cdb(1, 0)
    if not length:
        return None
    if length < header_bytes:
        raise parameter_list_length_error()
    return _select_steps(unit, task, length, header_bytes, save)


def _select_steps(unit: "LogicalUnit", task: Task, length: int, header_bytes: int, save: bool) -> Steps:
    data = yield from unit.fetch_list(task, length)
    if len(data) < header_bytes:
        raise parameter_list_length_error()
    if header_bytes == wire.ModeHeader6.SIZE:
        descriptor_bytes, long_lba = wire.ModeHeader6.unpack(data).descriptor_length, False
    else:
        header = wire.ModeHeader10.unpack(data)
        descriptor_bytes, long_lba = header.descriptor_length, bool(header.long_lba & 1)
    block_bytes = _described_block_bytes(unit, data, header_bytes, descriptor_bytes, long_lba)
    pages = _selected_pages(unit, data, header_bytes + descriptor_bytes)
    flush = unit.mode.write_cache
    changed = unit.mode.change(pages, save)
    if block_bytes != unit.block_bytes:
        unit.set_block_bytes(block_bytes)
        changed = True
    if save:
        unit.save()
    if changed:
        unit.establish_unit_attention(Asc.MODE_PARAMETERS_CHANGED, but=task.itl)
    if flush and not unit.mode.write_cache and unit.present:
        yield from unit.flush(task)


def _described_block_bytes(unit: "LogicalUnit", data: bytes, start: int, length: int, long_lba: bool) -> int:
    """Read the block descriptor: the block length that is to be, and the number of blocks that there are."""
    if not length:
        return unit.block_bytes
    size = wire.LongBlockDescriptor.SIZE if long_lba else wire.ShortBlockDescriptor.SIZE
    if length != size:
        raise invalid_parameter(3 if start == wire.ModeHeader6.SIZE else 6)
    if len(data) < start + length:
        raise parameter_list_length_error()
    if long_lba:
        descriptor = wire.LongBlockDescriptor.unpack(data, start)
        blocks, block_bytes = descriptor.blocks, descriptor.block_bytes
    else:
        short = wire.ShortBlockDescriptor.unpack(data, start)
        blocks, block_bytes = short.blocks & _LENGTH_24, short.block_bytes & _LENGTH_24
    if not unit.may_have_block_bytes(block_bytes):
        raise invalid_parameter(start + size - 3)
    count = unit.blocks_of(block_bytes)
    if blocks not in (0, count, _LENGTH_24 if count > _LENGTH_24 else count):
        raise invalid_parameter(start + 1)
    return block_bytes


def _selected_pages(unit: "LogicalUnit", data: bytes, start: int) -> dict[PageKey, bytes]:
    """Read and check the pages of a parameter list."""
    mode = unit.mode
    pages: dict[PageKey, bytes] = {}
    while start < len(data):
        if len(data) < start + 2:
            raise parameter_list_length_error()
        code = data[start] & _PAGE_CODE
        key = (code, data[start + 1] if data[start] & _SPF else 0)
        default = mode.default.get(key)
        if default is None:
            raise invalid_parameter(start)
        header = 4 if key[1] else 2
        if data[start + header // 2 : start + header] != default[header // 2 : header]:
            raise invalid_parameter(start + header // 2)
        end = start + len(default)
        if len(data) < end:
            raise parameter_list_length_error()
        wanted = default[:header] + data[start + header : end]
        current, mask = mode.current[key], mode.changeable[key]
        for offset in range(header, len(default)):
            wrong = (current[offset] ^ wanted[offset]) & ~mask[offset]
            if wrong:
                raise invalid_parameter(start + offset, wrong.bit_length() - 1)
        if key == _CONTROL and wanted[3] & _QERR == _QERR_RESERVED:
            raise invalid_parameter(start + 3, 2)
        pages[key] = wanted
        start = end
    return pages
