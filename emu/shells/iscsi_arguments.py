"""What `hbvs serve` is asked to serve over iSCSI: its arguments, and the file of secrets."""

import re
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path

from emu.front.iscsi.chap import SECRET_BYTES, Credentials

DEFAULT_NAME = "iqn.2026-01.localhost.hbvs:disks"
DEFAULT_PROFILE = "DISK"
COMMENT = "#"

_LUN = re.compile(r"(?:(\d+)=)?([^,]+)((?:,[^,]+)*)")
_WORDS = 3  # of a line with a secret


class IscsiError(Exception):
    """What was asked for cannot be served; the text says why."""


def add_iscsi_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `hbvs serve` that are about iSCSI."""
    parser.add_argument(
        "--iscsi",
        action="append",
        default=[],
        metavar="URL",
        help="where initiators come in: tcp://127.0.0.1:3260; once for each portal",
    )
    parser.add_argument(
        "--lun",
        action="append",
        default=[],
        metavar="[N=]IMAGE|M1|DSA1:[,profile=RZ28][,ro][,removable][,state=FILE]",
        help="a logical unit: an image, or a mirror set that a --unit has; numbered from 0 unless N says otherwise; "
        "what the unit keeps without power is in FILE",
    )
    parser.add_argument(
        "--iscsi-name",
        default=DEFAULT_NAME,
        metavar="IQN",
        help=f"the target's name; {DEFAULT_NAME} by default",
    )
    parser.add_argument(
        "--chap-file",
        metavar="FILE",
        help="who may log in: lines `incoming NAME SECRET`, and `outgoing NAME SECRET` for the target's own",
    )
    parser.add_argument(
        "--iscsi-open",
        action="store_true",
        help="let whoever reaches a portal log in, from other machines too, if there is no --chap-file",
    )


@dataclass(frozen=True, slots=True)
class LunRequest:
    """A logical unit to serve.

    medium: an image, a mirror set or a virtual unit.  state: a file for what the unit keeps without power.
    """

    number: int | None
    medium: str
    profile: str = DEFAULT_PROFILE
    read_only: bool = False
    removable: bool = False
    state: str = ""


def lun_request(text: str) -> LunRequest:
    """Read a `--lun`; raises IscsiError."""
    match = _LUN.fullmatch(text)
    if match is None:
        raise IscsiError(
            f"--lun {text}: a unit is written IMAGE or 3=IMAGE, then ,profile=NAME ,ro ,removable ,state=FILE"
        )
    settings: dict[str, str] = {}
    marks = {"ro": False, "removable": False}
    for extra in match[3].split(",")[1:]:
        key, _, value = extra.partition("=")
        if key.lower() in marks and not value:
            marks[key.lower()] = True
        elif key.lower() in ("profile", "state") and value:
            settings[key.lower()] = value
        else:
            raise IscsiError(f"--lun {text}: {extra} is none of profile=NAME ro removable state=FILE")
    return LunRequest(
        None if match[1] is None else int(match[1]),
        match[2],
        settings.get("profile", DEFAULT_PROFILE),
        marks["ro"],
        marks["removable"],
        settings.get("state", ""),
    )


def read_credentials(path: str) -> Credentials:
    """Read a `--chap-file`: lines `incoming NAME SECRET`, and one `outgoing NAME SECRET` at most; raises IscsiError."""
    try:
        lines = Path(path).read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise IscsiError(f"{path} cannot be read: {error}") from error
    incoming: dict[str, bytes] = {}
    outgoing: tuple[str, bytes] | None = None
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith(COMMENT):
            continue
        if len(words) != _WORDS or words[0] not in ("incoming", "outgoing"):
            raise IscsiError(f"{path}, line {number}: wanted incoming NAME SECRET or outgoing NAME SECRET")
        direction, name, secret = words[0], words[1], words[2].encode()
        if len(secret) < SECRET_BYTES:
            raise IscsiError(f"{path}, line {number}: a secret has {SECRET_BYTES} characters or more")
        if direction == "incoming":
            incoming[name] = secret
        elif outgoing is None:
            outgoing = name, secret
        else:
            raise IscsiError(f"{path}, line {number}: the target has one secret")
    if not incoming:
        raise IscsiError(f"{path} has no incoming secret: nobody could log in")
    if outgoing is not None and outgoing[1] in incoming.values():
        raise IscsiError(f"{path}: the two directions need different secrets")
    return Credentials(incoming, outgoing)
