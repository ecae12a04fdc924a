"""What the shadow drivers of a cluster ask of each other, as bytes (`emu/wire/layouts/shadowing.py`)."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

from drivers.cluster.request import Request, text_in, text_of
from drivers.shadow.state import BitmapRecord, MemberRecord, MemberState, SetState
from emu.wire.codes.ods2 import MEMBER_STATUS, STRUCLEV
from emu.wire.codes.shadowing import DiskUse
from emu.wire.codes.shadowing import Request as Function
from emu.wire.generated import shadowing as layouts
from emu.wire.packet import Bytes

SETS_A_MESSAGE = 9  # in buffered mode at the most (spec 3.8)
_STATUS = {
    MemberState.SOURCE: int(MEMBER_STATUS.SRC | MEMBER_STATUS.VALID),
    MemberState.TARGET: int(MEMBER_STATUS.FCPY | MEMBER_STATUS.CIP),
}
_STATES = {status: state for state, status in _STATUS.items()}


def pack_state(state: SetState) -> bytes:
    """Make the bytes of a set's state."""
    header = layouts.SetHeader(
        unit=text_in(state.name, 16),
        label=text_in(state.label, 12),
        block_count=state.block_count,
        scb_lbn=state.scb_lbn,
        cluster_blocks=state.cluster_blocks,
        unit_id=state.unit_id,
        mount_time=state.mount_time,
        generation=state.generation,
        version=state.version,
        epoch=state.epoch,
        members=len(state.members),
        nodes=len(state.nodes),
        bitmaps=len(state.bitmaps),
        copier=text_in(state.copier, 8),
        merging=state.merging,
        struclev=state.structure_level,
        merge_fence_lbn=state.merge_fence_lbn,
    )
    return b"".join(
        (
            header.pack(),
            *(
                layouts.Member.pack_fields(
                    text_in(member.device, 32),
                    member.identifier,
                    _STATUS[member.state],
                    member.minicopy,
                    member.fence_lbn,
                )
                for member in state.members
            ),
            *(text_in(node, 8) for node in state.nodes),
            *(_pack_bitmap(bitmap) for bitmap in state.bitmaps),
        )
    )


def _pack_bitmap(bitmap: BitmapRecord) -> bytes:
    return layouts.Bitmap(
        identifier=bitmap.identifier,
        in_use=bitmap.in_use,
        unit=text_in(bitmap.unit, 16),
        master=text_in(bitmap.master, 8),
        device=text_in(bitmap.device, 32),
        member=bitmap.member,
        generation=bitmap.generation,
        created_ns=bitmap.created_ns,
        name=bitmap.name,
    ).pack()


def unpack_state(data: Bytes) -> SetState:
    """Read the bytes of a set's state; raises ValueError."""
    header = layouts.SetHeader.unpack(data)
    if header.struclev & 0xFF00 not in (STRUCLEV.ODS2, STRUCLEV.ODS5):
        raise ValueError(f"the volume has structure level {header.struclev:#x}")
    place = layouts.SetHeader.SIZE
    members, nodes, bitmaps = [], [], []
    for _ in range(header.members):
        member = layouts.Member.unpack(data, place)
        place += layouts.Member.SIZE
        if member.status not in _STATES:
            raise ValueError(f"a member has status {member.status:#x}")
        state = _STATES[member.status]
        members.append(
            MemberRecord(
                text_of(member.device), member.identifier, state, bool(member.minicopy), member.fence_lbn
            )
        )
    for _ in range(header.nodes):
        nodes.append(text_of(layouts.NodeName.unpack(data, place).name))
        place += layouts.NodeName.SIZE
    for _ in range(header.bitmaps):
        bitmaps.append(_unpack_bitmap(layouts.Bitmap.unpack(data, place)))
        place += layouts.Bitmap.SIZE
    return SetState(
        name=text_of(header.unit),
        unit_id=header.unit_id,
        label=text_of(header.label),
        block_count=header.block_count,
        scb_lbn=header.scb_lbn,
        cluster_blocks=header.cluster_blocks,
        mount_time=header.mount_time,
        generation=header.generation,
        members=tuple(members),
        nodes=tuple(nodes),
        bitmaps=tuple(bitmaps),
        copier=text_of(header.copier),
        merging=bool(header.merging),
        merge_fence_lbn=header.merge_fence_lbn,
        version=header.version,
        epoch=header.epoch,
        structure_level=header.struclev,
    )


def _unpack_bitmap(bitmap: layouts.Bitmap) -> BitmapRecord:
    return BitmapRecord(
        identifier=bitmap.identifier,
        unit=text_of(bitmap.unit),
        master=text_of(bitmap.master),
        device=text_of(bitmap.device),
        member=bitmap.member,
        name=bitmap.name,
        generation=bitmap.generation,
        created_ns=bitmap.created_ns,
        in_use=bool(bitmap.in_use),
    )


@dataclass(frozen=True, slots=True)
class _OfUnit(Request):
    """A request about a set."""

    unit: str

    def pack(self) -> bytes:
        return text_in(self.unit, 16)

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        return cls(text_of(layouts.Unit.unpack(data).unit))


@dataclass(frozen=True, slots=True)
class Stall(_OfUnit):
    """Hold the set's I/O; answered when none is under way."""

    CODE: ClassVar = Function.STALL


@dataclass(frozen=True, slots=True)
class Adopt(Request):
    """Take a new state, made by node `by`, and let I/O go on."""

    CODE: ClassVar = Function.ADOPT
    state: SetState
    by: str

    def pack(self) -> bytes:
        return text_in(self.by, 8) + pack_state(self.state)

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        author = layouts.Author.unpack(data)
        return cls(unpack_state(memoryview(data)[layouts.Author.SIZE :]), text_of(author.by))


@dataclass(frozen=True, slots=True)
class Query(_OfUnit):
    """Ask for the state of a set; answered with a SetState, or None if it is not mounted there."""

    CODE: ClassVar = Function.QUERY

    @staticmethod
    def pack_answer(answer: SetState | None) -> bytes:
        return pack_state(answer) if answer is not None else b""

    @staticmethod
    def unpack_answer(data: Bytes) -> SetState | None:
        return unpack_state(data) if data else None


class BitRange(NamedTuple):
    """A write to be recorded in one bitmap."""

    bitmap: int
    lbn: int
    block_count: int


@dataclass(frozen=True, slots=True)
class SetBits(Request):
    """Record writes in master bitmaps; answered when the bits are set."""

    CODE: ClassVar = Function.SET_BITS
    parts: tuple[BitRange, ...]

    def pack(self) -> bytes:
        return b"".join(layouts.SetBits.pack_fields(*part) for part in self.parts)

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        count, rest = divmod(len(data), layouts.SetBits.SIZE)
        if rest or not 1 <= count <= SETS_A_MESSAGE:
            raise ValueError(f"{len(data)} bytes are not 1 to {SETS_A_MESSAGE} writes")
        packets = (layouts.SetBits.unpack(data, place) for place in range(0, len(data), layouts.SetBits.SIZE))
        return cls(tuple(BitRange(p.bitmap, p.lbn, p.block_count) for p in packets))


@dataclass(frozen=True, slots=True)
class _OfRange(Request):
    """A request about blocks of a set, by the state of this version; `end` is the block behind the last."""

    unit: str
    lbn: int
    end: int
    version: int

    def pack(self) -> bytes:
        return layouts.Range.pack_fields(text_in(self.unit, 16), self.lbn, self.end, self.version)

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        packet = layouts.Range.unpack(data)
        return cls(text_of(packet.unit), packet.lbn, packet.end, packet.version)


@dataclass(frozen=True, slots=True)
class LockRange(_OfRange):
    """Announce a write to the node that copies; answered with a token when it may go on.

    Answered with None when it has to wait for a change of the set.
    """

    CODE: ClassVar = Function.LOCK_RANGE

    @staticmethod
    def pack_answer(answer: int | None) -> bytes:
        return layouts.Token.pack_fields(answer) if answer is not None else b""

    @staticmethod
    def unpack_answer(data: Bytes) -> int | None:
        return layouts.Token.unpack(data).token if data else None


@dataclass(frozen=True, slots=True)
class MergeRange(_OfRange):
    """Have blocks made equal by the node that merges; answered with its fence when they are.

    Answered with None when they cannot be, since the set is about to change.
    """

    CODE: ClassVar = Function.MERGE_RANGE

    @staticmethod
    def pack_answer(answer: int | None) -> bytes:
        return layouts.Fence.pack_fields(answer) if answer is not None else b""

    @staticmethod
    def unpack_answer(data: Bytes) -> int | None:
        return layouts.Fence.unpack(data).fence_lbn if data else None


@dataclass(frozen=True, slots=True)
class UnlockRange(Request):
    """A write announced before has ended."""

    CODE: ClassVar = Function.UNLOCK_RANGE
    unit: str
    token: int

    def pack(self) -> bytes:
        return layouts.UnlockRange.pack_fields(text_in(self.unit, 16), self.token)

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        packet = layouts.UnlockRange.unpack(data)
        return cls(text_of(packet.unit), packet.token)


@dataclass(frozen=True, slots=True)
class _OfDevice(Request):
    device: str

    def pack(self) -> bytes:
        return text_in(self.device, 32)

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        return cls(text_of(layouts.Device.unpack(data).device))


@dataclass(frozen=True, slots=True)
class FindDevice(_OfDevice):
    """Ask whether a node has a disk; answered with its unit identifier, 0 when it is not there."""

    CODE: ClassVar = Function.FIND_DEVICE

    @staticmethod
    def pack_answer(answer: int) -> bytes:
        return layouts.Identifier.pack_fields(answer)

    @staticmethod
    def unpack_answer(data: Bytes) -> int:
        return layouts.Identifier.unpack(data).identifier


class Usage(NamedTuple):
    """What a node uses a disk for, and the virtual unit it is a member of."""

    use: DiskUse
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FindUse(_OfDevice):
    """Ask what a node uses a disk for; answered with a Usage."""

    CODE: ClassVar = Function.FIND_USE

    @staticmethod
    def pack_answer(answer: Usage) -> bytes:
        return layouts.Use.pack_fields(answer.use, text_in(answer.unit, 16))

    @staticmethod
    def unpack_answer(data: Bytes) -> Usage:
        packet = layouts.Use.unpack(data)
        return Usage(DiskUse(packet.use), text_of(packet.unit))


@dataclass(frozen=True, slots=True)
class GiveUp(Request):
    """Have a node wait no more for a member, or, with device "", for any; answered with whether it did wait."""

    CODE: ClassVar = Function.GIVE_UP
    unit: str
    device: str

    def pack(self) -> bytes:
        return layouts.Wait.pack_fields(text_in(self.unit, 16), text_in(self.device, 32))

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        packet = layouts.Wait.unpack(data)
        return cls(text_of(packet.unit), text_of(packet.device))

    @staticmethod
    def pack_answer(answer: bool) -> bytes:
        return layouts.WaitedFor.pack_fields(answer)

    @staticmethod
    def unpack_answer(data: Bytes) -> bool:
        return bool(layouts.WaitedFor.unpack(data).waited_for)


@dataclass(frozen=True, slots=True)
class CopyDelay(_OfUnit):
    """Ask after how many seconds a node would begin to copy a set; answered with None when it would not."""

    CODE: ClassVar = Function.COPY_DELAY

    @staticmethod
    def pack_answer(answer: int | None) -> bytes:
        return layouts.Delay.pack_fields(answer) if answer is not None else b""

    @staticmethod
    def unpack_answer(data: Bytes) -> int | None:
        return layouts.Delay.unpack(data).delay_s if data else None


@dataclass(frozen=True, slots=True)
class Fence(Request):
    """Tell how far a full copy has come, so that another node can go on from there when this one is lost."""

    CODE: ClassVar = Function.FENCE
    unit: str
    device: str
    fence_lbn: int
    version: int

    def pack(self) -> bytes:
        return layouts.CopyFence.pack_fields(
            text_in(self.unit, 16), text_in(self.device, 32), self.fence_lbn, self.version
        )

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        packet = layouts.CopyFence.unpack(data)
        return cls(text_of(packet.unit), text_of(packet.device), packet.fence_lbn, packet.version)
