; SCRIPTS of the port driver for the 53C810: one command after another, with disconnect, reselection by tag, and
; negotiation.  A target may choose its phases in any order.
;
; DSA points at the command's block, whose head loads DSA with its own address and jumps to SELECT_:
;   MOVE byte TO DSA0 ... DSA3, JUMP SELECT_.
; The host hands a command over by writing the address of such a head into the operand of the jump at IDLE, if that is
; WAITR, and by setting ISTAT.SIGP.  The slot is taken as soon as the bus is won.

ARCH 810

; ---- the command block, offsets from DSA
ABSOLUTE T_SELECT = 0x00                ; SCNTL3, identifier, SXFER
ABSOLUTE T_MESSAGE_OUT = 0x08           ; IDENTIFY, tag, SDTR
ABSOLUTE T_COMMAND = 0x10
ABSOLUTE T_STATUS = 0x18
ABSOLUTE T_MESSAGE_IN = 0x20
ABSOLUTE T_EXTENDED_LENGTH = 0x28
ABSOLUTE T_SDTR = 0x30
ABSOLUTE T_DATA = 0x38                  ; what is left; the host changes it
ABSOLUTE T_WDTR = 0x40

; ---- what the host hears of, in DSPS
ABSOLUTE INT_DONE = 0xA000
ABSOLUTE INT_RESTORE_POINTERS = 0xA003
ABSOLUTE INT_DISCONNECTED = 0xA004
ABSOLUTE INT_MESSAGE_REJECT = 0xA007
ABSOLUTE INT_UNKNOWN_MESSAGE = 0xA00D
ABSOLUTE INT_OVERRUN = 0xA00E
ABSOLUTE INT_WDTR = 0xA012
ABSOLUTE INT_SDTR = 0xA013
ABSOLUTE INT_RESELECTED = 0xA020
ABSOLUTE INT_RESELECTED_TAG = 0xA021
ABSOLUTE INT_NO_TAG = 0xA022
ABSOLUTE INT_NO_IDENTIFY = 0xA02F
ABSOLUTE INT_BAD_PHASE = 0xA0FF

RELATIVE mailbox IDENTIFY_IN = 0, TAG_CODE_IN = 1, TAG_IN = 2

ENTRY IDLE, WAITR, SELECT_, DISP, ACKGO, ATNGO

; ---- nothing to do
IDLE:   JUMP WAITR                                      ; the slot: WAITR, or the head of a command
WAITR:  WAIT RESELECT NEWCMD

; ---- a target comes back: IDENTIFY, and a tag if the command had one
RESEL:  INT INT_NO_IDENTIFY, WHEN NOT MSG_IN
        MOVE 1, IDENTIFY_IN, WHEN MSG_IN
        CLEAR ACK
        JUMP RTAG, WHEN MSG_IN
        INT INT_RESELECTED
RTAG:   MOVE 1, TAG_CODE_IN, WHEN MSG_IN
        INT INT_NO_TAG, IF NOT 0x20
        CLEAR ACK
        MOVE 1, TAG_IN, WHEN MSG_IN
        INT INT_RESELECTED_TAG                          ; ACK of the tag is still held: go on at ACKGO

NEWCMD: MOVE CTEST2 TO SFBR                             ; reading it clears SIGP
        JUMP IDLE

; ---- a new command
SELECT_:
        SELECT ATN FROM T_SELECT, RESEL
        MOVE MEMORY 4, EMPTY, IDLE + 4
        MOVE 0 TO SCRATCHA0                             ; 1: all data has moved
        MOVE 0 TO SCRATCHA1                             ; 1: the target has said SAVE DATA POINTER

; ---- whatever the target wants next; the first line waits for REQ, the others look at the same phase
DISP:   JUMP D_MI, WHEN MSG_IN
        JUMP D_ST, IF STATUS
        JUMP D_DI, IF DATA_IN
        JUMP D_DO, IF DATA_OUT
        JUMP D_CM, IF COMMAND
        JUMP D_MO, IF MSG_OUT
        INT INT_BAD_PHASE

D_MO:   MOVE FROM T_MESSAGE_OUT, WHEN MSG_OUT
        JUMP DISP

D_CM:   MOVE FROM T_COMMAND, WHEN COMMAND
        JUMP DISP

D_DI:   MOVE SCRATCHA0 TO SFBR
        INT INT_OVERRUN, IF NOT 0
        MOVE FROM T_DATA, WHEN DATA_IN
        MOVE 1 TO SCRATCHA0
        JUMP DISP

D_DO:   MOVE SCRATCHA0 TO SFBR
        INT INT_OVERRUN, IF NOT 0
        MOVE FROM T_DATA, WHEN DATA_OUT
        MOVE 1 TO SCRATCHA0
        JUMP DISP

D_ST:   MOVE FROM T_STATUS, WHEN STATUS
        JUMP DISP

; ---- messages; ACK stays until we know what to do with one
D_MI:   MOVE FROM T_MESSAGE_IN, WHEN MSG_IN
        JUMP M_CC, IF 0x00
        JUMP M_SD, IF 0x02
        JUMP M_DC, IF 0x04
        JUMP M_EX, IF 0x01
        INT INT_RESTORE_POINTERS, IF 0x03
        INT INT_MESSAGE_REJECT, IF 0x07
        INT INT_UNKNOWN_MESSAGE

M_SD:   MOVE 1 TO SCRATCHA1
ACKGO:  CLEAR ACK
        JUMP DISP

ATNGO:  SET ATN
        JUMP ACKGO

M_EX:   CLEAR ACK
        MOVE FROM T_EXTENDED_LENGTH, WHEN MSG_IN
        JUMP X3, IF 0x03
        JUMP X2, IF 0x02
        INT INT_UNKNOWN_MESSAGE
X3:     CLEAR ACK
        MOVE FROM T_SDTR, WHEN MSG_IN
        INT INT_SDTR
X2:     CLEAR ACK
        MOVE FROM T_WDTR, WHEN MSG_IN
        INT INT_WDTR

; ---- the bus becomes free, and that is no surprise
M_CC:   MOVE SCNTL2 & 0x7F TO SCNTL2
        CLEAR ACK
        WAIT DISCONNECT
        INT INT_DONE

M_DC:   MOVE SCNTL2 & 0x7F TO SCNTL2
        CLEAR ACK
        WAIT DISCONNECT
        INT INT_DISCONNECTED

EMPTY:  DATA WAITR                                      ; the slot's value when it is empty
