"""Where a port is: the states of the init sequence, running, dead and hung.

    state   SA reads                 a write to SA                          a read of IP
    RESET   0                        ignored                                ignored
    S1      step-1 word              no VL: shown again; WR: WRAP; else S2  ignored
    WRAP    the word last written    echoed                                 ignored
    S2      step 2 and echo          ring base low, PI: S3                  ignored
    S3      step 3 and echo          ring base high; PP: PPA; else S4       ignored
    PPA     0                        0: PPB; else DEAD (purge/poll)         ignored
    PPB     0                        ignored                                S4
    S4      model and version        GO: RUN; else ignored                  ignored
    RUN     bit 15 clear             0: purge complete; else ignored        takes all commands
    DEAD    ER and the fatal code    ignored                                ignored
    HUNG    what it showed last      ignored                                ignored

A write to IP leads from every state to RESET, and after the self test to S1.  What a step shows comes
from the clock, never from inside the register write: RSX-11M-PLUS misses a step that is ready too soon.
Until then SA keeps what it shows and writes are ignored (state BETWEEN).
"""

from enum import Enum


class State(Enum):
    """Where the port is; the table is in the module's docstring."""

    RESET = "reset"
    S1 = "step 1"
    WRAP = "wrap"
    S2 = "step 2"
    S3 = "step 3"
    PPA = "purge test"
    PPB = "poll test"
    S4 = "step 4"
    RUN = "running"
    DEAD = "dead"
    HUNG = "hung"
    BETWEEN = "between steps"
