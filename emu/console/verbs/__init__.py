"""The verbs of the console: tables and what they do, by chapter."""

from emu.console.verbs import control, files, images, language, process, show, transfers, volumes

_CHAPTERS = (volumes, show, transfers, files, control, process, images, language)
VERBS = tuple(sorted((verb for chapter in _CHAPTERS for verb in chapter.VERBS), key=lambda verb: verb.name))
