"""What DCL says about a line that is no command.

UNCERTAIN: message texts are from general knowledge of VMS; the identifications are its own.
"""

from drivers.message import Failure, Message


class DclError(Failure):
    """A line that is no command; `token` is the part at fault, `hint` what people may not know."""

    def __init__(self, ident: str, token: str = "", hint: str = "") -> None:
        super().__init__(Message("DCL", "W", ident, TEXTS[ident]))
        self.ident = ident
        self.token = token
        self.hint = hint


class MissingParameter(DclError):
    """A required parameter is not there; a terminal is asked for it with `prompt`."""

    def __init__(self, prompt: str) -> None:
        super().__init__("INSFPRM")
        self.prompt = prompt


class MissingLabel(DclError):
    """A label that the procedure has not: it cannot go on, and ends (DCL Dictionary, GOTO and GOSUB)."""


TEXTS = {
    "ABKEYW": "ambiguous qualifier or keyword - supply more characters",
    "ABVERB": "ambiguous command verb - supply more characters",
    "ARGREQ": "missing argument - supply all required arguments",
    "BUFOVF": "command buffer overflow - shorten expression or command line",
    "CONFLICT": "illegal combination of command elements - check documentation",
    "EXPSYN": "invalid expression syntax - check operators and operands",
    "INSFPRM": "missing command parameters - supply all required parameters",
    "INVIFNEST": "invalid IF-THEN-ELSE nesting structure or data inconsistency",
    "INVRANGE": "field specification is out of bounds - check sign and size",
    "IVDTIME": "invalid delta time - use DDDD-HH:MM:SS.CC format",
    "IVFNAM": "invalid lexical function name - check validity and spelling",
    "IVKEYW": "unrecognized keyword - check validity and spelling",
    "IVQUAL": "unrecognized qualifier - check validity, spelling, and placement",
    "IVSYMB": "invalid symbol or value - check validity and spelling",
    "IVVERB": "unrecognized command verb - check validity and spelling",
    "MAXPARM": "too many parameters - reenter command with fewer parameters",
    "NESTLIM": "maximum command procedure nesting exceeded - reduce levels",
    "NOCOMD": "no command on line - reenter with alphabetic first character",
    "NOKEYW": "qualifier name is missing - append the name to the slash",
    "NOLBLS": "label ignored - use only within command procedures",
    "NOLIST": "list of parameter values not allowed - check use of comma (,)",
    "NOPAREN": "value improperly delimited - supply parenthesis",
    "NOQUAL": "qualifiers not allowed - supply only verb and parameters",
    "NOTHEN": "IF or ON statement syntax error - check placement of THEN keyword",
    "NOTNEG": 'qualifier or keyword not negatable - remove "NO" or omit',
    "NOVALU": "value not allowed - remove value specification",
    "NUMBER": "invalid numeric value - supply an integer",
    "ONEVAL": "list of values not allowed - check use of comma (,)",
    "PARMDEL": "invalid parameter delimiter - check use of special characters",
    "SKPDAT": 'image data (records not beginning with "$") ignored',
    "UNDFIL": "file has not been opened by DCL - check logical name",
    "UNDSYM": "undefined symbol - check validity and spelling",
    "USGOSUB": "target of GOSUB not found - check spelling and presence of label",
    "USGOTO": "target of GOTO not found - check spelling and presence of label",
    "VALREQ": "missing qualifier or keyword value - supply all required values",
}
