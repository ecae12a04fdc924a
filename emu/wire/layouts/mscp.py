"""MSCP messages: commands, end messages, attention messages, error logs.

AA-L619A-TK and, for DISK COPY DATA and write history, the OpenVMS $MSCPDEF.  Offsets count from the
first byte of the text; the UQSSP envelope lies before it.  Byte counts are bytes, LBNs 512-byte
blocks, timeouts seconds, P.TIME the VMS quadword of 100 ns since 17-Nov-1858.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Padding, Struct

_HEADER = (
    "crf" / Int32ul * "P.CRF command reference number",
    "unit" / Int16ul * "P.UNIT unit number",
    Padding(2),
    "opcd" / Int8ul * "P.OPCD opcode",
    Padding(1),  # caching attributes in $MSCPDEF
    "mod" / Int16ul * "P.MOD modifiers",
)

_END_HEADER = (
    "crf" / Int32ul * "P.CRF command reference number",
    "unit" / Int16ul * "P.UNIT unit number",
    "seqn" / Int16ul * "P.SEQN sequence number of the last error log of this command",
    "opcd" / Int8ul * "P.OPCD endcode: opcode and 80 hex",
    "flgs" / Int8ul * "P.FLGS end flags",
    "sts" / Int16ul * "P.STS status",
)

_BUFFER = (
    "buff" / Int32ul * "P.BUFF buffer descriptor: bus address, or mapped bit, first entry and offset",
    "pte_base" / Int32ul * "P.BUFF+4 physical address of the page table, if mapped",
    Padding(4),
)

Header = Struct(*_HEADER) * "AVAILABLE, DETERMINE ACCESS PATHS, GET UNIT STATUS, GET UNIT NAME command"

EndHeader = Struct(*_END_HEADER) * "AVAILABLE, DETERMINE ACCESS PATHS, REPLACE, FORMAT, DISPLAY end"

ReferenceCommand = (
    Struct(*_HEADER, "otrf" / Int32ul * "P.OTRF outstanding reference number")
    * "ABORT, GET COMMAND STATUS command"
)

AbortEnd = Struct(*_END_HEADER, "otrf" / Int32ul * "P.OTRF outstanding reference number") * "ABORT end"

GetCommandStatusEnd = (
    Struct(
        *_END_HEADER,
        "otrf" / Int32ul * "P.OTRF outstanding reference number",
        "cmst" / Int32ul * "P.CMST command status: a measure of the work left, ever smaller",
    )
    * "GET COMMAND STATUS end"
)

_UNIT_STATUS = (
    *_END_HEADER,
    "mlun" / Int16ul * "P.MLUN multi-unit code",
    "unfl" / Int16ul * "P.UNFL unit flags",
    Padding(4),
    "unti" / Int64ul * "P.UNTI unit identifier: unique number, model at 26, class at 27",
    "medi" / Int32ul * "P.MEDI media type identifier",
    "shun" / Int16ul * "P.SHUN shadow unit",
    "shst" / Int16ul * "P.SHST shadow status",
    "trck" / Int16ul * "P.TRCK track size in LBNs",
    "grp" / Int16ul * "P.GRP group size in tracks",
    "cyl" / Int16ul * "P.CYL cylinder size in groups",
    "usvr" / Int8ul * "P.USVR unit software version",
    "uhvr" / Int8ul * "P.UHVR unit hardware version",
    "rcts" / Int16ul * "P.RCTS RCT size in blocks",
    "rbns" / Int8ul * "P.RBNS RBNs per track",
    "rctc" / Int8ul * "P.RCTC RCT copies",
)

GetUnitStatusEnd = Struct(*_UNIT_STATUS) * "GET UNIT STATUS end"

GetUnitStatusLoadEnd = (
    Struct(
        *_UNIT_STATUS,
        "load" / Int16ul * "MSCP$W_LOAD_AVAIL load available, with controller flag LOAD",
        Padding(2),
    )
    * "GET UNIT STATUS end of a VMS server"
)

GetUnitNameEnd = (
    Struct(
        *_END_HEADER,
        "namelen" / Int32ul * "MSCP$L_DDR_NAMELEN length of the name in bytes",
        "name" / Bytes(28) * "MSCP$T_DDR_NAME name",
    )
    * "GET UNIT NAME end"
)

SetControllerCharacteristicsCommand = (
    Struct(
        *_HEADER,
        "vrsn" / Int16ul * "P.VRSN MSCP version, 0",
        "cntf" / Int16ul * "P.CNTF controller flags",
        "htmo" / Int16ul * "P.HTMO host timeout in seconds, 0 = none",
        Padding(2),
        "time" / Int64ul * "P.TIME time and date, 0 = unknown",
        "parm" / Int32ul * "P.CTPM controller-dependent parameters",
    )
    * "SET CONTROLLER CHARACTERISTICS command"
)

SetControllerCharacteristicsEnd = (
    Struct(
        *_END_HEADER,
        "vrsn" / Int16ul * "P.VRSN MSCP version, 0",
        "cntf" / Int16ul * "P.CNTF controller flags",
        "ctmo" / Int16ul * "P.CTMO controller timeout in seconds",
        "csvr" / Int8ul * "P.CSVR controller software version",
        "chvr" / Int8ul * "P.CHVR controller hardware version",
        "cnti" / Int64ul * "P.CNTI controller identifier: unique number, model at 26, class at 27",
        "mbcnt" / Int32ul * "MSCP$L_MAXBCNT maximum byte count of a transfer, 0 = default",
    )
    * "SET CONTROLLER CHARACTERISTICS end"
)

OnlineCommand = (
    Struct(
        *_HEADER,
        Padding(2),
        "unfl" / Int16ul * "P.UNFL unit flags",
        Padding(4),
        "xlba" / Int32ul * "MSCP$L_EXCL_LBA excluded LBN address",
        "xlbc" / Int32ul * "MSCP$L_EXCL_LBC excluded LBN count",
        "parm" / Int32ul * "P.DVPM device-dependent parameters",
        "shun" / Int16ul * "P.SHUN shadow unit",
        "copy" / Int16ul * "MSCP$W_COPY_MOD copy mode",
    )
    * "ONLINE, SET UNIT CHARACTERISTICS command"
)

OnlineEnd = (
    Struct(
        *_END_HEADER,
        "mlun" / Int16ul * "P.MLUN multi-unit code",
        "unfl" / Int16ul * "P.UNFL unit flags",
        Padding(4),
        "unti" / Int64ul * "P.UNTI unit identifier: unique number, model at 26, class at 27",
        "medi" / Int32ul * "P.MEDI media type identifier",
        "shun" / Int16ul * "P.SHUN shadow unit",
        "shst" / Int16ul * "P.SHST shadow status",
        "unsz" / Int32ul * "P.UNSZ unit size in LBNs",
        "vser" / Int32ul * "P.VSER volume serial number",
    )
    * "ONLINE, SET UNIT CHARACTERISTICS end"
)

_TRANSFER = (
    *_HEADER,
    "bcnt" / Int32ul * "P.BCNT byte count",
    *_BUFFER,
    "lbn" / Int32ul * "P.LBN logical block number",
)

_TRANSFER_END = (
    *_END_HEADER,
    "bcnt" / Int32ul * "P.BCNT byte count successfully processed",
    # Undefined in an end message; RQDX3 and SIMH leave what the command had there.
    "buff" / Int32ul * "P.BUFF undefined, often the command's",
    "pte_base" / Int32ul * "P.BUFF+4 undefined, often the command's",
    Padding(4),
    "fbbk" / Int32ul * "P.FBBK first bad block, valid with end flag BBR only",
)

TransferCommand = (
    Struct(*_TRANSFER)
    * "ACCESS, COMPARE CONTROLLER DATA, ERASE, FLUSH, COMPARE HOST DATA, READ, WRITE command"
)

MappedBuffer = Struct(*_BUFFER) * "Buffer descriptor of a UQSSP port"

NamedBuffer = (
    Struct(
        "offset" / Int32ul * "byte offset in the buffer",
        "name" / Int32ul * "name of the buffer",
        "conid" / Int32ul * "connection identifier",
    )
    * "Buffer descriptor of an SCS port"
)

PortTransferCommand = (
    Struct(
        *_HEADER,
        "bcnt" / Int32ul * "P.BCNT byte count",
        "buff" / Bytes(12) * "P.BUFF buffer descriptor, as the port below has it",
        "lbn" / Int32ul * "P.LBN logical block number",
    )
    * "The same over any port"
)

TransferEnd = (
    Struct(*_TRANSFER_END)
    * "ACCESS, COMPARE CONTROLLER DATA, ERASE, FLUSH, COMPARE HOST DATA, READ, WRITE end"
)

# UNCERTAIN: the three history fields of WRITE are placed as in DISK COPY DATA, and because the end
# message of the VMS server is four bytes longer.
HistoryWriteCommand = (
    Struct(
        *_TRANSFER,
        "hrn" / Int16ul * "MSCP$W_HRN host reference number",
        "ent_id" / Int16ul * "MSCP$W_ENT_ID write history entry identifier",
    )
    * "WRITE command with write history"
)

HistoryWriteEnd = (
    Struct(
        *_TRANSFER_END,
        "ent_loc" / Int16ul * "MSCP$W_ENT_LOC write history entry locator",
        Padding(2),
    )
    * "WRITE end with write history"
)

ReplaceCommand = (
    Struct(
        *_HEADER,
        "rbn" / Int32ul * "P.RBN replacement block number",
        Padding(12),
        "lbn" / Int32ul * "P.LBN logical block number to be revectored",
    )
    * "REPLACE command"
)

FormatCommand = (
    Struct(
        *_HEADER,
        "bcnt" / Int32ul * "P.BCNT byte count",
        *_BUFFER,
        "func" / Int32ul * "MSCP$L_FMT_FUNC format function",
    )
    * "FORMAT command"
)

DisplayCommand = (
    Struct(
        *_HEADER,
        "ditem" / Int16ul * "MSCP$W_DITEM item",
        "dmode" / Int16ul * "MSCP$W_DMODE mode",
        "dtext" / Bytes(16) * "MSCP$T_DTEXT text",
    )
    * "DISPLAY command"
)

# UNCERTAIN: the layout is certain, the meaning of the fields is inferred from their names.
DiskCopyDataCommand = (
    Struct(
        *_HEADER,
        "lbcount" / Int32ul * "MSCP$L_LBCOUNT logical block count",
        "src_unum" / Int16ul * "MSCP$W_SRC_UNUM source unit number",
        Padding(2),
        "src_uid" / Int64ul * "MSCP$Q_SRC_UID source unit identifier",
        "dest_lbn" / Int32ul * "MSCP$L_DEST_LBN destination LBN",
        "hrn" / Int16ul * "MSCP$W_HRN host reference number",
        "ent_id" / Int16ul * "MSCP$W_ENT_ID write history entry identifier",
        Padding(4),
        "src_lbn" / Int32ul * "MSCP$L_SRC_LBN source LBN",
        "port_adr" / Int64ul * "MSCP$Q_PORT_ADR port address of the source's subsystem",
        "sys_adr" / Int64ul * "MSCP$Q_SYS_ADR system address of the source's subsystem",
    )
    * "DISK COPY DATA command; the unit is the destination"
)

DiskCopyDataEnd = (
    Struct(
        *_END_HEADER,
        Padding(4),
        "sbc_sts" / Bytes(16) * "MSCP$Z_SBC_STS subcommand status",  # UNCERTAIN: what the bytes say
        "ent_loc" / Int16ul * "MSCP$W_ENT_LOC write history entry locator",
    )
    * "DISK COPY DATA end"
)

_WRITE_HISTORY = (
    *_HEADER,
    "bcnt" / Int32ul * "reserved; taken as the buffer's length in bytes",  # UNCERTAIN: it must be somewhere
    *_BUFFER,
    "oper" / Int16ul * "MSCP$W_OPER operation",
    "offs" / Int16ul * "MSCP$W_OFFSET first entry wanted",
)

WriteHistoryCommand = Struct(*_WRITE_HISTORY) * "WRITE HISTORY MANAGEMENT command"

# UNCERTAIN: operations 2, 3 and 5 need a reference number or locator; placed as in DISK COPY DATA.
WriteHistoryKeyCommand = (
    Struct(
        *_WRITE_HISTORY,
        "hrn" / Int16ul * "MSCP$W_HRN host reference number",
        "ent_loc" / Int16ul * "MSCP$W_ENT_LOC write history entry locator",
    )
    * "WRITE HISTORY MANAGEMENT command with what to look for"
)

WriteHistoryEnd = (
    Struct(
        *_END_HEADER,
        Padding(4),
        "unit_al" / Int16ul * "MSCP$W_UNIT_AL entries allocated for the unit",
        "serv_al" / Int16ul * "MSCP$W_SERV_AL entries allocated in the server",
        "serv_unal" / Int16ul * "MSCP$W_SERV_UNAL entries unallocated in the server",
        Padding(6),
        "count" / Int16ul * "MSCP$W_COUNT entries returned or deallocated",
        "offs" / Int16ul * "MSCP$W_OFFSET the command's",
    )
    * "WRITE HISTORY MANAGEMENT end"
)

WriteHistoryEntry = (
    Struct(
        "elo" / Int16ul * "WHIS$W_ELO entry locator",
        "unit" / Int16ul * "WHIS$W_UNIT unit number",
        "length" / Int32ul * "WHIS$L_LENGTH length of the write",  # UNCERTAIN: blocks or bytes
        "lbn" / Int32ul * "WHIS$L_LBN first logical block",
        "hrn" / Int16ul * "WHIS$W_HRN host reference number",
        "entflgs" / Int16ul * "WHIS$W_ENTFLGS flags",
    )
    * "Write history entry, in the host's buffer"
)

# DUPLICATE UNIT NUMBER and, UNCERTAIN, ACCESS PATH have the same layout.
AvailableAttention = (
    Struct(
        *_HEADER,
        "mlun" / Int16ul * "P.MLUN multi-unit code",
        "unfl" / Int16ul * "P.UNFL unit flags",
        Padding(4),
        "unti" / Int64ul * "P.UNTI unit identifier: unique number, model at 26, class at 27",
        "medi" / Int32ul * "P.MEDI media type identifier",
    )
    * "AVAILABLE, DUPLICATE UNIT NUMBER, ACCESS PATH attention"
)

_LOG = (
    "crf" / Int32ul * "L.CRF command reference number, 0 if none",
    "unit" / Int16ul * "L.UNIT unit number",
    "seqn" / Int16ul * "L.SEQ sequence number",
    "fmt" / Int8ul * "L.FMT format",
    "flgs" / Int8ul * "L.FLGS flags",
    "evnt" / Int16ul * "L.EVNT event code",
    "cnti" / Int64ul * "L.CNTI controller identifier: unique number, model at 18, class at 19",
    "csvr" / Int8ul * "L.CSVR controller software version",
    "chvr" / Int8ul * "L.CHVR controller hardware version",
)

_UNIT_LOG = (
    *_LOG,
    "mlun" / Int16ul * "L.MLUN multi-unit code",
    "unti" / Int64ul * "L.UNTI unit identifier: unique number, model at 30, class at 31",
    "usvr" / Int8ul * "L.USVR unit software version",
    "uhvr" / Int8ul * "L.UHVR unit hardware version",
)

ControllerLog = (
    Struct(*_LOG, "code" / Int16ul * "controller dependent; last fail: the fatal code")
    * "Error log format 0, controller error and last fail"
)

HostMemoryLog = (
    Struct(*_LOG, Padding(2), "badr" / Int32ul * "L.BADR bus address of the failing access")
    * "Error log format 1, host memory access error"
)

UnitLog = Struct(*_UNIT_LOG) * "What error logs of formats 2, 3, 4 and 9 begin with"

DiskTransferLog = (
    Struct(
        *_UNIT_LOG,
        "lvl" / Int8ul * "L.LVL recovery level",
        "rtry" / Int8ul * "L.RTRY retry count within the level",
        "vser" / Int32ul * "L.VSER volume serial number",
        "hdcd" / Int32ul * "L.HDCD header code",
    )
    * "Error log format 2, disk transfer error; device-dependent bytes may follow"
)

SdiLog = (
    Struct(
        *_UNIT_LOG,
        Padding(2),
        "vser" / Int32ul * "L.VSER volume serial number",
        "hdcd" / Int32ul * "L.HDCD header code",
        "sdi" / Bytes(12) * "L.SDI drive status",
    )
    * "Error log format 3, SDI error"
)

# SIMH sends two bytes more.
SmallDiskLog = (
    Struct(
        *_UNIT_LOG,
        "scyl" / Int16ul * "L.SCYL cylinder",
        "vser" / Int32ul * "L.VSER volume serial number",
        "sde" / Bytes(6) * "device dependent; RQDX3: status, chip, disk, sector, surface, cylinder",
    )
    * "Error log format 4, small disk error"
)

ReplacementLog = (
    Struct(
        *_UNIT_LOG,
        "rpfl" / Int16ul * "L.RPFL replacement flags",
        "vser" / Int32ul * "L.VSER volume serial number",
        "bad_lbn" / Int32ul * "L.BADLBN bad LBN",
        "old_rbn" / Int32ul * "L.OLDRBN previous RBN, if it was already replaced",
        "new_rbn" / Int32ul * "L.NEWRBN new RBN",
        "cause" / Int16ul * "L.CAUSE event code that started the replacement",
    )
    * "Error log format 9, bad block replacement attempt"
)

# DEC STD 166: block 0 of each copy of the replacement control table.
ReplacementControl = (
    Struct(
        "vser" / Int64ul * "volume serial number",
        "flags" / Int16ul * "state flags",
        Padding(2),
        "lbn" / Int32ul * "LBN being replaced",
        "new_rbn" / Int32ul * "new RBN",
        "bad_rbn" / Int32ul * "bad (previous) RBN",
        Padding(488),
    )
    * "Replacement control table, block 0"
)
