"""Emulated hardware: the controller's side of every bus."""
