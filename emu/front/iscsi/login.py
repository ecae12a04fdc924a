"""Logging in: security and operational negotiation.  RFC 7143 sections 6.3, 11.12, 11.13.

    SECURITY ──T, NSG 1──▶ OPERATIONAL ──T, NSG 3──▶ FULL FEATURE
        └─────────────T, NSG 3─────────────────────────▲

A login may begin in either of the first two; one that skips SECURITY is refused where a secret is demanded.
"""

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING

from emu.front.iscsi.chap import AuthenticationFailed, Chap
from emu.front.iscsi.parameters import SEGMENT_BYTES, Parameters, negotiate
from emu.front.iscsi.text import NONE, REJECT, TextError, format_text, parse_text
from emu.wire.codes.iscsi import (
    CSG_SHIFT,
    DEFAULT_SEGMENT_BYTES,
    NAME_BYTES,
    STAGE_MASK,
    LoginFlag,
    LoginStatus,
    Stage,
)
from emu.wire.generated.iscsi import LoginRequest

if TYPE_CHECKING:
    from emu.front.iscsi.node import Node
    from emu.front.iscsi.session import Session

PORTAL_GROUP = 1  # the only one: any connection may join any session
TEXT_BYTES = 32 << 10  # of one request with its continuations
REQUESTS = 64  # PDUs of one login

_TRANSIT = int(LoginFlag.TRANSIT)
_CONTINUE = int(LoginFlag.CONTINUE)
_SECURITY = int(Stage.SECURITY)
_OPERATIONAL = int(Stage.OPERATIONAL)
_FULL_FEATURE = int(Stage.FULL_FEATURE)
_NORMAL, _DISCOVERY = "Normal", "Discovery"
_CHAP = "CHAP"


class LoginRefused(Exception):
    """A login that ends with a status."""

    def __init__(self, status: LoginStatus) -> None:
        super().__init__(status.words)
        self.status = status


class Authentication(Enum):
    """How far the initiator has proved who it is."""

    NOT_BEGUN = "no method yet"
    CHAP_CHOSEN = "CHAP_A is due"
    CHALLENGED = "CHAP_R is due"
    DONE = "done"


class Login:
    """One connection's login.

    done: the session has begun, or has one connection more.
    """

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._stage = -1  # none yet
        self._collected = b""
        self._requests = 0
        self._authentication = Authentication.NOT_BEGUN
        self._chap: Chap | None = None
        self._said: set[str] = set()
        self._declared = False
        self._joined: Session | None = None
        self.initiator = ""
        self.isid = b""
        self.target_name = ""
        self.discovery = False
        self.parameters = Parameters()
        self.done = False

    @property
    def _secret_demanded(self) -> bool:
        return bool(self._node.credentials.incoming)

    def take(self, request: LoginRequest, data: bytes) -> tuple[int, bytes]:
        """Take a request; returns flags and text of the response; raises LoginRefused."""
        self._requests += 1
        if self._requests > REQUESTS or len(self._collected) + len(data) > TEXT_BYTES:
            raise LoginRefused(LoginStatus.INITIATOR_ERROR)
        if request.version_min > 0:
            raise LoginRefused(LoginStatus.UNSUPPORTED_VERSION)
        stage, next_stage = request.flags >> CSG_SHIFT & STAGE_MASK, request.flags & STAGE_MASK
        transit = bool(request.flags & _TRANSIT)
        if self._stage < 0:
            self._stage = stage
        if stage != self._stage or stage not in (_SECURITY, _OPERATIONAL):
            raise LoginRefused(LoginStatus.INVALID_DURING_LOGIN)
        self._collected += data
        if request.flags & _CONTINUE:
            if transit:
                raise LoginRefused(LoginStatus.INITIATOR_ERROR)
            return stage << CSG_SHIFT, b""
        try:
            text = parse_text(self._collected)
        except TextError:
            raise LoginRefused(LoginStatus.INITIATOR_ERROR) from None
        self._collected = b""
        answers: list[tuple[str, str]] = []
        if not self.initiator:
            answers += self._begin(request, text)
        self._check_repeated(text)
        answers += self._secure(text) if stage == _SECURITY else self._operate(text)
        flags = stage << CSG_SHIFT
        if transit and self._may_leave(stage):
            if next_stage not in (_OPERATIONAL, _FULL_FEATURE) or next_stage <= stage:
                raise LoginRefused(LoginStatus.INITIATOR_ERROR)
            flags |= _TRANSIT | next_stage
            self._stage = next_stage
            self.done = next_stage == _FULL_FEATURE
        return flags, format_text(answers)

    def _begin(self, request: LoginRequest, text: dict[str, str]) -> list[tuple[str, str]]:
        """Read who wants to go where, from the first request."""
        self.isid = request.isid
        initiator = text.get("InitiatorName", "")
        if not initiator:
            raise LoginRefused(LoginStatus.MISSING_PARAMETER)
        if len(initiator.encode()) > NAME_BYTES:
            raise LoginRefused(LoginStatus.INITIATOR_ERROR)
        session_type = text.get("SessionType", _NORMAL)
        if session_type not in (_NORMAL, _DISCOVERY):
            raise LoginRefused(LoginStatus.SESSION_TYPE_UNSUPPORTED)
        self.initiator = initiator
        self.discovery = session_type == _DISCOVERY
        if self.discovery:
            if request.tsih:
                raise LoginRefused(LoginStatus.SESSION_DOES_NOT_EXIST)
            return []
        self.target_name = text.get("TargetName", "")
        if not self.target_name:
            raise LoginRefused(LoginStatus.MISSING_PARAMETER)
        if self.target_name not in self._node.targets:
            raise LoginRefused(LoginStatus.NOT_FOUND)
        if request.tsih:
            self._joined = self._node.find(request.tsih, initiator, self.isid, self.target_name)
            self._join(self._joined, request.cid)
        answers = [("TargetPortalGroupTag", str(PORTAL_GROUP))]
        if self._node.alias:
            answers.append(("TargetAlias", self._node.alias))
        return answers

    def _join(self, session: "Session", cid: int) -> None:
        """See whether a session takes one connection more, and take over what was agreed for all of them."""
        agreed = session.parameters
        if cid not in session.connections and len(session.connections) >= agreed.max_connections:
            raise LoginRefused(LoginStatus.TOO_MANY_CONNECTIONS)
        if not self._said:  # the first request; what follows is this connection's own
            self.parameters = agreed.of_another_connection()

    def _check_repeated(self, text: Iterable[str]) -> None:
        """A key is negotiated once in a login."""
        for key in text:
            if key in self._said and key != "MaxRecvDataSegmentLength":
                raise LoginRefused(LoginStatus.INITIATOR_ERROR)
            self._said.add(key)

    def _may_leave(self, stage: int) -> bool:
        return stage != _SECURITY or self._authentication is Authentication.DONE

    # ---- security

    def _secure(self, text: dict[str, str]) -> list[tuple[str, str]]:
        answers: list[tuple[str, str]] = []
        try:
            for key, value in text.items():
                if key == "AuthMethod":
                    answers.append((key, self._choose_method(value.split(","))))
                elif key == "CHAP_A":
                    answers += self._challenge(value)
                elif key == "CHAP_R":
                    answers += self._check_response(text)
                elif not key.startswith("CHAP_"):
                    answer = negotiate(self.parameters, key, value, leading=self._joined is None)
                    if answer is not None:
                        answers.append((key, answer))
        except AuthenticationFailed as failure:
            self._node.told("REFUSED", f"{self.initiator}: {failure}")
            raise LoginRefused(LoginStatus.AUTHENTICATION_FAILURE) from None
        if self._authentication is Authentication.NOT_BEGUN and not self._secret_demanded:
            self._authentication = Authentication.DONE  # no method was offered, which means None
        return answers

    def _choose_method(self, methods: list[str]) -> str:
        if self._authentication is not Authentication.NOT_BEGUN:
            raise AuthenticationFailed("a method is chosen once")
        if self._secret_demanded and _CHAP in methods:
            self._authentication = Authentication.CHAP_CHOSEN
            return _CHAP
        if not self._secret_demanded and NONE in methods:
            self._authentication = Authentication.DONE
            return NONE
        raise AuthenticationFailed(
            "a secret is demanded"
            if self._secret_demanded
            else "only CHAP is offered, and there is no secret"
        )

    def _challenge(self, algorithms: str) -> list[tuple[str, str]]:
        if self._authentication is not Authentication.CHAP_CHOSEN:
            raise AuthenticationFailed("CHAP_A is out of order")
        self._chap = Chap(self._node.credentials, self._node.chance)
        self._authentication = Authentication.CHALLENGED
        return self._chap.choose(algorithms)

    def _check_response(self, text: dict[str, str]) -> list[tuple[str, str]]:
        if self._authentication is not Authentication.CHALLENGED or self._chap is None:
            raise AuthenticationFailed("CHAP_R is out of order")
        answers = self._chap.check(text)
        self._authentication = Authentication.DONE
        return answers

    # ---- operational parameters

    def _operate(self, text: dict[str, str]) -> list[tuple[str, str]]:
        if self._secret_demanded and self._authentication is not Authentication.DONE:
            raise LoginRefused(LoginStatus.AUTHENTICATION_FAILURE)
        answers: list[tuple[str, str]] = []
        for key, value in text.items():
            if key == "AuthMethod" or key.startswith("CHAP_"):
                answers.append((key, REJECT))
                continue
            answer = negotiate(self.parameters, key, value, leading=self._joined is None)
            if answer is not None:
                answers.append((key, answer))
        if not self._declared:
            self._declared = True
            answers.append(("MaxRecvDataSegmentLength", str(SEGMENT_BYTES)))
        return answers

    # ---- the end

    @property
    def segment_bytes(self) -> int:
        """The longest data segment that the initiator may send from now on."""
        return SEGMENT_BYTES if self._declared else DEFAULT_SEGMENT_BYTES

    def enter(self, request: LoginRequest) -> "Session":
        """Begin the session, or find the one that gets one connection more; raises LoginRefused."""
        if self._joined is not None:
            session = self._node.find(request.tsih, self.initiator, self.isid, self.target_name)
            self._join(session, request.cid)
            return session
        return self._node.begin(self.initiator, self.isid, self.target_name, self.parameters, request.cmd_sn)
