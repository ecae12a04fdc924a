"""What the two ends of a session agree on: the operational keys.  RFC 7143 section 13.

Names end in the unit; times are seconds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from emu.front.iscsi.text import IRRELEVANT, NONE, NOT_UNDERSTOOD, REJECT, TextError, parse_number
from emu.wire.codes.iscsi import DEFAULT_SEGMENT_BYTES

SEGMENT_BYTES = 256 << 10  # what we declare: a Data-Out this long is one PDU
BURST_BYTES = 1 << 20
FIRST_BURST_BYTES = (
    256 << 10
)  # a window full of them, 32 MiB, is the most one connection makes us keep unasked
OUTSTANDING_R2T = 16
CONNECTIONS = 4
TIME2WAIT, TIME2RETAIN = 2, 0
PROTOCOL_LEVEL = 1  # RFC 7143, without the task management functions of RFC 7144
LARGEST_SEGMENT_BYTES = (1 << 24) - 1

YES, NO = "Yes", "No"
CRC32C = "CRC32C"


@dataclass(slots=True)
class Parameters:
    """The values in force; the defaults are the standard's.

    send_segment_bytes: MaxRecvDataSegmentLength of the initiator.
    """

    header_digest: bool = False
    data_digest: bool = False
    send_segment_bytes: int = DEFAULT_SEGMENT_BYTES
    max_connections: int = 1
    initial_r2t: bool = True
    immediate_data: bool = True
    max_burst_bytes: int = 262144
    first_burst_bytes: int = 65536
    time2wait: int = 2
    time2retain: int = 20
    max_outstanding_r2t: int = 1

    def of_another_connection(self) -> "Parameters":
        """What holds for the whole session, with the rest as it is before a login."""
        return replace(self, header_digest=False, data_digest=False, send_segment_bytes=DEFAULT_SEGMENT_BYTES)


@dataclass(frozen=True, slots=True)
class _Number:
    """A number: the smaller, or the larger, of what both ends want."""

    field: str
    least: int
    most: int
    ours: int
    choose: Callable[[int, int], int] = min

    def answer(self, parameters: Parameters, value: str) -> str:
        number = parse_number(value)
        if not self.least <= number <= self.most:
            return REJECT
        result = self.choose(number, self.ours)
        if self.field:
            setattr(parameters, self.field, result)
        return str(result)


@dataclass(frozen=True, slots=True)
class _Boolean:
    """Yes or No; `ours` decides with AND or OR."""

    field: str
    ours: bool
    either: bool  # OR

    def answer(self, parameters: Parameters, value: str) -> str:
        if value not in (YES, NO):
            return REJECT
        theirs = value == YES
        result = (theirs or self.ours) if self.either else (theirs and self.ours)
        if self.field:
            setattr(parameters, self.field, result)
        return YES if result else NO


@dataclass(frozen=True, slots=True)
class _Digest:
    """The first that we know, in the initiator's order."""

    field: str

    def answer(self, parameters: Parameters, value: str) -> str:
        for choice in value.split(","):
            if choice in (NONE, CRC32C):
                setattr(parameters, self.field, choice == CRC32C)
                return choice
        return REJECT


@dataclass(frozen=True, slots=True)
class _Fixed:
    """We do it one way."""

    ours: str

    def answer(self, parameters: Parameters, value: str) -> str:
        return self.ours


_Rule = _Number | _Boolean | _Digest | _Fixed

_RULES: Mapping[str, _Rule] = MappingProxyType(
    {
        "HeaderDigest": _Digest("header_digest"),
        "DataDigest": _Digest("data_digest"),
        "MaxConnections": _Number("max_connections", 1, 65535, CONNECTIONS),
        "InitialR2T": _Boolean("initial_r2t", ours=False, either=True),
        "ImmediateData": _Boolean("immediate_data", ours=True, either=False),
        "MaxBurstLength": _Number("max_burst_bytes", 512, LARGEST_SEGMENT_BYTES, BURST_BYTES),
        "FirstBurstLength": _Number("first_burst_bytes", 512, LARGEST_SEGMENT_BYTES, FIRST_BURST_BYTES),
        "DefaultTime2Wait": _Number("time2wait", 0, 3600, TIME2WAIT, max),
        "DefaultTime2Retain": _Number("time2retain", 0, 3600, TIME2RETAIN),
        "MaxOutstandingR2T": _Number("max_outstanding_r2t", 1, 65535, OUTSTANDING_R2T),
        "DataPDUInOrder": _Boolean("", ours=True, either=True),
        "DataSequenceInOrder": _Boolean("", ours=True, either=True),
        "ErrorRecoveryLevel": _Number("", 0, 2, 0),
        "IFMarker": _Boolean("", ours=False, either=False),
        "OFMarker": _Boolean("", ours=False, either=False),
        "IFMarkInt": _Fixed(IRRELEVANT),
        "OFMarkInt": _Fixed(IRRELEVANT),
        "TaskReporting": _Fixed("RFC3720"),
        "iSCSIProtocolLevel": _Number("", 0, 31, PROTOCOL_LEVEL),
    }
)
_DECLARED = ("InitiatorName", "InitiatorAlias", "TargetName", "SessionType")
_SEGMENT_KEY = "MaxRecvDataSegmentLength"
# Of a session as a whole: only its first login may say them.
_LEADING_ONLY = (
    "MaxConnections",
    "InitialR2T",
    "ImmediateData",
    "MaxBurstLength",
    "FirstBurstLength",
    "DefaultTime2Wait",
    "DefaultTime2Retain",
    "MaxOutstandingR2T",
    "DataPDUInOrder",
    "DataSequenceInOrder",
    "ErrorRecoveryLevel",
    "TaskReporting",
)


def negotiate(parameters: Parameters, key: str, value: str, *, leading: bool) -> str | None:
    """Answer one operational key and bring its result into force; None where no answer is due.

    leading: the first connection of a session is logging in.
    """
    if key in _DECLARED:
        return None
    if key == _SEGMENT_KEY:
        return declare_segment_bytes(parameters, value)
    rule = _RULES.get(key)
    if rule is None:
        return NOT_UNDERSTOOD
    if key in _LEADING_ONLY and not leading:
        return REJECT
    try:
        answer = rule.answer(parameters, value)
    except TextError:
        return REJECT
    parameters.first_burst_bytes = min(parameters.first_burst_bytes, parameters.max_burst_bytes)
    return answer


def declare_segment_bytes(parameters: Parameters, value: str) -> str | None:
    """Take the initiator's MaxRecvDataSegmentLength, which may be declared again at any time."""
    try:
        number = parse_number(value)
    except TextError:
        return REJECT
    if not 512 <= number <= LARGEST_SEGMENT_BYTES:
        return REJECT
    parameters.send_segment_bytes = number
    return None
