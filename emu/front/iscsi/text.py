"""`key=value` text of logins and text requests.  RFC 7143 sections 6.1 and 6.2."""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterable

from emu.wire.codes.iscsi import KEY_BYTES

PAIRS = 256  # more in one text are an attack, not a negotiation
VALUE_BYTES = 8192

NOT_UNDERSTOOD = "NotUnderstood"
REJECT = "Reject"
IRRELEVANT = "Irrelevant"
NONE = "None"

_KEY_CHARACTERS = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-+@_#"
)  # only looked up


class TextError(Exception):
    """Text that is none; the sentence says why."""


def parse_text(data: bytes) -> dict[str, str]:
    """Read pairs, in their order; raises TextError, for a key that comes twice too."""
    pairs: dict[str, str] = {}
    parts = data.split(b"\0", PAIRS)
    if len(parts) > PAIRS:
        raise TextError("there are too many keys")
    for part in parts:
        if not part:
            continue
        try:
            key, equals, value = part.decode("utf-8").partition("=")
        except UnicodeDecodeError:
            raise TextError("text is UTF-8") from None
        if not equals or not key or len(key) > KEY_BYTES or not _KEY_CHARACTERS.issuperset(key):
            raise TextError(f"{key[:KEY_BYTES]!r} is no key")
        if len(part) - len(key) > VALUE_BYTES:
            raise TextError(f"the value of {key} is too long")
        if key in pairs:
            raise TextError(f"{key} is there twice")
        pairs[key] = value
    return pairs


def format_text(pairs: Iterable[tuple[str, str]]) -> bytes:
    """Write pairs."""
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in pairs)


def parse_number(value: str) -> int:
    """Read a decimal or hexadecimal number; raises TextError."""
    digits = value[2:] if value[:2] in ("0x", "0X") else value
    if not digits.isascii() or not digits.isalnum() or len(digits) > 16:
        raise TextError(f"{value!r} is no number")
    try:
        return int(digits, 10 if digits is value else 16)
    except ValueError:
        raise TextError(f"{value!r} is no number") from None


def parse_binary(value: str) -> bytes:
    """Read a hexadecimal (0x) or base64 (0b) constant; raises TextError."""
    form, digits = value[:2].lower(), value[2:]
    try:
        if form == "0x":
            return bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
        if form == "0b":
            return b64decode(digits, validate=True)
    except (ValueError, Error):
        pass
    raise TextError(f"{value[:20]!r} is no binary value")


def format_binary(value: bytes) -> str:
    """Write a hexadecimal constant: the form that every initiator can read."""
    return "0x" + value.hex()
