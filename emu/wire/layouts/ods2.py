"""Files-11 ODS-2 blocks the shadow driver reads and writes: home block, storage control block.

The home block has the $HM2DEF symbols, the storage control block those of $SCBDEF.  Dates are VMS
quadwords of 100 ns since 17-Nov-1858, sizes 512-byte blocks unless said.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Padding, Struct

# UNCERTAIN: written from general knowledge of ODS-2, not from a document at hand.
HomeBlock = (
    Struct(
        "homelbn" / Int32ul * "HM2$L_HOMELBN LBN of this home block",
        "alhomelbn" / Int32ul * "HM2$L_ALHOMELBN LBN of the alternate home block",
        "altidxlbn" / Int32ul * "HM2$L_ALTIDXLBN LBN of the alternate index file header",
        "struclev" / Int16ul * "HM2$W_STRUCLEV structure level and version",
        "cluster" / Int16ul * "HM2$W_CLUSTER storage map cluster factor",
        "homevbn" / Int16ul * "HM2$W_HOMEVBN VBN of this home block",
        "alhomevbn" / Int16ul * "HM2$W_ALHOMEVBN VBN of the alternate home block",
        "altidxvbn" / Int16ul * "HM2$W_ALTIDXVBN VBN of the alternate index file header",
        "ibmapvbn" / Int16ul * "HM2$W_IBMAPVBN VBN of the index file bitmap",
        "ibmaplbn" / Int32ul * "HM2$L_IBMAPLBN LBN of the index file bitmap",
        "maxfiles" / Int32ul * "HM2$L_MAXFILES maximum number of files",
        "ibmapsize" / Int16ul * "HM2$W_IBMAPSIZE size of the index file bitmap",
        "resfiles" / Int16ul * "HM2$W_RESFILES number of reserved files",
        "devtype" / Int16ul * "HM2$W_DEVTYPE device type",
        "rvn" / Int16ul * "HM2$W_RVN relative volume number",
        "setcount" / Int16ul * "HM2$W_SETCOUNT number of volumes in the set",
        "volchar" / Int16ul * "HM2$W_VOLCHAR volume characteristics",
        "volowner" / Int32ul * "HM2$L_VOLOWNER owner UIC",
        "sec_mask" / Int32ul * "HM2$L_SEC_MASK volume security mask",
        "protect" / Int16ul * "HM2$W_PROTECT volume protection",
        "fileprot" / Int16ul * "HM2$W_FILEPROT default file protection",
        "recprot" / Int16ul * "HM2$W_RECPROT default record protection",
        "checksum1" / Int16ul * "HM2$W_CHECKSUM1 sum of the 29 words before",
        "credate" / Int64ul * "HM2$Q_CREDATE creation date",
        "window" / Int8ul * "HM2$B_WINDOW default window size",
        "lru_lim" / Int8ul * "HM2$B_LRU_LIM default directory cache limit",
        "extend" / Int16ul * "HM2$W_EXTEND default file extension",
        "retainmin" / Int64ul * "HM2$Q_RETAINMIN minimum retention period",
        "retainmax" / Int64ul * "HM2$Q_RETAINMAX maximum retention period",
        "revdate" / Int64ul * "HM2$Q_REVDATE revision date",
        Padding(360),  # security classification marks, not modelled
        "serialnum" / Int32ul * "HM2$L_SERIALNUM pack serial number",
        "strucname" / Bytes(12) * "HM2$T_STRUCNAME structure (volume set) name",
        "volname" / Bytes(12) * "HM2$T_VOLNAME volume label, blank filled",
        "ownername" / Bytes(12) * "HM2$T_OWNERNAME owner name, blank filled",
        "format" / Bytes(12) * "HM2$T_FORMAT structure name DECFILE11B",
        Padding(2),
        "checksum2" / Int16ul * "HM2$W_CHECKSUM2 sum of the 255 words before",
    )
    * "ODS-2 home block"
)

StorageControlBlock = (
    Struct(
        "struclev" / Int16ul * "SCB$W_STRUCLEV structure level and version",
        "cluster" / Int16ul * "SCB$W_CLUSTER storage map cluster factor",
        "volsize" / Int32ul * "SCB$L_VOLSIZE volume size",
        "blksize" / Int32ul * "SCB$L_BLKSIZE physical blocks of a logical block",  # UNCERTAIN: the wording
        "sectors" / Int32ul * "SCB$L_SECTORS sectors of a track",
        "tracks" / Int32ul * "SCB$L_TRACKS tracks of a cylinder",
        "cylinder" / Int32ul * "SCB$L_CYLINDER cylinders",
        "status" / Int32ul * "SCB$L_STATUS volume status",
        "status2" / Int32ul * "SCB$L_STATUS2 volume status, second copy",
        "writecnt" / Int16ul * "SCB$W_WRITECNT count of write mounts",
        "volockname" / Bytes(12) * "SCB$T_VOLOCKNAME volume lock name",
        "mounttime" / Int64ul * "SCB$Q_MOUNTTIME time of last mount",
        "backrev" / Int16ul * "SCB$W_BACKREV backup revision number",
        "genernum" / Int64ul * "SCB$Q_GENERNUM shadow generation number",
        "unit_id" / Int64ul * "SCB$Q_UNIT_ID virtual unit identifier",
        "shadow_status" / Int16ul * "SCB$W_SHADOW_STATUS shadow set status",
        "member_status_0" / Int8ul * "SCB$B_MEMBER_STATUS status of member 0",
        "member_status_1" / Int8ul * "SCB$B_MEMBER_STATUS+1 status of member 1",
        "member_status_2" / Int8ul * "SCB$B_MEMBER_STATUS+2 status of member 2",
        "member_status_3" / Int8ul * "SCB$B_MEMBER_STATUS+3 fourth byte, no member",
        Padding(2),
        "member_id_0" / Int64ul * "SCB$Q_MEMBER_IDS unit identifier of member 0",
        "member_id_1" / Int64ul * "SCB$Q_MEMBER_IDS+8 unit identifier of member 1",
        "member_id_2" / Int64ul * "SCB$Q_MEMBER_IDS+16 unit identifier of member 2",
        "scb_lbn" / Int32ul * "SCB$L_SCB_LBN LBN of the storage control block",
        "devices" / Int8ul * "SCB$B_DEVICES number of devices",
        "members" / Int8ul * "SCB$B_MEMBERS number of full members",
        "mast_indx" / Int8ul * "SCB$B_MAST_INDX master index",
        "mrg_targets" / Int8ul * "SCB$B_MRG_TARGETS merge targets",
        "fc_targets" / Int8ul * "SCB$B_FC_TARGETS full copy targets",
        "decram_mbrs" / Int8ul * "SCB$B_DECRAM_MBRS DECram members",
        Padding(396),
        "checksum" / Int16ul * "SCB$W_CHECKSUM sum of the 255 words before",
    )
    * "ODS-2 storage control block"
)
