"""Assembled SCRIPTS: a program, its patches and its symbols, as bytes and back.

Addresses are bus addresses, offsets bytes from the start of the program.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

from emu.wire.layouts.scripts import CRC, FORMAT_VERSION, IMAGE, LayoutError
from emu.wire.packet import LONGWORD, Bytes


class ScriptsImageError(Exception):
    """Bytes that are no good image, or a program that cannot be loaded so."""


@dataclass(frozen=True, slots=True)
class ScriptsImage:
    """One program.

    label_patches: indexes of words that hold an offset in the program.  externals: name of an address the loader
    knows -> indexes of words it is added to.  entries: label -> offset.  constants: ABSOLUTE symbols.
    """

    words: tuple[int, ...]
    label_patches: tuple[int, ...] = ()
    externals: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    entries: Mapping[str, int] = field(default_factory=dict)
    constants: Mapping[str, int] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return len(self.words) * LONGWORD.size

    def loaded(self, address: int, externals: Mapping[str, int]) -> bytes:
        """Return the program as it has to stand in memory at `address`.

        externals: the address of each name.

        Raises:
            ScriptsImageError: an external has no address, or the program would not lie on a longword.
        """
        if address & 3:
            raise ScriptsImageError(f"SCRIPTS stand on longwords, not at {address:#x}")
        words = list(self.words)
        for index in self.label_patches:
            words[index] += address
        for name, patches in self.externals.items():
            if name not in externals:
                raise ScriptsImageError(f"nobody says where {name} is")
            for index in patches:
                words[index] += externals[name]
        return b"".join(LONGWORD.pack(word & 0xFFFF_FFFF) for word in words)


def build_image(image: ScriptsImage) -> bytes:
    """Return the bytes of an image file."""
    body: bytes = IMAGE.build(
        {
            "format_version": FORMAT_VERSION,
            "words": image.words,
            "label_patches": image.label_patches,
            "externals": [{"name": name, "patches": patches} for name, patches in image.externals.items()],
            "entries": [{"name": name, "value": value} for name, value in image.entries.items()],
            "constants": [{"name": name, "value": value} for name, value in image.constants.items()],
        }
    )
    return body + bytes(CRC.build(crc32(body)))


def parse_image(data: Bytes) -> ScriptsImage:
    """Read an image file.

    Raises:
        ScriptsImageError: it is damaged, or of another format.
    """
    body = bytes(data[: -CRC.sizeof()])
    try:
        parsed = IMAGE.parse(body)
        crc = CRC.parse(bytes(data[-CRC.sizeof() :]))
    except (LayoutError, UnicodeDecodeError) as error:
        raise ScriptsImageError(f"not a SCRIPTS image: {error}") from error
    if parsed.format_version != FORMAT_VERSION or crc != crc32(body):
        raise ScriptsImageError("damaged, or of another format")
    image = ScriptsImage(
        words=tuple(parsed.words),
        label_patches=tuple(parsed.label_patches),
        externals={external.name: tuple(external.patches) for external in parsed.externals},
        entries={entry.name: entry.value for entry in parsed.entries},
        constants={constant.name: constant.value for constant in parsed.constants},
    )
    patched = [*image.label_patches, *(index for patches in image.externals.values() for index in patches)]
    if any(index >= len(image.words) for index in patched):
        raise ScriptsImageError("a patch lies outside of the program")
    return image
