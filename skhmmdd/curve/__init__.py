"""Risk against complexity: the curve of any estimator, and its display."""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
