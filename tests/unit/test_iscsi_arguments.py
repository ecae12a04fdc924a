"""What `hbvs serve` is asked to serve over iSCSI, and what units keep without power."""

from pathlib import Path

import pytest

from emu.shells.iscsi import StateFile, serial_of
from emu.shells.iscsi_arguments import IscsiError, LunRequest, lun_request, read_credentials


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("disk.img", LunRequest(None, "disk.img")),
        ("3=disk.img", LunRequest(3, "disk.img")),
        ("M1", LunRequest(None, "M1")),
        ("DSA1:,ro", LunRequest(None, "DSA1:", read_only=True)),
        ("0=a=b.img,profile=RZ28,state=f", LunRequest(0, "a=b.img", "RZ28", state="f")),
        ("x,removable,RO", LunRequest(None, "x", read_only=True, removable=True)),
    ],
)
def test_a_unit_is_written_so(text: str, request_: LunRequest) -> None:
    assert lun_request(text) == request_


@pytest.mark.parametrize("text", ["", ",ro", "x,odd", "x,profile=", "x,ro=1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(IscsiError):
        lun_request(text)


def test_secrets_are_read_by_direction(tmp_path: Path) -> None:
    file = tmp_path / "secrets"
    file.write_text(
        "# mine\nincoming fred SECRETSECRET\n\nincoming bob OTHEROTHEROTHER\noutgoing disk THIRDSECRETXX\n"
    )
    found = read_credentials(str(file))
    assert found.incoming == {"fred": b"SECRETSECRET", "bob": b"OTHEROTHEROTHER"}
    assert found.outgoing == ("disk", b"THIRDSECRETXX")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "outgoing disk SECRETSECRET",
        "incoming fred short",
        "incoming fred",
        "inward fred SECRETSECRET",
        "incoming fred SECRETSECRET\noutgoing disk SECRETSECRET",
        "incoming fred SECRETSECRET\noutgoing a AAAAAAAAAAAA\noutgoing b BBBBBBBBBBBB",
    ],
)
def test_a_file_of_secrets_that_is_wrong_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "secrets"
    file.write_text(text)
    with pytest.raises(IscsiError):
        read_credentials(str(file))


def test_no_file_of_secrets_is_no_permission(tmp_path: Path) -> None:
    with pytest.raises(IscsiError):
        read_credentials(str(tmp_path / "none"))


def test_what_a_unit_keeps_is_there_again(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "state")
    assert state.read() == b""
    state.write(b"one")
    state.write(b"two")
    assert StateFile(tmp_path / "state").read() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_a_medium_has_its_serial_number_for_good() -> None:
    assert serial_of("iqn.x /a") == serial_of("iqn.x /a")
    assert serial_of("iqn.x /a") != serial_of("iqn.x /b")
    assert len(serial_of("")) == 16
