"""Head tuning on frozen hidden Markov models, and its double descent."""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)

__version__ = "0.1.0"
