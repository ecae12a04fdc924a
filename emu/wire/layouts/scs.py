"""Systems communication services: datagrams of a LAN, circuits, SCS messages, block transfers, cluster messages.

A datagram is a DatagramHeader; a Hello, or a CircuitHeader and a Start or a packet; a packet is a PpdHeader and an SCS
message or a piece of a block transfer.  Fields with a symbol are those of $NISCADEF, $PPDDEF, $SCSDEF and $CLSMSGDEF.

DEVIATION: the transport of NISCA is not published in full.  Its first header is DEC's, what follows (circuit
numbers, sequence numbers of 32 bits) is ours.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Padding, Struct

DatagramHeader = (
    Struct(
        "destination_lo" / Int32ul * "NISCA$L_DX_DST_LO who it is for, 0 for everybody",
        "destination_hi" / Int16ul * "NISCA$W_DX_DST_HI its high word",
        "group" / Int16ul * "NISCA$W_DX_GROUP cluster group number",
        "source_lo" / Int32ul * "NISCA$L_DX_SRC_LO whose it is: SCSSYSTEMID",
        "source_hi" / Int16ul * "NISCA$W_DX_SRC_HI its high word",
        "channel" / Int8ul * "NISCA$B_MSG Channel",
        "ppd_type" / Int8ul * "PpdType of CONTROL",
    )
    * "Header of every datagram"
)

# Data of HELLO.
Hello = (
    Struct("swincarn" / Int64ul * "when the node was booted: who has a circuit to an earlier life drops it")
    * "I am here"
)

CircuitHeader = (
    Struct(
        "source_circuit" / Int64ul * "the sender's number of the circuit; grows with every new one",
        "destination_circuit" / Int64ul * "the receiver's number, 0 while it is not known",
        "sequence" / Int32ul * "of this packet",
        "acknowledged" / Int32ul * "all packets before this one have come",
    )
    * "Which circuit"
)

# Data of START and STACK.
Start = (
    Struct(
        "systemid_lo" / Int32ul * "PPD$Q_SYSTEMID SCSSYSTEMID",
        "systemid_hi" / Int16ul * "PPD$Q_SYSTEMID its high word",
        "protocol" / Int8ul * "PPD$B_PROTOCOL protocol level",
        Padding(1),
        "maxdg" / Int16ul * "PPD$W_MAXDG longest application datagram",
        "maxmsg" / Int16ul * "PPD$W_MAXMSG longest application message",
        "swtype" / Bytes(4) * "PPD$T_SWTYPE operating system",
        "swvers" / Bytes(4) * "PPD$T_SWVERS its version",
        "swincarn" / Int64ul * "PPD$Q_SWINCARN when the node was booted, as a VMS time",
        "hwtype" / Bytes(4) * "PPD$T_HWTYPE processor",
        "hwvers" / Bytes(12) * "PPD$B_HWVERS its version",
        "nodename" / Bytes(8) * "PPD$Q_NODENAME SCSNODE, filled with blanks",
        "curtime" / Int64ul * "PPD$Q_CURTIME time of day",
    )
    * "Who a node is"
)

PpdHeader = (
    Struct(
        "opcode" / Int8ul * "PPD$B_OPC PpdOpcode",
        "status" / Int8ul * "PPD$B_STATUS TransferStatus",
        "last" / Int8ul * "1 = the last piece of a block transfer",
        Padding(1),
    )
    * "Header of every packet"
)

ScsHeader = (
    Struct(
        "length" / Int16ul * "PPD$W_LENGTH bytes that follow this field",
        "ppd_mtype" / Int16ul * "PPD$W_MTYPE 4 = message, 3 = datagram",
        "mtype" / Int16ul * "SCS$W_MTYPE MessageType",
        "credit" / Int16ul * "SCS$W_CREDIT credits given",
        "dst_conid" / Int32ul * "SCS$L_DST_CONID the receiver's connection",
        "src_conid" / Int32ul * "SCS$L_SRC_CONID the sender's connection",
    )
    * "Header of an SCS message"
)

# CON_REQ and ACCP_REQ; the answers and REJ_REQ, DISC_REQ have the first two fields.
Connect = (
    Struct(
        "min_cr" / Int16ul * "SCS$W_MIN_CR credits below which it makes no sense",
        "status" / Int16ul * "SCS$W_STATUS ConnectStatus, or the reason of a rejection",
        "dst_proc" / Bytes(16) * "SCS$T_DST_PROC process that is wanted, filled with blanks",
        "src_proc" / Bytes(16) * "SCS$T_SRC_PROC process that asks",
        "con_dat" / Bytes(16) * "SCS$B_CON_DAT what they tell each other",
    )
    * "Data of a connection"
)

ConnectAnswer = (
    Struct(
        "min_cr" / Int16ul * "SCS$W_MIN_CR",
        "status" / Int16ul * "SCS$W_STATUS ConnectStatus, or the reason of a rejection",
    )
    * "Answer about a connection"
)

BlockTransfer = (
    Struct(
        "conid" / Int32ul * "SCS$L_LCONID the receiver's connection",
        "rspid" / Int32ul * "SCS$L_RSPID whose transfer it is",
        "xct_len" / Int32ul * "SCS$L_XCT_LEN bytes of the transfer, or of this piece",
        "snd_name" / Int32ul * "SCS$L_SND_NAME buffer that is read",
        "snd_boff" / Int32ul * "SCS$L_SND_BOFF byte offset in it",
        "rec_name" / Int32ul * "SCS$L_REC_NAME buffer that is written",
        "rec_boff" / Int32ul * "SCS$L_REC_BOFF byte offset in it",
    )
    * "Block transfer"
)

ClusterMessage = (
    Struct(
        "seqnum" / Int16ul * "CLSMSG$W_SEQNUM of this message, 0: it is not counted",
        "ackseq" / Int16ul * "CLSMSG$W_ACKSEQ last message that has come",
        "rspid" / Int32ul * "CLSMSG$L_RSPID whose answer it is",
        "facility" / Int8ul * "CLSMSG$B_FACILITY Facility",
        "func" / Int8ul * "CLSMSG$B_FUNC its function",
        Padding(2),
        "bufh" / Int32ul * "CLSMSG$L_REQR_BUFH buffer with the data, 0: they follow",
        "length" / Int32ul * "bytes of data",
    )
    * "Header of a cluster message"
)

# Data of STATUS.
Status = (
    Struct(
        "founded" / Int64ul * "when the cluster was formed; 0: no member",
        "epoch" / Int32ul * "counts changes of the cluster",
        "csid" / Int32ul * "cluster system identifier, 0: no member",
        "votes" / Int16ul * "VOTES",
        "expected_votes" / Int16ul * "EXPECTED_VOTES",
        "capabilities" / Int32ul * "Capability",
        "received" / Int16ul * "last cluster message of the receiver that has come",
        "known" / Int8ul * "1 = the receiver is a member",
        "works" / Int8ul * "1 = its cluster has quorum",
        Padding(4),
    )
    * "What a connection manager knows"
)

# Data of PROPOSE and COMMIT, followed by `members` times Member.
View = (
    Struct(
        "founded" / Int64ul * "when the cluster was formed",
        "epoch" / Int32ul * "counts changes of the cluster",
        "quorum" / Int16ul * "votes without which nobody works",
        "members" / Int16ul * "members that follow",
        "next_csid" / Int32ul * "for the next to join",
        Padding(4),
    )
    * "A cluster"
)

Member = (
    Struct(
        "system" / Int64ul * "SCSSYSTEMID",
        "incarnation" / Int64ul * "when it was booted",
        "csid" / Int32ul * "cluster system identifier",
        "capabilities" / Int32ul * "Capability",
        "votes" / Int16ul * "VOTES",
        "expected_votes" / Int16ul * "EXPECTED_VOTES",
        "hwtype" / Bytes(4) * "processor",
        "name" / Bytes(8) * "SCSNODE",
    )
    * "A member of a cluster"
)

# Data of AGREE, REFUSE and ABORT.
Epoch = Struct("epoch" / Int32ul * "of the cluster that was proposed") * "Which proposal"

# Data of all messages of the lock manager.
Lock = (
    Struct(
        "master" / Int32ul * "CSID of the lock master, as the sender knows it",
        "lock" / Int32ul * "the owner's number of the lock",
        "mode" / Int8ul * "LockMode that is granted",
        "wanted" / Int8ul * "LockMode that is asked for",
        "flags" / Int8ul * "LockFlag",
        Padding(1),
        "order" / Int32ul * "of the request, as the master counts them",
        "value" / Bytes(16) * "value block",
        "value_number" / Int32ul * "counts writes of the value block",
        "resource" / Bytes(32) * "resource name",
    )
    * "A lock"
)
