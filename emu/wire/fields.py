"""What a construct declaration says, as a flat list: the one reader of layouts.

Accepted are integers of 1, 2, 4 and 8 bytes, in one byte order, `Bytes(n)`, `Padding(n)`; anything else is
refused, because the generated codec could not do it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from construct import Bytes, FormatField, Padded, Pass, Renamed, Struct

INTEGERS = {"B": "B", "H": "H", "I": "I", "L": "I", "Q": "Q"}  # construct's letters -> struct's


@dataclass(frozen=True, slots=True)
class Field:
    """One field or gap: offset and size in bytes; name is empty for a gap; code is struct's."""

    name: str
    offset: int
    size: int
    code: str
    symbol: str
    words: str

    @property
    def is_bytes(self) -> bool:
        return self.code.endswith("s")


def layouts_of(module: ModuleType) -> dict[str, Any]:
    """Return the packets a layouts module declares, in its order."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and isinstance(_bare(value), Struct)
    }


def title_of(layout: Any) -> str:
    """Return the words beside a whole layout."""
    return str(getattr(layout, "docs", "") or "")


def fields_of(layout: Any) -> list[Field]:
    """List a layout's fields and gaps in order; raise TypeError for what a codec cannot do."""
    byte_order_of(layout)
    return list(_walk(_bare(layout)))


def byte_order_of(layout: Any) -> str:
    """Return "<" for a little-endian layout, ">" for a big-endian one; raise TypeError for a mixture."""
    order = ""
    for declared in _bare(layout).subcons:
        bare = _bare(declared)
        if isinstance(bare, FormatField) and bare.length > 1:
            order = order or bare.fmtstr[0]
            if bare.fmtstr[0] != order:
                raise TypeError(
                    f"field {declared.name}: a layout has little-endian or big-endian integers, not both"
                )
    return order or "<"


def _walk(layout: Any) -> Iterator[Field]:
    offset = 0
    for declared in layout.subcons:
        bare = _bare(declared)
        name = declared.name or ""
        if isinstance(bare, FormatField) and name:
            order, letter = bare.fmtstr[0], bare.fmtstr[1:]
            if letter not in INTEGERS or (order not in "<>" and bare.length > 1):
                raise TypeError(f"field {name}: {bare.fmtstr!r} is not an unsigned integer of one byte order")
            size, code = bare.length, INTEGERS[letter]
        elif isinstance(bare, Bytes) and name and isinstance(bare.length, int):
            size, code = bare.length, f"{bare.length}s"
        elif isinstance(bare, Padded) and bare.subcon is Pass and not name:
            size, code = bare.length, f"{bare.length}x"
        else:
            raise TypeError(
                f"{name or 'unnamed part'} at offset {offset}: {type(bare).__name__} is not an integer, "
                "Bytes(n) or Padding(n); splice nested structures with *"
            )
        symbol, words = _split(str(declared.docs or ""))
        yield Field(name, offset, size, code, symbol, words)
        offset += size


def _bare(declared: Any) -> Any:
    while isinstance(declared, Renamed):
        declared = declared.subcon
    return declared


def _split(docs: str) -> tuple[str, str]:
    """Part the manual's symbol (P.CRF, MSCP$W_HRN) from the words after it."""
    first, _, rest = docs.partition(" ")
    if ("." in first or "$" in first) and first == first.upper():
        return first, rest
    return "", docs
