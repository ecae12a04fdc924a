"""Two operator consoles for the hardware: `hbvs>`, which speaks as SIMH does, and `HBVS>`, which speaks as an HSZ does.

One table of operations (`operations.py`) on a world and on what serves it; `grammar.py` tells the two ways to say them.
"""

from emu.console.hardware.cabinet import Cabinet as Cabinet
from emu.console.hardware.console import HardwareConsole as HardwareConsole
from emu.console.hardware.grammar import Grammar as Grammar
