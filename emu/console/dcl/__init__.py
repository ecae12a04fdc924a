"""DCL, the command language: lines, tables, expressions, procedures.

`line` takes a line apart, `tables` say what may stand in it, `command` makes a command of the two.  `symbols`
substitutes, `expressions` evaluates, `source` reads command procedures.  Nothing here carries out a command.
"""

from emu.console.dcl.command import Command, Given, parse, parse_number
from emu.console.dcl.errors import DclError, MissingParameter
from emu.console.dcl.tables import Keyword, Kind, Parameter, Value, Verb, available

__all__ = [
    "Command",
    "DclError",
    "Given",
    "Keyword",
    "Kind",
    "MissingParameter",
    "Parameter",
    "Value",
    "Verb",
    "available",
    "parse",
    "parse_number",
]
