"""Files-11 ODS-2 on the disk: home block, storage control block, file header, retrieval pointers, directory.

(Files-11 On-Disk Structure Specification, A. C. Goldstein, 11-Jan-1985; the names are those of $HM2DEF, $SCBDEF,
$FH2DEF, $FI2DEF, $FM2DEF, $FATDEF and $DIRDEF.)  Dates are VMS quadwords of 100 ns since 17-Nov-1858, sizes
512-byte blocks unless said.
"""

from construct import Bytes, Int8ul, Int16ul, Int32ul, Int64ul, Padding, Struct

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

# A file number has 24 bits: `num`, and `nmx` above it.
FileHeader = (
    Struct(
        "idoffset" / Int8ul * "FH2$B_IDOFFSET words before the ident area",
        "mpoffset" / Int8ul * "FH2$B_MPOFFSET words before the map area",
        "acoffset" / Int8ul * "FH2$B_ACOFFSET words before the access control list",
        "rsoffset" / Int8ul * "FH2$B_RSOFFSET words before the reserved area",
        "seg_num" / Int16ul * "FH2$W_SEG_NUM number of this header among the file's",
        "struclev" / Int16ul * "FH2$W_STRUCLEV structure level and version",
        "fid_num" / Int16ul * "FID$W_NUM file number",
        "fid_seq" / Int16ul * "FID$W_SEQ sequence number",
        "fid_rvn" / Int8ul * "FID$B_RVN relative volume number",
        "fid_nmx" / Int8ul * "FID$B_NMX file number, high byte",
        "ext_num" / Int16ul * "FH2$W_EXT_FID next header of this file, number",
        "ext_seq" / Int16ul * "FH2$W_EXT_FID+2 sequence number",
        "ext_rvn" / Int8ul * "FH2$W_EXT_FID+4 relative volume number",
        "ext_nmx" / Int8ul * "FH2$W_EXT_FID+5 number, high byte",
        "rtype" / Int8ul * "FAT$B_RTYPE record format, file organization above",
        "rattrib" / Int8ul * "FAT$B_RATTRIB record attributes",
        "rsize" / Int16ul * "FAT$W_RSIZE bytes of the longest record",
        "hiblk_high" / Int16ul * "FAT$L_HIBLK blocks allocated, high word first",
        "hiblk_low" / Int16ul * "FAT$L_HIBLK+2 low word",
        "efblk_high" / Int16ul * "FAT$L_EFBLK block of the end of file, high word first",
        "efblk_low" / Int16ul * "FAT$L_EFBLK+2 low word",
        "ffbyte" / Int16ul * "FAT$W_FFBYTE first free byte in that block",
        "bktsize" / Int8ul * "FAT$B_BKTSIZE bucket size",
        "vfcsize" / Int8ul * "FAT$B_VFCSIZE bytes of a record's fixed control area",
        "maxrec" / Int16ul * "FAT$W_MAXREC bytes a record may have",
        "defext" / Int16ul * "FAT$W_DEFEXT default extension",
        "gbc" / Int16ul * "FAT$W_GBC global buffer count",
        Padding(8),
        "versions" / Int16ul * "FAT$W_VERSIONS default version limit of a directory",
        "filechar" / Int32ul * "FH2$L_FILECHAR file characteristics",
        "recprot" / Int16ul * "FH2$W_RECPROT record protection",
        "map_inuse" / Int8ul * "FH2$B_MAP_INUSE words of the map area in use",
        "acc_mode" / Int8ul * "FH2$B_ACC_MODE least privileged access mode",
        "fileowner" / Int32ul * "FH2$L_FILEOWNER owner UIC",
        "fileprot" / Int16ul * "FH2$W_FILEPROT protection: what is denied to system, owner, group, world",
        "back_num" / Int16ul * "FH2$W_BACKLINK directory of this file, number",
        "back_seq" / Int16ul * "FH2$W_BACKLINK+2 sequence number",
        "back_rvn" / Int8ul * "FH2$W_BACKLINK+4 relative volume number",
        "back_nmx" / Int8ul * "FH2$W_BACKLINK+5 number, high byte",
        "journal" / Int8ul * "FH2$B_JOURNAL journal control",
        "ru_active" / Int8ul * "FH2$B_RU_ACTIVE recovery unit facility",
        Padding(2),
        "highwater" / Int32ul * "FH2$L_HIGHWATER block behind the highest written; 0 = not kept",
        "areas" / Bytes(430) * "ident area, map area, access control list; where they are say the offsets",
        "checksum" / Int16ul * "FH2$W_CHECKSUM sum of the 255 words before",
    )
    * "ODS-2 file header"
)

FileIdent = (
    Struct(
        "filename" / Bytes(20) * "FI2$T_FILENAME name, type and version, blank filled",
        "revision" / Int16ul * "FI2$W_REVISION revision number",
        "credate" / Int64ul * "FI2$Q_CREDATE creation date",
        "revdate" / Int64ul * "FI2$Q_REVDATE revision date",
        "expdate" / Int64ul * "FI2$Q_EXPDATE expiration date",
        "bakdate" / Int64ul * "FI2$Q_BAKDATE backup date",
        "filenamext" / Bytes(66) * "FI2$T_FILENAMEXT the name's other bytes",
    )
    * "Ident area of a file header"
)

DirectoryRecord = (
    Struct(
        "size" / Int16ul * "DIR$W_SIZE bytes of the record behind this word; FFFF = no more in this block",
        "verlimit" / Int16ul * "DIR$W_VERLIMIT versions this name may have",
        "flags" / Int8ul * "DIR$B_FLAGS type of the entries",
        "namecount" / Int8ul * "DIR$B_NAMECOUNT bytes of the name that follows, padded to a word",
    )
    * "Name in a directory, before its versions"
)

DirectoryEntry = (
    Struct(
        "version" / Int16ul * "DIR$W_VERSION version",
        "fid_num" / Int16ul * "DIR$W_FID file number",
        "fid_seq" / Int16ul * "DIR$W_FID+2 sequence number",
        "fid_rvn" / Int8ul * "DIR$W_FID+4 relative volume number",
        "fid_nmx" / Int8ul * "DIR$W_FID+5 number, high byte",
    )
    * "One version of a name in a directory"
)

VariableRecord = (
    Struct(
        "size" / Int16ul * "bytes of the record that follows, padded to a word; FFFF = no more in this block"
    )
    * "Record of a variable-length file"
)

# Bits 14 and 15 of a retrieval pointer's first word are its format; a count is one less than the blocks mapped.
RetrievalPointer1 = (
    Struct(
        "count" / Int8ul * "FM2$B_COUNT1 blocks",
        "highlbn" / Int8ul * "FM2$V_HIGHLBN bits 16 to 21 of the LBN, format 1 above",
        "lowlbn" / Int16ul * "FM2$W_LOWLBN bits 0 to 15",
    )
    * "Retrieval pointer, format 1"
)

RetrievalPointer2 = (
    Struct(
        "count" / Int16ul * "FM2$V_COUNT2 blocks, 14 bits, format 2 above",
        "lbn" / Int32ul * "FM2$L_LBN2 first LBN",
    )
    * "Retrieval pointer, format 2"
)

RetrievalPointer3 = (
    Struct(
        "highcount" / Int16ul * "FM2$V_COUNT2 bits 16 to 29 of the blocks, format 3 above",
        "lowcount" / Int16ul * "FM2$W_LOWCOUNT bits 0 to 15",
        "lbn" / Int32ul * "FM2$L_LBN3 first LBN",
    )
    * "Retrieval pointer, format 3"
)
