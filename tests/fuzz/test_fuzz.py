"""Every target, on a few hundred inputs made of its seeds, and on all that was ever found.

For more, guided by coverage: `python -m tests.fuzz TARGET`.
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, corpus


@st.composite
def mutated(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with some bytes changed, cut out, doubled or put in; or no seed at all."""
    data = bytearray(draw(st.sampled_from([*seeds, b""])))
    for _ in range(draw(st.integers(0, 6))):
        place = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 16))
        match draw(st.integers(0, 3)):
            case 0:
                data[place : place + length] = draw(st.binary(min_size=length, max_size=length))
            case 1:
                del data[place : place + length]
            case 2:
                data[place:place] = data[place : place + length]
            case 3:
                data[place:place] = draw(st.binary(max_size=40))
    return bytes(data)


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_get_anything_worse_than_a_refusal(name: str) -> None:
    target = TARGETS[name]

    @given(mutated(target.seeds()))
    @settings(
        derandomize=True,
        deadline=None,
        max_examples=150,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def attempt(data: bytes) -> None:
        target.run(data)

    attempt()


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_found_once_stays_mended(name: str) -> None:
    for data in corpus(name):
        TARGETS[name].run(data)
