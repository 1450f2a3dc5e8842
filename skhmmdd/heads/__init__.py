"""Exact linear heads: minimum norm, ridge, and the exact leave-one-out choice."""

from skhmmdd.heads._classifier import HeadClassifier
from skhmmdd.heads._regressor import HeadRegressor

__all__ = ["HeadClassifier", "HeadRegressor"]
