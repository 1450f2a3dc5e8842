"""Generators with a known truth, and the real data that ships."""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
