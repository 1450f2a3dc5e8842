"""Sequences in, a nested feature matrix out."""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
