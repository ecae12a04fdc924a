"""Folders of files that are built from sources: what their manifests say, and which of them are not current."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path


def image_rows(
    image: tuple[str, bytes], listing: tuple[str, bytes], source: tuple[str, bytes]
) -> Iterator[str]:
    """Write the table of one image, by name and contents each, with the digests of all that belong to it."""
    yield ""
    yield "[[image]]"
    for key, (name, contents) in (("", image), ("listing", listing), ("source", source)):
        yield f'{key or "file"} = "{name}"'
        yield f'{key + "_" if key else ""}sha256 = "{sha256(contents).hexdigest()}"'


def not_current(folder: Path, built: Mapping[str, bytes]) -> list[str]:
    """Name the files of a folder that are missing, or differ from what was built."""
    return [
        name
        for name, contents in built.items()
        if not (folder / name).exists() or (folder / name).read_bytes() != contents
    ]
