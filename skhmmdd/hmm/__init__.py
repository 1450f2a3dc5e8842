"""Frozen hidden Markov models: weights, causal inference, pretraining."""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
