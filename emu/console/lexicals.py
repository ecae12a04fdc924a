"""Lexical functions: F$GETDVI and the others, for expressions and apostrophes (OpenVMS DCL Dictionary V7.3).

UNCERTAIN: what a function says about arguments that make no sense is from general knowledge of VMS.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from drivers.cluster.node import device_name
from drivers.message import Failure, Message
from emu.console.dcl.errors import DclError
from emu.console.dcl.expressions import evaluate, integer, is_true
from emu.console.dcl.symbols import Symbol
from emu.console.device_items import ITEMS, ask
from emu.console.host_files import HostFileError
from emu.console.host_texts import read_host_text, translated
from emu.console.logical_names import device
from emu.console.process import PRIVILEGES
from emu.console.session import Session
from emu.console.status import MOUNT_FACILITY, severity
from emu.console.system_items import system_item
from emu.console.times import absolute_time, parse_absolute
from emu.wire.codes.conditions import CONDITIONS
from emu.wire.codes.vms import SS

Arguments = Sequence[Symbol | None]


@dataclass(frozen=True, slots=True)
class _Function:
    """A lexical function, the fewest arguments it needs, and the most it takes."""

    body: "Callable[[Lexicals, Arguments], Symbol]"
    least: int
    most: int


def _text(arguments: Arguments, index: int) -> str:
    value = arguments[index] if index < len(arguments) else None
    return "" if value is None else str(value)


def _number(arguments: Arguments, index: int) -> int:
    return integer(arguments[index] or 0)


class Lexicals:
    """The lexical functions of one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def evaluate(self, text: str) -> Symbol:
        """Evaluate an expression; raises Failure."""
        return evaluate(text, self._session.process.lookup, self.call)

    def call(self, name: str, arguments: Arguments) -> Symbol:
        """Call a function by a name that may be cut short; raises Failure."""
        if not name.startswith("F$"):
            raise DclError("EXPSYN", name)
        found = [key for key in _FUNCTIONS if key.startswith(name[2:])]
        if name[2:] in _FUNCTIONS:
            found = [name[2:]]
        if len(found) != 1:
            raise DclError("IVFNAM", name)
        function = _FUNCTIONS[found[0]]
        if len(arguments) < function.least or any(a is None for a in arguments[: function.least]):
            raise DclError("ARGREQ", name)
        if len(arguments) > function.most:
            raise DclError("EXPSYN", name)
        return function.body(self, arguments)

    # -- strings and numbers

    def _edit(self, arguments: Arguments) -> Symbol:
        pieces = re.findall(r'"(?:[^"]|"")*"?|[^"]+', _text(arguments, 0))
        text, edits = _text(arguments, 0), [e.strip().upper() for e in _text(arguments, 1).split(",")]
        for edit in edits:
            change = next((_EDITS[name] for name in _EDITS if edit and name.startswith(edit)), None)
            if change is None:
                raise DclError("IVKEYW", edit)
            pieces = [piece if piece.startswith('"') else change(piece) for piece in pieces]
        text = "".join(pieces)
        return text.strip() if any(edit and "TRIM".startswith(edit) for edit in edits) else text

    def _element(self, arguments: Arguments) -> Symbol:
        number, delimiter, text = _number(arguments, 0), _text(arguments, 1), _text(arguments, 2)
        if len(delimiter) != 1:
            raise DclError("INVRANGE", delimiter)
        elements = text.split(delimiter)
        return elements[number] if 0 <= number < len(elements) else delimiter

    def _extract(self, arguments: Arguments) -> Symbol:
        start, length = _number(arguments, 0), _number(arguments, 1)
        if start < 0 or length < 0:
            raise DclError("INVRANGE", str(min(start, length)))
        return _text(arguments, 2)[start : start + length]

    def _locate(self, arguments: Arguments) -> Symbol:
        place = _text(arguments, 1).find(_text(arguments, 0))
        return place if place >= 0 else len(_text(arguments, 1))

    def _type(self, arguments: Arguments) -> Symbol:
        value = self._session.process.lookup(_text(arguments, 0))
        if value is None:
            return ""
        return "INTEGER" if isinstance(value, int) or re.fullmatch(r"[-+]?\d+", value) else "STRING"

    # -- devices, nodes, the process

    def _getdvi(self, arguments: Arguments) -> Symbol:
        item = _text(arguments, 1).strip().upper()
        if item not in ITEMS:
            raise DclError("IVKEYW", item)
        name = _text(arguments, 0).strip().partition(":")[0]  # what is behind a colon does not count
        name = device_name(device(self._session, name))
        try:
            unit = self._session.unit(name)
        except Failure:
            if item == "EXISTS":
                return "FALSE"
            raise Failure(Message("SYSTEM", "W", "NOSUCHDEV", "no such device available")) from None
        return ITEMS[item](ask(self._session, unit))

    def _getsyi(self, arguments: Arguments) -> Symbol:
        name = _text(arguments, 1).upper()
        node = self._session.world.nodes.get(name) if name else self._session.node
        if node is None:
            raise Failure(Message("SYSTEM", "F", "NOSUCHNODE", "remote node is unknown"))
        return system_item(self._session, node, _text(arguments, 0).strip().upper())

    def _getjpi(self, arguments: Arguments) -> Symbol:
        item, process = _text(arguments, 1).strip().upper(), self._session.process
        items: dict[str, Symbol] = {
            "CURPRIV": ",".join(sorted(process.privileges)),
            "AUTHPRIV": ",".join(sorted(process.authorized)),
            "MODE": "INTERACTIVE",
            "NODENAME": self._session.node.name,
            "PRCNAM": process.user,
            "USERNAME": process.user.ljust(12),
        }
        if item not in items:
            raise DclError("IVKEYW", item)
        return items[item]

    def _privilege(self, arguments: Arguments) -> Symbol:
        held = self._session.process.privileges
        for name in _text(arguments, 0).upper().split(","):
            wanted = name.strip()
            absent = wanted.startswith("NO") and wanted not in PRIVILEGES
            if (wanted.removeprefix("NO") if absent else wanted) not in PRIVILEGES:
                raise DclError("IVKEYW", wanted)
            if (wanted.removeprefix("NO") in held) if absent else (wanted not in held):
                return "FALSE"
        return "TRUE"

    def _environment(self, arguments: Arguments) -> Symbol:
        process, item = self._session.process, _text(arguments, 0).strip().upper()
        source = process.level.source
        items: dict[str, Symbol] = {
            "DEPTH": len(process.levels) - 1,
            "INTERACTIVE": "TRUE",
            "ON_SEVERITY": {"W": "WARNING", "E": "ERROR", "F": "SEVERE_ERROR"}[process.level.on]
            if process.level.errors_matter
            else "NONE",
            "PROCEDURE": source.name if source is not None else "",
            "PROMPT": process.prompt or "$ ",
            "VERIFY_PROCEDURE": "TRUE" if process.verify else "FALSE",
        }
        if item not in items:
            raise DclError("IVKEYW", item)
        return items[item]

    def _verify(self, arguments: Arguments) -> Symbol:
        process = self._session.process
        before, process.verify = process.verify, is_true(arguments[0] or 0) if arguments else process.verify
        return int(before)

    # -- time, files, messages

    def _time(self, arguments: Arguments) -> Symbol:
        return self._session.now()

    def _cvtime(self, arguments: Arguments) -> Symbol:
        text = _text(arguments, 0).strip()
        now = parse_absolute(self._session.now())
        assert now is not None, "the time of day is a time"
        time = now if text in ("", "TODAY") else parse_absolute(text)
        if time is None:
            raise DclError("IVDTIME", text)
        if text == "TODAY":
            time = time.replace(hour=0, minute=0, second=0, microsecond=0)
        form = _text(arguments, 1).strip().upper() or "COMPARISON"
        item = _text(arguments, 2).strip().upper() or "DATETIME"
        if form not in ("COMPARISON", "ABSOLUTE") or item not in _TIME_FIELDS:
            raise DclError("IVKEYW", form if item in _TIME_FIELDS else item)
        return _TIME_FIELDS[item](time, form == "ABSOLUTE")

    def _search(self, arguments: Arguments) -> Symbol:
        name = _text(arguments, 0).strip()
        try:
            self._session.host_files.open(name).close()
            return name
        except HostFileError:
            pass
        try:
            read_host_text(self._session, translated(self._session, name))
        except Failure:
            return ""
        return name

    def _message(self, arguments: Arguments) -> Symbol:
        return self.message(_number(arguments, 0) & 0xFFFF_FFFF)

    def message(self, status: int) -> str:
        """The message of a status."""
        from drivers.shadow.messages import status_message  # noqa: PLC0415

        code = status & ~0x1000_0000
        if code == SS.NORMAL:
            return "%SYSTEM-S-NORMAL, normal completion"
        facility, of_system = (
            ("MOUNT", code & 0xFFFF) if code & ~0xFFFF == MOUNT_FACILITY else ("SYSTEM", code)
        )
        for system_status in SS:
            if system_status == of_system or (facility == "MOUNT" and (system_status ^ of_system) < 8):
                message = status_message(system_status)
                return f"%{facility}-{severity(code)}-{message.ident}, {message.text}"
        for (facility, ident), number in CONDITIONS.items():
            if number == code:
                text = f"%{'CLI' if facility == 'DCL' else facility}-{severity(code)}-{ident}"
                return text
        return f"%NONAME-{severity(code)}-NOMSG, Message number {code:08X}"

    def _trnlnm(self, arguments: Arguments) -> Symbol:
        return self._session.logical_name(_text(arguments, 0)) or ""


_EDITS: dict[str, Callable[[str], str]] = {
    "COLLAPSE": lambda text: re.sub(r"\s+", "", text),
    "COMPRESS": lambda text: re.sub(r"\s+", " ", text),
    "LOWERCASE": str.lower,
    "TRIM": lambda text: text,
    "UNCOMMENT": lambda text: text.split("!", maxsplit=1)[0],
    "UPCASE": str.upper,
}

_TIME_FIELDS: dict[str, Callable[[datetime, bool], str]] = {
    "DATETIME": lambda t, absolute: (
        _absolute(t) if absolute else f"{t:%Y-%m-%d %H:%M:%S}.{t.microsecond // 10_000:02}"
    ),
    "DATE": lambda t, absolute: _absolute(t).split(" ")[0] if absolute else f"{t:%Y-%m-%d}",
    "TIME": lambda t, absolute: f"{t:%H:%M:%S}.{t.microsecond // 10_000:02}",
    "YEAR": lambda t, absolute: f"{t:%Y}",
    "MONTH": lambda t, absolute: _absolute(t).split("-")[1] if absolute else f"{t:%m}",
    "DAY": lambda t, absolute: str(t.day) if absolute else f"{t:%d}",
    "HOUR": lambda t, absolute: f"{t:%H}",
    "MINUTE": lambda t, absolute: f"{t:%M}",
    "SECOND": lambda t, absolute: f"{t:%S}",
    "WEEKDAY": lambda t, absolute: (
        "Monday",
        "Tuesday",
        "Wednesday",
        "Thursday",
        "Friday",
        "Saturday",
        "Sunday",
    )[t.weekday()],
}


def _absolute(time: datetime) -> str:
    from emu.console.times import vms_time  # noqa: PLC0415

    return absolute_time(vms_time(time)).strip()


_FUNCTIONS: dict[str, _Function] = {
    "CVTIME": _Function(Lexicals._cvtime, 0, 3),
    "EDIT": _Function(Lexicals._edit, 2, 2),
    "ELEMENT": _Function(Lexicals._element, 3, 3),
    "ENVIRONMENT": _Function(Lexicals._environment, 1, 1),
    "EXTRACT": _Function(Lexicals._extract, 3, 3),
    "GETDVI": _Function(Lexicals._getdvi, 2, 2),
    "GETJPI": _Function(Lexicals._getjpi, 2, 2),
    "GETSYI": _Function(Lexicals._getsyi, 1, 2),
    "INTEGER": _Function(lambda self, arguments: integer(arguments[0] or 0), 1, 1),
    "LENGTH": _Function(lambda self, arguments: len(_text(arguments, 0)), 1, 1),
    "LOCATE": _Function(Lexicals._locate, 2, 2),
    "MESSAGE": _Function(Lexicals._message, 1, 1),
    "MODE": _Function(lambda self, arguments: "INTERACTIVE", 0, 0),
    "PRIVILEGE": _Function(Lexicals._privilege, 1, 1),
    "SEARCH": _Function(Lexicals._search, 1, 1),
    "STRING": _Function(lambda self, arguments: _text(arguments, 0), 1, 1),
    "TIME": _Function(Lexicals._time, 0, 0),
    "TRNLNM": _Function(Lexicals._trnlnm, 1, 1),
    "TYPE": _Function(Lexicals._type, 1, 1),
    "USER": _Function(lambda self, arguments: f"[{self._session.process.user}]", 0, 0),
    "VERIFY": _Function(Lexicals._verify, 0, 2),
}
