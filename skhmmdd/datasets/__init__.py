"""Generators with a known truth, and the real data that ships."""

from skhmmdd.datasets._syllables import load_syllables

__all__ = ["load_syllables"]
