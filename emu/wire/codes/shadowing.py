"""What shadow drivers ask of each other."""

from emu.wire.codes import Code


class Request(Code):
    """Function codes of the shadow driver's requests."""

    STALL = 1, "hold the set's I/O; answered when none is under way"
    ADOPT = 2, "take a new state, let I/O go on"
    QUERY = 3, "tell the state of a set; no data when it is not mounted"
    SET_BITS = 4, "record a write in a master bitmap"
    LOCK_RANGE = 5, "a write comes to where a copy may be"
    UNLOCK_RANGE = 6, "such a write has ended"
    MERGE_RANGE = 7, "make a range of a set that is being merged equal, before it is read"
    FIND_DEVICE = 8, "tell the unit identifier of a disk, 0 when it is not there"
    GIVE_UP = 9, "wait no more for a member, or for any"
    COPY_DELAY = 10, "tell after how many seconds a node would copy; no data when it would not"
    FENCE = 11, "a full copy has come so far"
    FIND_USE = 12, "tell what a disk is used for"


class DiskUse(Code):
    """What a node uses a disk for."""

    NONE = 0, "nothing"
    READ = 1, "mounted by itself, write-locked"
    WRITTEN = 2, "mounted by itself, for writing"
    MEMBER = 3, "member of a shadow set"
