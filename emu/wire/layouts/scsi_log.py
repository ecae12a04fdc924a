"""SCSI: log pages and their parameters.  SPC.  Big-endian."""

from construct import Int8ub, Int16ub, Struct

LogHeader = (
    Struct(
        "page" / Int8ub * "DS, SPF, bits 7-6; page code",
        "subpage" / Int8ub,
        "length" / Int16ub * "bytes behind this",
    )
    * "Header of a log page"
)
LogParameter = (
    Struct("code" / Int16ub * "parameter code", "control" / Int8ub, "length" / Int8ub * "bytes behind this")
    * "Header of a log parameter"
)
