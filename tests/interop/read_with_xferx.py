"""Read all files of a Files-11 image with XFERX: python read_with_xferx.py IMAGE; JSON of path -> blocks in hex.

A program of its own, because XFERX brings a package `tests` that must not stand before ours.
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from xferx.native import NativeFile
from xferx.pdp11.files11fs import Files11Filesystem


def files_below(directory: Any, path: str) -> Iterator[tuple[str, str]]:
    for entry in directory.iterdir():
        if not entry.is_dir():
            with entry.open() as file:
                blocks = file.read_block(0, entry.get_length())
            yield f"[{path or '000000'}]{entry.name};{entry.version}", blocks.hex()
        elif entry.stem != "000000":
            yield from files_below(entry, f"{path}.{entry.stem}" if path else entry.stem)


file_system = Files11Filesystem.mount(NativeFile(sys.argv[1]))
json.dump(dict(files_below(file_system.get_root(), "")), sys.stdout)
