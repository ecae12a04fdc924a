"""An operator's terminal: keys in, characters out, and between them lines for a conversation.

A byte machine.  It echoes and edits as the VMS terminal driver does, with nothing that a dumb terminal could not do:

    CR, LF, CR LF, CR NUL   end of line              Ctrl-C, Ctrl-Y, break   interrupt, and drop what was typed ahead
    DEL, BS                 rub out a character      Ctrl-Z                  no answer; between commands, nothing
    Ctrl-U, Ctrl-X          rub out the line         Ctrl-S, Ctrl-Q          hold output, let it go on
    Ctrl-R                  write the line again     TAB                     a space
    Ctrl-B, up, down        recall an earlier line, between commands

A break reads as NUL, as serial lines have it; right behind a CR it is taken for padding, and the second one counts.
Other control characters and sequences of keys are passed
over.  Characters are Latin-1.  What is typed while a command runs waits, up to TYPE_AHEAD_BYTES, and is echoed when
it is read.

Output that nobody takes waits, up to OUTPUT_BYTES; whole lines beyond that are lost and counted, and the count is
shown when there is room again; echo that has no room is lost.  So a terminal that stands still holds up nobody.

UNCERTAIN: what Ctrl-C, Ctrl-Y and Ctrl-Z echo (*CANCEL*, *INTERRUPT*, *EXIT*) is from general knowledge of VMS.
"""

import hmac
import re
from collections import deque
from collections.abc import Callable, Sequence

from emu.console.conversation import Conversation, MakeConversation

LINE_BYTES = 1024
TYPE_AHEAD_BYTES = 1 << 14
OUTPUT_BYTES = 1 << 20
ECHO_BYTES = 1 << 12  # that echo and prompts may take beyond it
PASSWORD_TRIES = 3
ROW_COLUMNS = 80
RECALLED_LINES = 254  # as many as VMS keeps

_TOKENS = re.compile(rb"[ -~\xa0-\xff]+|[^ -~\xa0-\xff]")  # a run of characters, or one control character
_END = b"\r\n"
_PASSWORD_PROMPT = "Password: "
_BREAK = 0x00
_CTRL_B = 0x02
_CTRL_C = 0x03
_BELL = 0x07
_BS = 0x08
_TAB = 0x09
_LF = 0x0A
_CR = 0x0D
_XON = 0x11
_CTRL_R = 0x12
_XOFF = 0x13
_CTRL_U = 0x15
_CTRL_X = 0x18
_CTRL_Y = 0x19
_CTRL_Z = 0x1A
_ESC = 0x1B
_DEL = 0x7F
_CSI = 0x9B

_ARROWS = {ord("A"): 1, ord("B"): -1}  # up and down: how far to go back
_INTERRUPTS = {_BREAK: "*INTERRUPT*", _CTRL_Y: "*INTERRUPT*", _CTRL_C: "*CANCEL*"}
_NOT_IN_SEQUENCE, _BEHIND_ESC, _IN_SEQUENCE = range(3)


class Terminal:
    """One operator at one line, from the banner to LOGOUT.

    password: asked for before anything else, if there is one.  wake: called when there is something to send
    though nothing came in.  echoes: whether keys are echoed; a telnet client may want to do that itself.
    """

    def __init__(
        self, make: MakeConversation, banner: Sequence[str] = (), password: str | None = None
    ) -> None:
        self.wake: Callable[[], None] = lambda: None
        self.echoes = True
        self.ended = False
        self._make = make
        self._password = password
        self._tries_left = PASSWORD_TRIES
        self._conversation: Conversation | None = None
        # in
        self._line = bytearray()
        self._line_too_long = False
        self._typed_ahead = bytearray()
        self._reading_ahead = False
        self._behind_cr = False
        self._sequence = _NOT_IN_SEQUENCE
        self._earlier: deque[bytes] = deque(maxlen=RECALLED_LINES)
        self._recalled = 0  # how far back the line shown is; 0 for none of them
        # out
        self._out = bytearray()
        self._lines_lost = 0
        self._held = False
        self._prompted = False  # prompt and line stand at the end of what was written
        for line in banner:
            self.say(line)
        if password is None:
            self._log_in()

    # -- a byte machine

    def receive(self, data: bytes) -> None:
        """Take what was typed."""
        for token in _TOKENS.findall(data):
            if self.ended:
                return
            key = token[0]
            behind_cr, self._behind_cr = self._behind_cr, key == _CR
            if key in (_LF, _BREAK) and behind_cr:
                continue
            if key == _XOFF:
                self._held = True
            elif key == _XON:
                self._held = False
            elif key in _INTERRUPTS:
                self._interrupt(_INTERRUPTS[key])
            elif self._is_reading and not self._typed_ahead:
                self._take(token)
            else:
                self._take_ahead(token)

    def outgoing(self) -> Sequence[bytes]:
        """What is to be shown now; nothing while output is held."""
        if self._held:
            return ()
        if self._is_reading:
            self._show_prompt()
        parts = [bytes(self._out)] if self._out else []
        self._out.clear()
        if self._lines_lost:
            lost, self._lines_lost = self._lines_lost, 0
            self.say(f"%HBVS-W-OUTPUTLOST, {lost} lines are lost, the terminal did not take them in time")
            parts += self.outgoing()
        return parts

    def lost(self) -> None:
        """The line is dead."""
        self._end()

    # -- the conversation

    def say(self, line: str) -> None:
        """Show a line, above the prompt if there is one."""
        text = line.replace("\n", "\r\n").encode("latin-1", "replace") + _END
        if len(self._out) + len(text) > OUTPUT_BYTES:
            self._lines_lost += 1
            return
        if not self._out:
            self.wake()
        self._hide_prompt()
        self._put(text)

    @property
    def _is_reading(self) -> bool:
        """Whether keys are wanted now, by a prompt."""
        if self.ended:
            return False
        talk = self._conversation
        return talk is None or not talk.busy or talk.question is not None

    @property
    def _prompt(self) -> str:
        if self._conversation is None:
            return _PASSWORD_PROMPT
        question = self._conversation.question
        return self._conversation.prompt if question is None else question

    def _log_in(self) -> None:
        conversation = self._conversation = self._make(self.say)
        conversation.changed = self._changed

    def _changed(self) -> None:
        self._look()
        self.wake()

    def _look(self) -> None:
        """See whether the operator has left, and read what was typed ahead."""
        if self._conversation is not None and self._conversation.ended and not self._conversation.busy:
            self._end()
        if self._reading_ahead:
            return
        self._reading_ahead = True
        while self._typed_ahead and self._is_reading:
            match = _TOKENS.match(self._typed_ahead)
            assert match is not None, "every byte is some token"
            token = match[0]
            del self._typed_ahead[: len(token)]
            self._take(token)
        self._reading_ahead = False

    def _end(self) -> None:
        self.ended = True
        self._typed_ahead.clear()
        conversation, self._conversation = self._conversation, None
        if conversation is not None:
            conversation.hang_up()

    # -- keys

    def _interrupt(self, word: str) -> None:
        self._held = False
        self._typed_ahead.clear()
        self._forget_line()
        if self._is_reading:
            self._show_prompt()
        self._prompted = False
        self._put(word.encode() + _END)
        talk = self._conversation
        if talk is not None and talk.busy:
            talk.interrupt()
            self._look()

    def _take_ahead(self, token: bytes) -> None:
        if len(self._typed_ahead) + len(token) > TYPE_AHEAD_BYTES:
            self._bell()
        else:
            self._typed_ahead += token

    def _take(self, token: bytes) -> None:
        """Take characters, or a key, for the line."""
        self._show_prompt()
        key = token[0]
        if key == _TAB:
            self._take_text(b" ")
        elif key >= ord(" ") and key != _DEL and not 0x80 <= key < 0xA0:
            self._take_text(token)
        else:
            self._sequence = _NOT_IN_SEQUENCE
            self._take_key(key)

    def _take_key(self, key: int) -> None:
        if key in (_CR, _LF):
            self._take_line()
        elif key in (_DEL, _BS):
            if self._line:
                self._line.pop()
                self._echo(b"\b \b")
        elif key in (_CTRL_U, _CTRL_X):
            self._hide_prompt()
            self._forget_line()
        elif key == _CTRL_R:
            self._end_row()
        elif key == _CTRL_B:
            self._recall(1)
        elif key == _CTRL_Z:
            self._put(b"*EXIT*")
            self._end_row()
            self._forget_line()
            if self._conversation is not None and self._conversation.question is not None:
                self._conversation.answer(None)
                self._look()
        elif key == _ESC:
            self._sequence = _BEHIND_ESC
        elif key == _CSI:
            self._sequence = _IN_SEQUENCE

    def _take_text(self, text: bytes) -> None:
        if self._sequence != _NOT_IN_SEQUENCE:
            text = self._behind_sequence(text)
        room = LINE_BYTES - len(self._line)
        if len(text) > room:
            text = text[:room]
            if not self._line_too_long:
                self._bell()
            self._line_too_long = True
        self._line += text
        self._echo(text)

    def _behind_sequence(self, text: bytes) -> bytes:
        """What follows the control sequence that was begun: ESC and a character, or ESC [ or O, up to a letter."""
        for index, byte in enumerate(text):
            if self._sequence == _BEHIND_ESC and byte in b"[O":
                self._sequence = _IN_SEQUENCE
            elif self._sequence == _BEHIND_ESC or 0x40 <= byte < 0x7F:
                is_key = self._sequence == _IN_SEQUENCE
                self._sequence = _NOT_IN_SEQUENCE
                if is_key and byte in _ARROWS:
                    self._recall(_ARROWS[byte])
                return text[index + 1 :]
        return b""

    def _recall(self, step: int) -> None:
        """Show an earlier line, to be changed and sent again."""
        talk = self._conversation
        if talk is None or talk.question is not None:
            return
        place = min(max(self._recalled + step, 0), len(self._earlier))
        if place == self._recalled:
            return
        self._recalled = place
        self._hide_prompt()
        self._line[:] = self._earlier[-self._recalled] if self._recalled else b""
        self._show_prompt()

    def _take_line(self) -> None:
        self._end_row()
        line, too_long = self._line.decode("latin-1"), self._line_too_long
        self._forget_line()
        talk = self._conversation
        if too_long:
            self.say(f"%HBVS-W-BUFOVF, the line is longer than {LINE_BYTES} characters and was not read")
        elif talk is None:
            self._check_password(line)
        elif talk.question is not None:
            talk.answer(line)
        elif line.strip():
            if not self._earlier or self._earlier[-1] != line.encode("latin-1"):
                self._earlier.append(line.encode("latin-1"))
            talk.start(line)
        self._look()

    def _check_password(self, line: str) -> None:
        assert self._password is not None, "it was asked for"
        self._tries_left -= 1
        if hmac.compare_digest(line.encode(), self._password.encode()):
            self._log_in()
            return
        self.say("User authorization failure")
        if not self._tries_left:
            self._end()

    def _forget_line(self) -> None:
        self._line.clear()
        self._recalled = 0
        self._line_too_long = False

    # -- characters

    def _put(self, text: bytes) -> None:
        if len(self._out) < OUTPUT_BYTES + ECHO_BYTES:
            self._out += text

    def _echo(self, text: bytes) -> None:
        """Show keys, unless it is a password."""
        if self.echoes and self._conversation is not None:
            self._put(text)

    def _bell(self) -> None:
        self._put(bytes((_BELL,)))

    def _end_row(self) -> None:
        self._put(_END)
        self._prompted = False

    def _shown_line(self) -> bytes:
        return b"" if self._conversation is None else bytes(self._line)

    def _show_prompt(self) -> None:
        if not self._prompted:
            self._prompted = True
            self._put(self._prompt.encode("latin-1", "replace") + self._shown_line())

    def _hide_prompt(self) -> None:
        """Take prompt and line away; when they take more than a row, they stay and a new row begins."""
        if self._prompted:
            self._prompted = False
            columns = len(self._prompt) + len(self._shown_line())
            self._put(b"\r" + b" " * columns + b"\r" if columns < ROW_COLUMNS else _END)
