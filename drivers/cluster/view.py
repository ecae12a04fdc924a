"""A cluster as its members agree on it: who they are, and how many votes it takes to work."""

from dataclasses import dataclass
from typing import Self

from drivers.cluster.pedriver import Identity
from drivers.cluster.request import text_in, text_of
from emu.wire.generated import scs as layouts
from emu.wire.packet import Bytes

Key = tuple[int, int]  # system and incarnation: one life of one node


@dataclass(frozen=True, slots=True)
class MemberNode:
    """One member; csid: cluster system identifier, new with every life."""

    system: int
    incarnation: int
    csid: int
    name: str
    hardware: str
    votes: int
    expected_votes: int
    capabilities: int

    @property
    def key(self) -> Key:
        return self.system, self.incarnation


@dataclass(frozen=True, slots=True)
class View:
    """A cluster.

    founded: when it was formed, which is its identity.  epoch: counts its changes.  quorum: votes without which nobody
    works.  next_csid: of the next node to join.
    """

    founded: int
    epoch: int
    quorum: int
    members: tuple[MemberNode, ...]
    next_csid: int

    def member(self, key: Key) -> MemberNode | None:
        system, incarnation = key
        for member in self.members:
            if member.system == system and member.incarnation == incarnation:
                return member
        return None

    def is_after(self, other: "View") -> bool:
        """Whether this is what a cluster has become since."""
        return self.founded == other.founded and self.epoch > other.epoch

    def named(self, name: str) -> MemberNode | None:
        return next((member for member in self.members if member.name == name), None)

    @property
    def lock_master(self) -> int:
        """CSID of the member that keeps the locks: the one that is longest in the cluster."""
        return min(member.csid for member in self.members)

    def pack(self) -> bytes:
        header = layouts.View.pack_fields(
            self.founded, self.epoch, self.quorum, len(self.members), self.next_csid
        )
        return header + b"".join(
            layouts.Member.pack_fields(
                member.system,
                member.incarnation,
                member.csid,
                member.capabilities,
                member.votes,
                member.expected_votes,
                text_in(member.hardware, 4),
                text_in(member.name, 8),
            )
            for member in self.members
        )

    @classmethod
    def unpack(cls, data: Bytes) -> Self:
        """Read a view; raises ValueError."""
        header = layouts.View.unpack(data)
        members = []
        for number in range(header.members):
            member = layouts.Member.unpack(data, layouts.View.SIZE + number * layouts.Member.SIZE)
            members.append(
                MemberNode(
                    member.system,
                    member.incarnation,
                    member.csid,
                    text_of(member.name),
                    text_of(member.hwtype),
                    member.votes,
                    member.expected_votes,
                    member.capabilities,
                )
            )
        if not members:
            raise ValueError("a cluster without members")
        return cls(header.founded, header.epoch, header.quorum, tuple(members), header.next_csid)


def member_of(
    identity: Identity, csid: int, votes: int, expected_votes: int, capabilities: int
) -> MemberNode:
    """Make the entry of a node."""
    return MemberNode(
        identity.system,
        identity.incarnation,
        csid,
        identity.name,
        identity.hardware[:4].upper().strip(),
        votes,
        expected_votes,
        capabilities,
    )
