"""$STATUS: what a command ended with, as a number.

Bits 0 to 2 are the severity, bit 28 says that the message has been shown.

DEVIATION: messages whose number is not known share one, of a customer's facility, for each severity.  Of several
messages the worst one counts, where VMS takes the first: DISMOUNT's and TYPE's first one is a warning.
"""

from collections.abc import Sequence

from drivers.message import Message
from emu.console.levels import SEVERITIES
from emu.wire.codes.conditions import CONDITIONS
from emu.wire.codes.vms import SS

SHOWN = 0x1000_0000  # STS$M_INHIB_MSG
MOUNT_FACILITY = 0x0072_0000
_CUSTOMER = 0x0800_8000  # STS$M_CUST_DEF, STS$M_FAC_SP
SEVERITY_CODES = {"W": 0, "S": 1, "E": 2, "I": 3, "F": 4}
_LETTERS = {code: letter for letter, code in SEVERITY_CODES.items()}
NORMAL = 0x0003_0001  # CLI$_NORMAL


def counting(messages: Sequence[Message]) -> Message:
    """The message that $STATUS tells of: the worst one, of several the first whose number is known."""
    worst = max(SEVERITIES.index(message.severity) for message in messages)
    as_bad = [message for message in messages if SEVERITIES.index(message.severity) == worst]
    return next((each for each in as_bad if condition_value(each) & ~7 != _CUSTOMER | SHOWN), as_bad[0])


def condition_value(message: Message) -> int:
    """The number of a message that has been shown."""
    if message.facility == "SYSTEM" and message.ident in SS.__members__:
        return SS[message.ident] | SHOWN
    number = CONDITIONS.get((message.facility, message.ident))
    if message.facility == "MOUNT" and number is None and message.ident in SS.__members__:
        number = MOUNT_FACILITY | SS[message.ident] & ~7 | SEVERITY_CODES[message.severity]
    if number is None:
        return _CUSTOMER | SEVERITY_CODES[message.severity] | SHOWN
    return number if message.facility == "DCL" else number | SHOWN


def severity(status: int) -> str:
    """The letter of a status; "F" for the codes that are none."""
    return _LETTERS.get(status & 7, "F")
