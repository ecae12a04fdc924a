"""What shadow drivers tell each other: the requests of `emu.wire.codes.shadowing.Request`, and their answers.

DEVIATION: V7.3 keeps the state of a set in lock value blocks and storage control blocks, its messages are not
published; these are our own.  SetBits has the 12 bytes that let nine of them go in one message.  Texts are ASCII,
filled with zeros; sizes are blocks.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Padding, Struct

# The state of a set: this, then `members` times Member, `nodes` times NodeName, `bitmaps` times Bitmap.
SetHeader = (
    Struct(
        "unit" / Bytes(16) * "virtual unit, DSAn:",
        "label" / Bytes(12) * "volume label",
        "block_count" / Int32ul * "blocks",
        "scb_lbn" / Int32ul * "SCB$L_SCB_LBN LBN of the storage control block",
        "cluster_blocks"
        / Int32ul
        * "SCB$W_CLUSTER storage map cluster factor, 0 when the volume has no files",
        "unit_id" / Int64ul * "SHAD$Q_UNIT_ID identity of the virtual unit",
        "mount_time" / Int64ul * "SCB$Q_MOUNTTIME time of last mount",
        "generation" / Int64ul * "SHAD$Q_GENERNUM generation number",
        "version" / Int32ul * "counts changes of this state",
        "epoch" / Int32ul * "of the cluster, up to which lost nodes have been taken out",
        "members" / Int8ul * "members that follow",
        "nodes" / Int8ul * "nodes that follow",
        "bitmaps" / Int16ul * "bitmaps that follow",
        "copier" / Bytes(8) * "node that copies and merges",
        "merging" / Int8ul * "1 = writes may have reached some full members only",
        Padding(1),
        "struclev" / Int16ul * "SCB$W_STRUCLEV structure level and version",
        "merge_fence_lbn" / Int32ul * "where the merge goes on",
    )
    * "State of a shadow set"
)

Member = (
    Struct(
        "device" / Bytes(32) * "physical device",
        "identifier" / Int64ul * "SHAD$Q_MEMBER_IDS unit identifier",
        "status" / Int8ul * "MEMBER_STATUS: SRC and VALID, or FCPY and CIP",
        "minicopy" / Int8ul * "1 = the copy goes by a bitmap",
        Padding(2),
        "fence_lbn" / Int32ul * "where a full copy goes on",
    )
    * "Member of a shadow set"
)

NodeName = Struct("name" / Bytes(8) * "SCS node name") * "Node that has the set mounted"

Bitmap = (
    Struct(
        "identifier" / Int32ul * "bitmap identifier",
        "in_use" / Int8ul * "1 = a minicopy consumes it",
        Padding(3),
        "unit" / Bytes(16) * "virtual unit",
        "master" / Bytes(8) * "node with the master bitmap",
        "device" / Bytes(32) * "departed disk",
        "member" / Int64ul * "its unit identifier",
        "generation" / Int64ul * "of its storage control block",
        "created_ns" / Int64ul * "when it was made",
        "name" / Bytes(22) * "of its storage control block: lock name, mount time, backup revision",
        Padding(2),
    )
    * "Write bitmap"
)

# Data of STALL, QUERY and COPY_DELAY.
Unit = Struct("unit" / Bytes(16) * "virtual unit") * "Which set"

# Data of FIND_DEVICE and FIND_USE, and their answers.
Device = Struct("device" / Bytes(32) * "physical device") * "Which disk"

Use = (
    Struct(
        "use" / Int32ul * "nothing, mounted by itself, or member of a set",
        "unit" / Bytes(16) * "virtual unit of a member",
    )
    * "What a disk is used for"
)

Identifier = Struct("identifier" / Int64ul * "unit identifier, 0: no such disk") * "Its identity"

# Data of ADOPT: this, then the state.
Author = Struct("by" / Bytes(8) * "node that made the state") * "Who made a state"

SetBits = (
    Struct(
        "bitmap" / Int32ul * "bitmap identifier",
        "lbn" / Int32ul * "first block of the write",
        "block_count" / Int32ul * "blocks of the write",
    )
    * "A write to be recorded"
)

# Data of LOCK_RANGE and MERGE_RANGE.
Range = (
    Struct(
        "unit" / Bytes(16) * "virtual unit",
        "lbn" / Int32ul * "first block",
        "end" / Int32ul * "block behind the last",
        "version" / Int32ul * "of the state by which it is asked",
    )
    * "Blocks of a set"
)

# Answer of COPY_DELAY.
Delay = Struct("delay_s" / Int32ul * "seconds") * "When a node would copy"

CopyFence = (
    Struct(
        "unit" / Bytes(16) * "virtual unit",
        "device" / Bytes(32) * "copy target",
        "fence_lbn" / Int32ul * "all below is equal",
        "version" / Int32ul * "of the state in which it is the target",
    )
    * "How far a copy has come"
)

# Data of GIVE_UP, and its answer.
Wait = (
    Struct(
        "unit" / Bytes(16) * "virtual unit",
        "device" / Bytes(32) * "member; all zeros: any member of the set",
    )
    * "What is waited for no more"
)

WaitedFor = Struct("waited_for" / Int8ul * "1: the node did wait") * "Whether it was waited for"

# Answer of LOCK_RANGE.
Token = Struct("token" / Int32ul * "names the lock; 0: nothing copies") * "A range that was granted"

# Answer of MERGE_RANGE; no data when the set is about to change.
Fence = Struct("fence_lbn" / Int32ul * "all below is equal") * "How far a merge has come"

UnlockRange = (
    Struct(
        "unit" / Bytes(16) * "virtual unit",
        "token" / Int32ul * "of the answer to LOCK_RANGE",
    )
    * "A write has ended"
)
