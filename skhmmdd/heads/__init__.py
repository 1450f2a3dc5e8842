"""Linear heads: ridge, descent, evidence, low rank, pruned columns, softmax."""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
