"""The clauses: one file per command or port function, one function per rule."""

from importlib import import_module
from pkgutil import iter_modules

from emu.conform.clause import CLAUSES, Clause

CHAPTERS = tuple(sorted(module.name for module in iter_modules(__path__)))


def all_clauses() -> list[Clause]:
    """Every clause, files by name, each file in its own order."""
    for chapter in CHAPTERS:
        import_module(f"{__name__}.{chapter}")
    return list(CLAUSES.values())
