"""Command files and what they are made of: DO, ON, WAIT, ECHO, EXIT, the line with SEND and EXPECT, DEBUG."""

import re
from collections.abc import Iterable, Sequence

from drivers.platform.process import EventFlag, Procedure
from emu.console.hardware import places, units
from emu.console.hardware.debug import KINDS
from emu.console.hardware.grammar import Arguments, unquoted
from emu.console.hardware.refusal import Reason, Refused
from emu.console.hardware.session import Script, Session
from emu.core.clock import MICROSECOND_NS, MILLISECOND_NS, SECOND_NS

NEST_LIMIT = 10
EXPECT_LIMIT_NS = 60 * SECOND_NS  # of the world's time

_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|\S+")
_PARAMETER = re.compile(r"%([0-9*%])")
_DURATION = re.compile(r"(\d+)(S|MS|US)?", re.IGNORECASE)
_SCALE = {"S": SECOND_NS, "MS": MILLISECOND_NS, "US": MICROSECOND_NS}
_QUOTED = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\s*(.*)", re.DOTALL)
_COMMAND = re.compile(r"(?:[^;\"]|\"(?:[^\"\\]|\\.)*\"?)+")
_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)", re.DOTALL)
_ESCAPED = {"r": "\r", "n": "\n", "t": "\t", "a": "\a", "b": "\b", "e": "\x1b", "0": "\0"}


# ---- command files


def do(session: Session, arguments: Arguments) -> Procedure:
    """Do a command file.

    DEVIATION: %* and %% in command files, and ON ERROR, are of newer SIMHs than the rest, 3.8.
    """
    words = [unquoted(word) for word in _WORD.findall(arguments["file"])]
    lines = _opened(session, words[0])
    switches, outer = arguments.switches, session.scripts[-1] if session.scripts else None
    script = Script(words, "v" in switches, "e" in switches)
    if "o" in switches and outer is not None:
        script.on_error = outer.on_error
    yield from _do_lines(session, script, lines)


def restore(session: Session, arguments: Arguments) -> Procedure:
    lines = _opened(session, arguments["file"])
    yield from units.restore_configuration(session)
    yield from _do_lines(session, Script([arguments["file"]], strict=True), lines)


def _opened(session: Session, name: str) -> list[str]:
    if len(session.scripts) >= NEST_LIMIT:
        raise Refused(Reason.NESTED)
    return session.files.read_text(name).splitlines()


def _do_lines(session: Session, script: Script, lines: Iterable[str]) -> Procedure:
    session.scripts.append(script)
    try:
        for line in lines:
            text = _substituted(line.strip(), script.arguments)
            if script.verbose and text:
                session.say(f"do> {text}")
            try:
                yield from session.perform(text)
            except Refused as refused:
                if not refused.placed and not script.verbose:
                    session.say(f"{script.arguments[0]}> {text}")
                refused.placed = True
                if refused.reason is Reason.ASSERTION or script.strict:
                    raise
                session.report(refused)
                if script.on_error:
                    yield from session.perform(script.on_error)
            if session.ended:
                return
            yield 0  # an endless file lets the world go on, and can be interrupted
    finally:
        session.scripts.pop()


def _substituted(line: str, arguments: Sequence[str]) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1] == "%":
            return "%"
        if match[1] == "*":
            return " ".join(arguments[1:])
        index = int(match[1])
        return arguments[index] if index < len(arguments) else ""

    return _PARAMETER.sub(value, line)


def on_error(session: Session, arguments: Arguments) -> None:
    if not session.scripts:
        raise Refused(Reason.NOT_ALLOWED, "ON ERROR stands in a command file")
    session.scripts[-1].on_error = arguments["action"]


def wait(session: Session, arguments: Arguments) -> Procedure:
    match = _DURATION.fullmatch(arguments["time"])
    if match is None:
        raise Refused(Reason.ARGUMENT, f"{arguments['time']} is no time: WAIT 5, WAIT 200MS, WAIT 50US")
    yield int(match[1]) * _SCALE[(match[2] or "S").upper()]


def echo(session: Session, arguments: Arguments) -> None:
    session.say(arguments["text"])


def leave(session: Session, arguments: Arguments) -> None:
    session.ended = True


# ---- the line


def attach_line(session: Session, arguments: Arguments) -> None:
    if session.cabinet.open_line is None:
        raise Refused(Reason.NOT_ALLOWED, "nobody gives lines to this console")
    if session.line is not None:
        raise Refused(Reason.ALREADY_ATTACHED, f"LINE is {session.line.url}; DETACH LINE first")
    session.line = session.cabinet.open_line(arguments["url"])
    session.heard.clear()
    session.line.listen(session.hear)


def send(session: Session, arguments: Arguments) -> None:
    text, rest = _quoted(arguments["text"])
    if rest:
        raise Refused(Reason.TOO_MANY, rest)
    if session.line is None:
        raise Refused(Reason.UNIT_NOT_ATTACHED, "ATTACH LINE url first")
    session.line.send(text)


def expect(session: Session, arguments: Arguments) -> Procedure:
    """Wait until the line has said something, then do an action.

    DEVIATION: an EXPECT of SIMH 4 is a rule that waits in the background; here the command waits, a minute at most.
    """
    wanted, action = _quoted(arguments["text"])
    if not wanted:
        raise Refused(Reason.MISSING_VALUE, "expect what?")
    if session.line is None:
        raise Refused(Reason.UNIT_NOT_ATTACHED, "ATTACH LINE url first")
    clock = session.world.clock

    def wake() -> None:
        session.more_heard.set()  # the flag of that moment

    patience = clock.call_after(EXPECT_LIMIT_NS, wake)
    try:
        while (position := session.heard.find(wanted)) < 0:
            if not patience.pending:
                raise Refused(Reason.NOT_COMPLETED, f"{arguments['text']} did not come within a minute")
            session.more_heard = flag = EventFlag(clock)
            yield flag
    finally:
        patience.cancel()
    del session.heard[: position + len(wanted)]
    for command in _COMMAND.findall(action):
        yield from session.perform(command)


def _quoted(text: str) -> tuple[bytes, str]:
    """Take a quoted string and what follows it; bytes are Latin-1."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        raise Refused(Reason.ARGUMENT, 'the text stands in quotation marks: SEND "run\\r"')

    def value(escape: re.Match[str]) -> str:
        code = escape[1]
        if code[0] in "01234567":
            return chr(int(code, 8) & 0xFF)
        return _ESCAPED.get(code, code)

    return _ESCAPE.sub(value, match[1][1:-1]).encode("latin-1", "replace"), match[2]


# ---- debug


def set_debug(session: Session, arguments: Arguments) -> None:
    """Choose what is shown, or the file it goes to."""
    controller, kinds, is_choice = _choice(session, arguments)
    debug = session.debug
    if is_choice:
        debug.choose(controller, kinds)
        return
    name = arguments["choice"]
    if name.upper() == "STDOUT":
        debug.write_to("", None)
        return
    debug.write_to(name, session.files.append(name))
    if not debug.chosen:
        debug.choose("", list(KINDS))
    session.say(f'Debug output to "{name}"')


def set_no_debug(session: Session, arguments: Arguments) -> None:
    controller, kinds, is_choice = _choice(session, arguments)
    if not is_choice:
        raise Refused(Reason.ARGUMENT, f"{arguments['choice']} is no controller")
    if controller or "=" in arguments["choice"]:
        if controller not in session.debug.chosen:
            raise Refused(Reason.NO_PARAMETER, "that is not shown")
        session.debug.drop(controller, kinds)
    else:
        session.debug.stop()


def _choice(session: Session, arguments: Arguments) -> tuple[str, list[str], bool]:
    """Read [controller][=kinds]; the last item is False when it is neither."""
    name, equals, text = arguments["choice"].upper().partition("=")
    name = name.strip()
    if name and not places.is_controller_name(name):
        if equals:
            raise Refused(Reason.NO_DEVICE, f"{name} is no controller")
        return "", [], False
    controller = places.controller(session.world, name).name.split(".")[0] if name else ""
    if not equals:
        return controller, list(KINDS), True
    chosen = []
    for word in re.split(r"[;,\s]+", text.strip()):
        found = [kind for kind in KINDS if word and kind.startswith(word)]
        if len(found) != 1:
            raise Refused(Reason.ARGUMENT, f"{word or 'nothing'} is no kind; there are {', '.join(KINDS)}")
        chosen += found
    return controller, chosen, True


def show_debug(session: Session, arguments: Arguments) -> None:
    debug = session.debug
    if not debug.chosen:
        session.say("Debug output disabled")
        return
    session.say(f'Debug output to "{debug.file_name}"' if debug.file_name else "Debug output to this console")
    for controller, kinds in debug.chosen.items():
        session.say(f"{controller or 'everything'}: {', '.join(kinds)}")
