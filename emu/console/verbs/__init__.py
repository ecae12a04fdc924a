"""The verbs of the console: tables and what they do, by chapter."""

from emu.console.verbs import control, show, transfers, volumes

VERBS = tuple(
    sorted((*volumes.VERBS, *show.VERBS, *transfers.VERBS, *control.VERBS), key=lambda verb: verb.name)
)
