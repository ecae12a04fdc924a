"""Systems communication services: what goes between the nodes of a cluster, from datagram to cluster message.

Numbers with a symbol are those of VMS's definition libraries ($PPDDEF, $SCSDEF, $CLSMSGDEF, $CSBDEF, $LCKDEF); the
rest are ours.
"""

from typing import Final

from emu.wire.codes import Bits, Code

DATAGRAM_BYTES: Final = 1498  # NISCS_MAX_PKTSZ's default: the longest datagram of an Ethernet
DATA_PIECE_BYTES: Final = 1024  # of a block transfer in one datagram
CLUSTER_MESSAGE_BYTES: Final = 0x84  # CLSMSG$K_MAXMSG
EVERYBODY: Final = 0  # destination of a multicast datagram
VALUE_BLOCK_BYTES: Final = 16


class Channel(Code):
    """What a datagram is."""

    HELLO = 1, "multicast: I am here"
    CONTROL = 2, "opens or ends a circuit: PpdType says which"
    SEQUENCED = 3, "a packet of a circuit, in order and none lost"
    ACKNOWLEDGE = 4, "packets of a circuit have come"
    DATAGRAM = 5, "a packet of a circuit that may be lost"


class PpdType(Code):
    """Control messages of a circuit ($PPDDEF message types)."""

    START = 0, "PPD$C_START: let us open a circuit"
    STACK = 1, "PPD$C_STACK: yes, and this is who I am"
    ACK = 2, "PPD$C_ACK: it is open"
    NODE_STOP = 6, "PPD$C_NODE_STOP: the circuit is closed, or the node dies"


class PpdOpcode(Code):
    """Packets of a circuit ($PPDDEF port opcodes)."""

    NOP = 0, "shows that the circuit works"
    SNDDG = 1, "PPD$C_SNDDG: application datagram"
    SNDMSG = 2, "PPD$C_SNDMSG: SCS message"
    RETCNF = 3, "PPD$C_RETCNF: a block transfer has ended"
    REQDAT = 8, "PPD$C_REQDAT: send me data of a named buffer"
    SNDDAT = 0x10, "PPD$C_SNDDAT: data into a named buffer"
    RETDAT = 0x11, "PPD$C_RETDAT: data that was asked for"


class TransferStatus(Code):
    """How a block transfer ended."""

    NORMAL = 0, "all data are there"
    BAD_NAME = 1, "no buffer of this name, or not for this connection"
    BAD_EXTENT = 2, "outside of the buffer"


class MessageType(Code):
    """SCS messages ($SCSDEF)."""

    CON_REQ = 0, "SCS$C_CON_REQ: connect to a process"
    CON_RSP = 1, "SCS$C_CON_RSP: whether there is such a process"
    ACCP_REQ = 2, "SCS$C_ACCP_REQ: the process accepts"
    ACCP_RSP = 3, "SCS$C_ACCP_RSP: the connection is open"
    REJ_REQ = 4, "SCS$C_REJ_REQ: the process rejects"
    REJ_RSP = 5, "SCS$C_REJ_RSP: understood"
    DISC_REQ = 6, "SCS$C_DISC_REQ: the connection ends"
    DISC_RSP = 7, "SCS$C_DISC_RSP: understood"
    CR_REQ = 8, "SCS$C_CR_REQ: more credits"
    CR_RSP = 9, "SCS$C_CR_RSP: understood"
    APPL_MSG = 10, "SCS$C_APPL_MSG: application message"
    APPL_DG = 11, "SCS$C_APPL_DG: application datagram"


class ConnectStatus(Code):
    """Status of a connection request ($SCSDEF)."""

    NORMAL = 1, "SCS$C_STNORMAL"
    NO_MATCH = 10, "SCS$C_STNOMAT: no such process"
    NO_RESOURCES = 18, "SCS$C_STNORS: no resources"
    DISCONNECTED = 25, "SCS$C_STDISC: it has gone meanwhile"
    INSUFFICIENT_CREDIT = 33, "SCS$C_STINSFCR: not enough credits"


class Facility(Code):
    """Who a cluster message is for ($CLSMSGDEF)."""

    CNX = 1, "CLSMSG$K_FAC_CNX: connection manager"
    LCK = 2, "CLSMSG$K_FAC_LCK: lock manager"
    ACK = 4, "CLSMSG$K_FAC_ACK: acknowledgement only"
    REQUEST = 0x40, "a driver's request, or its answer"


RESPONSE: Final = 0x80  # CLSMSG$M_RESPMSG, in the function code


class CnxFunction(Code):
    """Functions of the connection manager."""

    STATUS = 1, "who I am and what I know; first on every connection"
    PROPOSE = 2, "shall the cluster be this?"
    AGREE = 3, "it shall"
    REFUSE = 4, "not now"
    COMMIT = 5, "the cluster is this"
    ABORT = 6, "it shall not"
    EXPEL = 7, "you are no member any more"
    LEAVE = 8, "I leave, and will not be missed"


class LckFunction(Code):
    """Functions of the lock manager."""

    ENQUEUE = 1, "a new lock"
    CONVERT = 2, "another mode for a lock"
    DEQUEUE = 3, "a lock is given up"
    GRANTED = 4, "a lock is granted"
    BLOCKING = 5, "somebody waits for a lock"
    REBUILD = 6, "a lock that its new master has to know"
    REBUILT = 7, "those were all"
    DENIED = 8, "a lock that was not to be waited for"


class LockMode(Code):
    """Lock modes ($LCKDEF)."""

    NL = 0, "LCK$K_NLMODE: null"
    CR = 1, "LCK$K_CRMODE: concurrent read"
    CW = 2, "LCK$K_CWMODE: concurrent write"
    PR = 3, "LCK$K_PRMODE: protected read"
    PW = 4, "LCK$K_PWMODE: protected write"
    EX = 5, "LCK$K_EXMODE: exclusive"


class LockFlag(Bits):
    """Flags of a lock message."""

    NOQUEUE = 0x01, "LCK$M_NOQUEUE: do not wait"
    VALUE_INVALID = 0x02, "the value block is not what it was: SS$_VALNOTVALID"
    WRITE_VALUE = 0x04, "the value block comes along"
    WAITING = 0x08, "the lock is not granted"
    CONVERTING = 0x10, "the lock is granted in `mode` and waits for `wanted`"


class Capability(Bits):
    """What a node can do ($CSBDEF capabilities)."""

    WBM_SHADOW = 0x0200, "CSB$V_CAP_WBM_SHADOW: write bitmaps of shadow sets"
    WBM_ALL = 0x0400, "CSB$V_CAP_WBM_ALL"
