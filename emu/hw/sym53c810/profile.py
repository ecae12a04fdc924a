"""Chips of the family, as far as they differ here.

(spec "SCSI", 53C810: PCI, operating registers, load and store.)
"""

# DEVIATION: no chip has on-chip SCRIPTS RAM, wide transfers, 53C895A phase mismatch jumps or a 64-bit address.

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """One chip.

    chip_type: MACNTL bits 7-4 in place.  chip_revision: CTEST3 bits 7-4 in place.
    """

    name: str
    device_id: int
    revision: int
    chip_type: int = 0x40
    chip_revision: int = 0x00
    load_store: bool = False
    sfbr_operand: bool = False
    writes_and_invalidates: bool = False


# UNCERTAIN: CTEST3 revision bits, and MACNTL of anything but the 53C810, are not in public tables at hand.
SYM53C810 = Profile("53C810", device_id=0x0001, revision=0x02)
SYM53C810A = Profile(
    "53C810A",
    device_id=0x0001,
    revision=0x11,
    chip_revision=0x10,
    load_store=True,
    sfbr_operand=True,
    writes_and_invalidates=True,
)
SYM53C875 = Profile(
    "53C875",
    device_id=0x000F,
    revision=0x04,
    chip_type=0x70,
    chip_revision=0x10,
    load_store=True,
    sfbr_operand=True,
    writes_and_invalidates=True,
)
PROFILES = {profile.name: profile for profile in (SYM53C810, SYM53C810A, SYM53C875)}
