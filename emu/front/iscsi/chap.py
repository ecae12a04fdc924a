"""CHAP: who knows the secret, without telling it.  RFC 1994; RFC 7143 sections 12.1.3 and 9.2.1 (what to check)."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from emu.front.iscsi.text import TextError, format_binary, parse_binary, parse_number

CHALLENGE_BYTES = 32
CHALLENGE_LIMIT_BYTES = 1024
SECRET_BYTES = 12  # 96 bits: the least that RFC 7143 allows without IPsec

Chance = Callable[[int], bytes]  # so many bytes that nobody can foresee


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


ALGORITHMS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType(
    {
        "5": _md5,
        "6": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
        "7": lambda data: hashlib.sha256(data).digest(),
        "8": lambda data: hashlib.sha3_256(data).digest(),
    }
)


class AuthenticationFailed(Exception):
    """The initiator does not prove who it is; the text says why."""


@dataclass(frozen=True)
class Credentials:
    """Who may come in.

    incoming: secrets of initiators by CHAP name; none: everybody may.  outgoing: our own name and secret, for
    initiators that want to know who we are.
    """

    incoming: Mapping[str, bytes] = field(default_factory=dict)
    outgoing: tuple[str, bytes] | None = None


def response(algorithm: str, identifier: int, secret: bytes, challenge: bytes) -> bytes:
    """Return what proves that one knows the secret."""
    return ALGORITHMS[algorithm](bytes((identifier,)) + secret + challenge)


class Chap:
    """The target's side of one exchange: `choose` an algorithm, then `check` the answer."""

    def __init__(self, credentials: Credentials, chance: Chance) -> None:
        self._credentials = credentials
        self._algorithm = ""
        self._identifier = chance(1)[0]
        self._challenge = chance(CHALLENGE_BYTES)

    def choose(self, algorithms: str) -> list[tuple[str, str]]:
        """Answer CHAP_A with an algorithm and our challenge; raises AuthenticationFailed."""
        for algorithm in algorithms.split(","):
            if algorithm in ALGORITHMS:
                self._algorithm = algorithm
                return [
                    ("CHAP_A", algorithm),
                    ("CHAP_I", str(self._identifier)),
                    ("CHAP_C", format_binary(self._challenge)),
                ]
        raise AuthenticationFailed(f"none of the algorithms {algorithms[:40]} is known")

    def check(self, text: Mapping[str, str]) -> list[tuple[str, str]]:
        """Check CHAP_N and CHAP_R, and prove who we are if that is asked; raises AuthenticationFailed."""
        try:
            name, proof = text["CHAP_N"], parse_binary(text["CHAP_R"])
            secret = self._credentials.incoming[name]
            expected = response(self._algorithm, self._identifier, secret, self._challenge)
            if not hmac.compare_digest(proof, expected):
                raise AuthenticationFailed(f"{name} does not know the secret")
            if "CHAP_I" not in text and "CHAP_C" not in text:
                return []
            identifier, challenge = parse_number(text["CHAP_I"]), parse_binary(text["CHAP_C"])
        except KeyError as error:
            raise AuthenticationFailed(f"{error} is missing or unknown") from None
        except TextError as error:
            raise AuthenticationFailed(str(error)) from None
        return self._prove(identifier, challenge)

    def _prove(self, identifier: int, challenge: bytes) -> list[tuple[str, str]]:
        if self._credentials.outgoing is None:
            raise AuthenticationFailed("the target has no secret of its own")
        if not 0 <= identifier <= 255 or not 0 < len(challenge) <= CHALLENGE_LIMIT_BYTES:
            raise AuthenticationFailed("the initiator's challenge is none")
        if challenge == self._challenge:  # it would have us answer ourselves
            raise AuthenticationFailed("the initiator sends our own challenge back")
        name, secret = self._credentials.outgoing
        proof = response(self._algorithm, identifier, secret, challenge)
        return [("CHAP_N", name), ("CHAP_R", format_binary(proof))]
