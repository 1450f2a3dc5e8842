"""Sequences as users hold them, read once, in blocks of work."""
