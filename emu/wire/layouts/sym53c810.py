"""What SCRIPTS find in host memory: instructions, and entries of the table at DSA."""

from construct import Int8ul, Int32ul, Padding, Struct

Instruction = (
    Struct(
        "operation" / Int32ul * "opcode and fields, goes to DCMD and DBC",
        "operand" / Int32ul * "address, offset or interrupt vector, goes to DSPS",
    )
    * "SCRIPTS instruction; a memory move has one more word, its destination"
)

SelectEntry = (
    Struct(
        Padding(1),
        "sxfer" / Int8ul * "for SXFER",
        "destination" / Int8ul * "for SDID",
        "scntl3" / Int8ul * "for SCNTL3",
    )
    * "Table entry of SELECT FROM"
)

MoveEntry = (
    Struct(
        "count" / Int32ul * "bytes, in bits 23-0",
        "address" / Int32ul * "bus address",
    )
    * "Table entry of MOVE FROM"
)
