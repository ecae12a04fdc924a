"""The messages of MOUNT, DISMOUNT and INITIALIZE (spec 4.3, 4.4).

UNCERTAIN: of DISMOUNT's messages about shadow sets only CANNOTDMT and SRCMEM are published; those about bitmaps
(WBMFAIL, WBMNOTSTARTED) and most texts are our own.  Of MOUNT's identifications BADSHADOW, INVSHDWMEM, NOVUID,
BADPOLICY, POLICYWARN, OLDSHDRIVER, INCONSIZE, SRCMBRADD, ISACPYTRGT and ISAMBR are known by number, and when they are
said is not: they never are.
"""

from drivers.classes.disk import Disk
from drivers.message import Failure, Message
from emu.wire.codes.vms import SS


def mount_message(severity: str, ident: str, text: str) -> Message:
    return Message("MOUNT", severity, ident, text)


def dism_message(severity: str, ident: str, text: str) -> Message:
    return Message("DISM", severity, ident, text)


def added_message(ident: str, device: str, node: str, verb: str, how: str = "") -> Message:
    return mount_message(
        "I", ident, f"_{device} ({node}) {verb} the shadow set" + (f" with {how}" if how else "")
    )


def incompatible(unit: Disk, block_count: int) -> Failure:
    return Failure(
        mount_message(
            "F",
            "SHDWINCVOL",
            f"_{unit.name} is incompatible with the shadow set: {unit.block_count} blocks, not {block_count}",
        ),
        status_message(SS.INCSHAMEM),
    )


def not_mounted() -> Message:
    return Message("SYSTEM", "F", "DEVNOTMOUNT", "device is not mounted", continued=True)


def status_message(status: int) -> Message:
    """The continuation line that names a system status."""
    code = SS(status)
    return Message("SYSTEM", "F", code.name, _SYSTEM_TEXTS.get(code, "request failed"), continued=True)


_SYSTEM_TEXTS = {
    SS.MEDOFL: "medium is offline",
    SS.DEVOFFLINE: "device is not in configuration or not available",
    SS.WRITLCK: "device is currently write locked",
    SS.DRVERR: "fatal drive error",
    SS.CTRLERR: "fatal controller error",
    SS.PARITY: "parity error",
    SS.VOLINV: "volume is not software enabled",
    SS.INCSHAMEM: "physical member's disk is incompatible with the shadow set",
    SS.UNSUPPORTED: "unsupported operation or function",
    SS.ABORT: "abort",
    SS.ILLBLKNUM: "illegal logical block number",
    SS.ILLIOFUNC: "illegal I/O function code",
    SS.IVBUFLEN: "invalid buffer length",
    SS.DATACHECK: "write check error",
    SS.FORCEDERROR: "forced error flagged in last sector read",
    SS.TIMEOUT: "device timeout",
    SS.INSFMEM: "insufficient dynamic memory",
    SS.IVDEVNAM: "invalid device name",
    SS.DEVALLOC: "device already allocated to another user",
    SS.NOSUCHDEV: "no such device available",
}
