"""The controller is operated from inside a machine: stock SIMH's DZ line listens, our console connects to it."""

import socket
from pathlib import Path

from tests.interop.serving import Serving
from tests.interop.simh import Simulator
from tests.interop.test_bus_link import blank

# Connects the PDP-11's own terminal with line 0 of its DZ11.
TERMINAL_PROGRAM = [
    0o012737, 0o000040, 0o160100,  # 1000  MOV #40,@#160100     scan
    0o012737, 0o017030, 0o160102,  # 1006  MOV #17030,@#160102  line 0: receiver on, eight bits
    0o012737, 0o000401, 0o160104,  # 1014  MOV #401,@#160104    DTR, transmitter on
    0o105737, 0o177560,  # 1022  1$: TSTB @#177560              a key?
    0o100007,  # 1026  BPL 2$
    0o113700, 0o177562,  # 1030  MOVB @#177562,R0
    0o005737, 0o160100,  # 1034  3$: TST @#160100
    0o100375,  # 1040  BPL 3$
    0o110037, 0o160106,  # 1042  MOVB R0,@#160106
    0o013701, 0o160102,  # 1046  2$: MOV @#160102,R1            something from the line?
    0o100363,  # 1052  BPL 1$
    0o105737, 0o177564,  # 1054  4$: TSTB @#177564
    0o100375,  # 1060  BPL 4$
    0o110137, 0o177566,  # 1062  MOVB R1,@#177566
    0o000755,  # 1066  BR 1$
]  # fmt: skip


def test_a_member_is_taken_out_and_put_back_from_a_terminal_of_a_pdp_11(tmp_path: Path) -> None:
    for name in ("a.dsk", "b.dsk"):
        blank(tmp_path / name)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    unit = f"DUA0=shadow({tmp_path}/a.dsk,{tmp_path}/b.dsk),drive=RX33"
    with Simulator("pdp11", ["set dz 8b", f"attach dz {port}"]) as pdp11:
        for index, word in enumerate(TERMINAL_PROGRAM):
            pdp11.deposit(0o1000 + 2 * index, word)
        pdp11.go(0o1000)
        bus = ["--bus", "tcp://127.0.0.1:0", "--controller", "rqdx3", "--unit", unit, "--create"]
        with Serving(*bus, "--connect", f"hsz=telnet://127.0.0.1:{port}") as serving:
            pdp11.type("")
            pdp11.wait_for("HBVS> ")
            pdp11.type("SHOW UNITS")
            pdp11.wait_for(r"D0 +M1")
            pdp11.type("REDUCE DISK10100")
            pdp11.wait_for("HBVS> ")
            pdp11.type("SHOW M1")
            pdp11.wait_for("REDUCED")
            pdp11.type("SET M1 REPLACE=DISK10100")
            pdp11.wait_for("HBVS> ")
            pdp11.type("SHOW M1")
            pdp11.wait_for(r"DISK10100 \(member \d\) is (COPYING|NORMAL)")
            pdp11.stop()
            assert serving.stop() == 0
