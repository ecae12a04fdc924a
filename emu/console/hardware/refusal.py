"""Why a command was not carried out: SIMH's words for the reason, and a sentence for people."""

from enum import Enum


class Reason(Enum):
    """The reasons, in SIMH's words (scp.c, error messages)."""

    ADDRESS = "Address space exceeded"
    UNIT_NOT_ATTACHED = "Unit not attached"
    IO = "I/O error"
    OPEN = "File open error"
    ARGUMENT = "Invalid argument"
    UNKNOWN = "Unknown command"
    READ_ONLY = "Read only argument"
    NOT_COMPLETED = "Command not completed"
    ALREADY_ATTACHED = "Unit already attached"
    NOT_ALLOWED = "Command not allowed"
    SWITCH = "Invalid switch"
    MISSING_VALUE = "Missing value"
    TOO_FEW = "Too few arguments"
    TOO_MANY = "Too many arguments"
    NO_DEVICE = "Non-existent device"
    NO_UNIT = "Non-existent unit"
    NO_REGISTER = "Non-existent register"
    NO_PARAMETER = "Non-existent parameter"
    NESTED = "Nested DO command limit exceeded"
    ASSERTION = "Assertion failed"


class Refused(Exception):
    """A command that was not carried out, or not to its end; `sentence` says more than the reason does.

    placed: the line of the command file where it happened has been shown.
    """

    def __init__(self, reason: Reason, sentence: str = "") -> None:
        super().__init__(sentence or reason.value)
        self.reason = reason
        self.sentence = sentence
        self.placed = False
