"""DUP messages (connection 2): AA-L620A-TK as seen through Ultrix and RQDX3.

Offsets count from the first byte of the text; timeouts are seconds.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Padding, Struct

_HEADER = (
    "crf" / Int32ul * "command reference number",
    Padding(4),
    "opcd" / Int8ul * "opcode",
    Padding(1),
    "mod" / Int16ul * "modifiers",
)

_END_HEADER = (
    "crf" / Int32ul * "command reference number",
    Padding(4),
    "opcd" / Int8ul * "endcode: opcode and 80 hex",
    Padding(1),
    "sts" / Int16ul * "status",
)

_BUFFER = (
    "buff" / Int32ul * "buffer descriptor: bus address, or mapped bit, first entry and offset",
    "pte_base" / Int32ul * "physical address of the page table, if mapped",
    Padding(4),
)

Header = Struct(*_HEADER) * "GET DUST STATUS, ABORT PROGRAM command"

EndHeader = Struct(*_END_HEADER) * "EXECUTE SUPPLIED PROGRAM, ABORT PROGRAM, SEND DATA IMMEDIATE end"

_DUST_STATUS = (
    *_END_HEADER,
    "ext" / Bytes(3) * "program name extension",
    "flags" / Int8ul * "server flags",
    "progress" / Int32ul * "progress indicator, grows while a program runs",
    "timeout" / Int16ul * "timeout of EXECUTE LOCAL PROGRAM",
)

GetDustStatusEnd = Struct(*_DUST_STATUS) * "GET DUST STATUS end"

GetDustStatusLongEnd = (
    Struct(*_DUST_STATUS, "abort_timeout" / Int8ul * "timeout of ABORT PROGRAM")
    * "GET DUST STATUS end, later form"
)

ExecuteSuppliedProgramCommand = (
    Struct(
        *_HEADER,
        "bcnt" / Int32ul * "size of the program's header and initial segment",
        *_BUFFER,
        "overlay_buff" / Int32ul * "buffer descriptor of the overlay segment",
        "overlay_pte_base" / Int32ul * "physical address of its page table, if mapped",
        Padding(4),
    )
    * "EXECUTE SUPPLIED PROGRAM command"
)

ExecuteLocalProgramCommand = (
    Struct(*_HEADER, "name" / Bytes(6) * "program name, blank filled") * "EXECUTE LOCAL PROGRAM command"
)

_LOCAL_PROGRAM = (
    *_END_HEADER,
    "version" / Int16ul * "program version",
    "timeout" / Int8ul * "timeout of SEND DATA and RECEIVE DATA",
    "flags" / Int8ul * "program flags",
)

ExecuteLocalProgramEnd = Struct(*_LOCAL_PROGRAM) * "EXECUTE LOCAL PROGRAM end"

ExecuteLocalProgramLongEnd = (
    Struct(*_LOCAL_PROGRAM, "abort_timeout" / Int8ul * "timeout of ABORT PROGRAM")
    * "EXECUTE LOCAL PROGRAM end, later form"
)

DataCommand = Struct(*_HEADER, "bcnt" / Int32ul * "byte count", *_BUFFER) * "SEND DATA, RECEIVE DATA command"

DataEnd = Struct(*_END_HEADER, "bcnt" / Int32ul * "byte count transferred") * "SEND DATA, RECEIVE DATA end"

SendDataImmediateCommand = (
    Struct(
        *_HEADER,
        "bcnt" / Int16ul * "byte count",
        "data" / Bytes(22) * "data",
    )
    * "SEND DATA IMMEDIATE command"
)

ProgramHeader = (
    Struct(
        "initial_size" / Int32ul * "size of the initial segment in bytes",
        "overlay_size" / Int32ul * "size of the overlay segment in bytes",
        "name" / Bytes(6) * "program name, blank filled",
        "version" / Int16ul * "program version",
        "flags" / Int8ul * "program flags",
        "timeout" / Int8ul * "data transfer timeout",
    )
    * "What the image of a supplied program begins with"
)

Dialogue = (
    Struct("word" / Int16ul * "message type in bits 15-12, message number in bits 11-0")
    * "What every RECEIVE DATA buffer of the standard dialogue begins with; text follows"
)
