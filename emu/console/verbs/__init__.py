"""The verbs of the console: tables and what they do, by chapter."""

from emu.console.verbs import control, files, images, language, process, reply, show, transfers, volumes

_CHAPTERS = (volumes, show, transfers, files, control, process, images, reply, language)
VERBS = tuple(sorted((verb for chapter in _CHAPTERS for verb in chapter.VERBS), key=lambda verb: verb.name))
