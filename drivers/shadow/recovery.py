"""What the survivors do with a shadow set when nodes were lost.

A node may die at any instant of a change: before all are stalled, between two storage control blocks, or when some
nodes have adopted the new state and others have not.  Whoever changes a set lets its own node adopt the state last, and
goes on with it only then; so the survivors find out what was decided:

    newest state of all survivors ─▶ is a control block on a member newer still?  then its membership counts
        ─▶ without the lost nodes, their bitmaps, and the copies that only they could do ─▶ written, adopted by all

A change that reached a disk is finished, one that did not is undone.  (spec 1.4, 2.5, 2.9, 3.6.)

The writes that a lost node had under way may have reached some members only: the set is merged.
"""

from dataclasses import replace

from drivers.shadow.state import MemberState, SetState
from drivers.shadow.volume import full_members, listed_members
from emu.wire.generated.ods2 import StorageControlBlock


def as_on_disk(state: SetState, newest: StorageControlBlock) -> SetState:
    """The state with the membership of a control block that is newer than it.

    A member that the block does not list has left.  One that it lists and that is not known here was being added as
    the target of a copy; nobody has missed anything on it, so it is left out.
    """
    listed, full = listed_members(newest), full_members(newest)
    members = tuple(
        replace(member, state=MemberState.SOURCE, minicopy=False)
        if member.identifier in full
        else replace(member, state=MemberState.TARGET)
        for member in state.members
        if member.identifier in listed
    )
    found = replace(state, members=members, generation=newest.genernum)
    return found if found.sources else replace(state, generation=newest.genernum)


def without_nodes(state: SetState, lost: set[str]) -> SetState:
    """The state after nodes were lost that had the set mounted, or were the masters of its bitmaps.

    At least one node that has the set mounted is left.
    """
    left = tuple(node for node in state.nodes if node not in lost)
    bitmaps = tuple(bitmap for bitmap in state.bitmaps if bitmap.master not in lost)
    directed = {bitmap.member for bitmap in bitmaps if bitmap.in_use}
    members = tuple(replace(m, minicopy=m.minicopy and m.identifier in directed) for m in state.members)
    copier = state.copier if state.copier in left else ""
    new = replace(state, nodes=left, bitmaps=bitmaps, members=members, copier=copier)
    return (new if left == state.nodes else torn(new)).settled()


def torn(state: SetState) -> SetState:
    """The state when writes may have reached some members only, wherever: a merge begins, or begins anew."""
    return replace(state, merging=True, merge_fence_lbn=0)
