"""Codecs printed by `python -m emu.wire.codegen --write`; change the layouts, never these."""
