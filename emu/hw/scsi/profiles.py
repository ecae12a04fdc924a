"""What a device is: the data that make an RZ28, a thin disk or a CD-ROM out of the same logical unit.

(spec "SCSI", object model; INQUIRY, era strings; mode page bits DKDRIVER wants.)  Counts of blocks are of
`block_bytes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Flag, auto
from types import MappingProxyType

from emu.core.block import BLOCK_BYTES


class Kind(Flag):
    """Which commands a device knows."""

    RZ = auto()  # a SCSI-2 disk of the OpenVMS Alpha era
    DISK = auto()  # a disk as SBC-3 has it
    CD = auto()  # a CD-ROM of the RZ's era


ANY = Kind.RZ | Kind.DISK | Kind.CD


@dataclass(frozen=True, slots=True)
class Profile:
    """A type of device.

    version: of INQUIRY.  block_count: None if the medium decides.  rotation: rpm, 1 for non-rotating.
    physical_exponent: a physical block has 2 to that power logical ones, as READ CAPACITY(16) tells.  check_bytes:
    what READ LONG gives behind a block's data.  queue_depth: tasks a unit takes at once.  maximum_blocks: of one
    command that transfers; 0: as many as the CDB can say.  write_cache: WCE from the factory.
    """

    name: str
    kind: Kind
    vendor: str
    product: str
    revision: str
    version: int
    block_count: int | None = None
    block_bytes: int = BLOCK_BYTES
    removable: bool = False
    read_only: bool = False
    thin: bool = False
    rotation: int = 0
    physical_exponent: int = 0
    heads: int = 16
    sectors: int = 63
    check_bytes: int = 2
    queue_depth: int = 64
    maximum_blocks: int = 0
    write_cache: bool = False
    error_recovery: int = 0xE6  # AWRE ARRE TB PER DTE: what DKDRIVER requires with tagged queueing

    @property
    def modern(self) -> bool:
        """SPC-3 or later: VPD, descriptor sense, strict CDBs."""
        return self.kind is Kind.DISK

    @property
    def normal_aca(self) -> bool:
        """NormACA: NACA in a CDB is honoured."""
        return self.modern

    @property
    def device_type(self) -> int:
        return 5 if self.kind is Kind.CD else 0


# UNCERTAIN: the capacities of RZ28 and RZ29, and all of the RZ1s but their names; heads, sectors and the check bytes of
# every RZ.
_RZS = (
    # name, product, revision, version, last LBN, heads, sectors
    ("RZ23", "RZ23     (C) DEC", "0A18", 1, 204863, 8, 33),
    ("RZ23L", "RZ23L    (C) DEC", "2528", 1, 237587, 8, 39),
    ("RZ24", "RZ24     (C) DEC", "4041", 1, 409791, 8, 38),
    ("RZ24L", "RZ24L    (C) DEC", "4766", 2, 479349, 8, 66),
    ("RZ25", "RZ25     (C) DEC", "0700", 2, 832526, 9, 62),
    ("RZ25L", "RZ25L    (C) DEC", "0008", 2, 1046205, 9, 79),
    ("RZ26", "RZ26     (C) DEC", "0700", 2, 2050859, 14, 57),
    ("RZ26L", "RZ26L    (C) DEC", "0008", 2, 2050859, 14, 57),
    ("RZ28", "RZ28     (C) DEC", "0568", 2, 4110479, 16, 99),
    ("RZ28M", "RZ28M    (C) DEC", "0568", 2, 4110479, 16, 99),
    ("RZ29B", "RZ29B    (C) DEC", "0016", 2, 8380079, 20, 113),
    ("RZ55", "RZ55", "0900", 1, 648437, 15, 36),
    ("RZ1BB", "RZ1BB-CS (C) DEC", "0656", 2, 4110479, 16, 99),
    ("RZ1CB", "RZ1CB-CS (C) DEC", "0656", 2, 8380079, 20, 113),
    ("RZ1DB", "RZ1DB-CS (C) DEC", "0307", 2, 17773523, 20, 168),
    ("RZ1EF", "RZ1EF-CB (C) DEC", "0370", 2, 35556388, 20, 252),
)

DISK = Profile(
    "DISK",
    Kind.DISK,
    "HBVS",
    "Virtual disk",
    "0001",
    version=6,
    thin=True,
    rotation=1,
    queue_depth=256,
    maximum_blocks=0x10000,
    write_cache=True,
    error_recovery=0xC0,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        **{
            name: Profile(
                name,
                Kind.RZ,
                "DEC",
                product,
                revision,
                version,
                block_count=last + 1,
                rotation=5400,
                heads=heads,
                sectors=sectors,
            )
            for name, product, revision, version, last, heads, sectors in _RZS
        },
        # VMS wants a CD-ROM to have blocks of 512 bytes, and sets it so by jumper or by MODE SELECT.
        "RRD42": Profile("RRD42", Kind.CD, "DEC", "RRD42", "4.5d", 2, removable=True, read_only=True),
        "RRD45": Profile("RRD45", Kind.CD, "DEC", "RRD45", "1.1A", 2, removable=True, read_only=True),
        "DISK": DISK,
    }
)
"""Every type by its name."""
