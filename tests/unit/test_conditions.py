"""The numbers of MOUNT's messages about shadow sets, as STARLET publishes them."""

import re

import pytest

from drivers.message import Message
from emu.console.status import SHOWN, condition_value, severity

MESSAGES = """
BADSHADOW   0072827C F    NOSHDWMEM   00728284 F    INVSHDWMEM   0072828C F    SHDWCOPYREQ 00728294 F
SHADOWFAIL  0072829C F    SHDWINCVOL  007282A4 F    NOTSHDWDEV   007282AC F    NOALOCLASS  007282C4 F
NOSHADOW    00728314 F    NOTSHDWVU   0072831C F    NOSHADLIC    00728324 F    DIFVOLMNT   0072832C F
DEVSHAMEM   00728334 F    SHADSCB     0072833C F    NOODS1       00728344 F    WRONGVU     0072834C F
DETSHADINCON 00728354 F   NOMASTER    0072835C F    XSMBRS       00728364 F    NOVUID      0072836C F
SHADUNSTABLE 00728374 F   NOTALLMEM   007283C4 F    BADPOLICY    007283CC F    POLICYFAIL  007283D4 F
REQ_WBM_MERGE 007283E4 F  REQ_WBM_FAIL 007283EC F   DEVNOFE      0072AEEC F
WRITESCB    00729048 W    VOLSHDWMEM  00729068 W    OLDSHDRIVER  007290C0 W    POLICYWARN  007290C8 W
INCONSIZE   007290D0 W    OPT_WBM_MERGE 007290D8 W  WBM_NOTSTARTED 007290E0 W
SHDWMEMSUCC 0072A09B I    SHDWMEMCOPY 0072A0A3 I    SHDWMEMFAIL  0072A0AB I    SHDWMEMERGE 0072A0CB I
SHDWMEMMCPY 0072A18B I    SHDWNOMCPY  0072A193 I    AUTOMEMSUCC  0072A0D3 I    AUTOMEMCOPY 0072A0DB I
AUTOMEMERGE 0072A0E3 I    SRCMBRADD   0072A163 I    ISACPYTRGT   0072A16B I    ISAMBR      0072A173 I
"""


@pytest.mark.parametrize(("ident", "number", "letter"), re.findall(r"(\w+) +([0-9A-F]{8}) ([FWI])", MESSAGES))
def test_a_message_has_its_number_and_by_that_its_severity(ident: str, number: str, letter: str) -> None:
    value = condition_value(Message("MOUNT", letter, ident, ""))
    assert value == int(number, 16) | SHOWN
    assert severity(value) == letter


@pytest.mark.parametrize(
    ("ident", "number"),
    [
        ("SHACHASTA", 8836),
        ("INCSHAMEM", 8908),
        ("MEDOFL", 420),
        ("VOLINV", 596),
        ("FORCEDERROR", 8516),
        ("PARITY", 500),
        ("ILLEGAL_SHADOW", 1460),
        ("DUPUNIT", 8644),
        ("WRONGSTATE", 9076),
        ("UNSUPPORTED", 3658),
    ],
)
def test_a_system_status_has_its_number(ident: str, number: int) -> None:
    assert condition_value(Message("SYSTEM", "F", ident, "")) == number | SHOWN
