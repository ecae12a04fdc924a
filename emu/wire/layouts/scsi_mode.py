"""SCSI: mode parameter headers, block descriptors, mode pages.  SPC, SBC, MMC.

Big-endian.  A field of three bytes is a byte and a word; the names of its parts end in `_high` and `_low`.
"""

from construct import Int8ub, Int16ub, Int32ub, Int64ub, Padding, Struct

ModeHeader6 = (
    Struct(
        "length" / Int8ub * "mode data length: bytes behind this",
        "medium" / Int8ub * "medium type",
        "device_specific" / Int8ub * "WP, bit 7; DPOFUA, bit 4",
        "descriptor_length" / Int8ub,
    )
    * "Mode parameter header of the six-byte commands"
)
ModeHeader10 = (
    Struct(
        "length" / Int16ub * "mode data length: bytes behind this",
        "medium" / Int8ub * "medium type",
        "device_specific" / Int8ub * "WP, bit 7; DPOFUA, bit 4",
        "long_lba" / Int8ub * "LONGLBA, bit 0",
        Padding(1),
        "descriptor_length" / Int16ub,
    )
    * "Mode parameter header of the ten-byte commands"
)
ShortBlockDescriptor = (
    Struct(
        "blocks" / Int32ub * "density code, bits 31-24; number of blocks",
        "block_bytes" / Int32ub * "block length, bits 23-0",
    )
    * "Short LBA mode parameter block descriptor"
)
LongBlockDescriptor = (
    Struct("blocks" / Int64ub, Padding(4), "block_bytes" / Int32ub)
    * "Long LBA mode parameter block descriptor"
)
_PAGE = (
    "code" / Int8ub * "PS, SPF, bits 7-6; page code",
    "length" / Int8ub * "bytes behind this",
)
ErrorRecoveryPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "AWRE, ARRE, TB, RC, EER, PER, DTE, DCR",
        "read_retries" / Int8ub,
        Padding(4),
        "write_retries" / Int8ub,
        Padding(1),
        "time_limit" / Int16ub * "recovery time limit, ms",
    )
    * "Mode page 01, read-write error recovery"
)
DisconnectPage = (
    Struct(
        *_PAGE,
        "full_ratio" / Int8ub,
        "empty_ratio" / Int8ub,
        "inactivity" / Int16ub * "bus inactivity limit, 100 us",
        "disconnect" / Int16ub * "disconnect time limit",
        "connect" / Int16ub * "connect time limit",
        "burst" / Int16ub * "maximum burst size, 512 bytes",
        "flags" / Int8ub,
        Padding(1),
        "first_burst" / Int16ub,
    )
    * "Mode page 02, disconnect-reconnect"
)
FormatPage = (
    Struct(
        *_PAGE,
        "tracks_per_zone" / Int16ub,
        "spare_sectors" / Int16ub * "alternate sectors per zone",
        "spare_tracks" / Int16ub * "alternate tracks per zone",
        "unit_spare_tracks" / Int16ub * "alternate tracks per logical unit",
        "sectors" / Int16ub * "sectors per track",
        "sector_bytes" / Int16ub,
        "interleave" / Int16ub,
        "track_skew" / Int16ub,
        "cylinder_skew" / Int16ub,
        "flags" / Int8ub * "SSEC, HSEC, RMB, SURF, bits 7-4",
        Padding(3),
    )
    * "Mode page 03, format device"
)
GeometryPage = (
    Struct(
        *_PAGE,
        "cylinders_high" / Int8ub,
        "cylinders_low" / Int16ub,
        "heads" / Int8ub,
        Padding(11),
        "rpl" / Int8ub,
        "rotational_offset" / Int8ub,
        Padding(1),
        "rotation" / Int16ub * "rpm",
        Padding(2),
    )
    * "Mode page 04, rigid disk geometry"
)
VerifyRecoveryPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "EER, PER, DTE, DCR, bits 3-0",
        "retries" / Int8ub,
        Padding(6),
        "time_limit" / Int16ub * "recovery time limit, ms",
    )
    * "Mode page 07, verify error recovery"
)
CachingPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "WCE, bit 2; RCD, bit 0",
        "retention" / Int8ub,
        "no_prefetch" / Int16ub * "disable pre-fetch transfer length",
        "minimum" / Int16ub * "minimum pre-fetch",
        "maximum" / Int16ub * "maximum pre-fetch",
        "ceiling" / Int16ub * "maximum pre-fetch ceiling",
        "flags12" / Int8ub,
        "segments" / Int8ub,
        "segment_size" / Int16ub,
        Padding(4),
    )
    * "Mode page 08, caching"
)
ControlPage = (
    Struct(
        *_PAGE,
        "flags2" / Int8ub * "TST, bits 7-5; D_SENSE, bit 2; GLTSD, bit 1; RLEC, bit 0",
        "queueing" / Int8ub * "queue algorithm modifier, bits 7-4; QERR, bits 2-1; DQue, bit 0",
        "flags4" / Int8ub * "SWP, bit 3",
        "flags5" / Int8ub * "TAS, bit 6",
        Padding(2),
        "busy" / Int16ub * "busy timeout period, 100 ms",
        "self_test" / Int16ub * "extended self-test completion time, s",
    )
    * "Mode page 0A, control"
)
ControlExtensionPage = (
    Struct(
        "code" / Int8ub * "PS, SPF, bits 7-6; page code",
        "subpage" / Int8ub,
        "length" / Int16ub * "bytes behind this",
        "flags" / Int8ub * "TCMOS, SCSIP, IALUAE, bits 2-0",
        "priority" / Int8ub * "initial command priority",
        Padding(26),
    )
    * "Mode page 0A/01, control extension"
)
PowerConditionPage = (
    Struct(
        *_PAGE,
        Padding(1),
        "flags" / Int8ub * "IDLE, STANDBY, bits 1-0",
        "idle" / Int32ub * "idle condition timer, 100 ms",
        "standby" / Int32ub * "standby condition timer, 100 ms",
    )
    * "Mode page 1A, power condition"
)
ExceptionsPage = (
    Struct(
        *_PAGE,
        "flags" / Int8ub * "DEXCPT, bit 3; TEST, bit 2",
        "mrie" / Int8ub * "method of reporting, bits 3-0",
        "interval" / Int32ub * "interval timer, 100 ms",
        "count" / Int32ub * "report count",
    )
    * "Mode page 1C, informational exceptions control"
)
CdromPage = (
    Struct(
        *_PAGE,
        Padding(1),
        "inactivity" / Int8ub * "inactivity timer multiplier",
        "seconds" / Int16ub * "MSF-S units of one MSF-M unit",
        "frames" / Int16ub * "MSF-F units of one MSF-S unit",
    )
    * "Mode page 0D, CD-ROM device parameters"
)
DecSpecialPage = Struct(*_PAGE, "flags" / Int8ub, Padding(22)) * "Mode page 25, DEC special function control"
