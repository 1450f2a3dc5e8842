"""Closed-form risk of linear heads: arrays in, arrays out.

The deterministic equivalent of ridge and minimum-norm risk for any covariance, its
special cases along the widths, results that are exact at finite sample size, and
what can be computed from drawn data without refitting: effective parameters,
leave-one-out, gradient descent at every epoch.
"""

from skhmmdd._lazy import lazy_names

__getattr__, __dir__, __all__ = lazy_names(__name__)
