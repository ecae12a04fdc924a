"""SCSI: READ TOC and READ HEADER data of a CD-ROM.  MMC.  Big-endian."""

from construct import Int8ub, Int16ub, Int32ub, Padding, Struct

TocHeader = (
    Struct(
        "length" / Int16ub * "bytes behind this",
        "first" / Int8ub * "first track",
        "last" / Int8ub * "last track",
    )
    * "Header of READ TOC data"
)
TocTrack = (
    Struct(
        Padding(1),
        "control" / Int8ub * "ADR, bits 7-4; CONTROL, bits 3-0",
        "track" / Int8ub * "AA: the lead-out",
        Padding(1),
        "address" / Int32ub * "LBA, or minute, second, frame in the lower three bytes",
    )
    * "READ TOC data, one track"
)
CdHeader = (
    Struct("mode" / Int8ub * "1: data with error correction", Padding(3), "address" / Int32ub)
    * "READ HEADER data"
)
