"""Exact linear heads: ridge, descent, Bayes, low rank, pruned columns."""

from skhmmdd.heads._bayesian import BayesianHead
from skhmmdd.heads._classifier import HeadClassifier
from skhmmdd.heads._gradient_descent import (
    GradientDescentClassifier,
    GradientDescentHead,
)
from skhmmdd.heads._low_rank import LowRankHead
from skhmmdd.heads._pruned import PrunedHead
from skhmmdd.heads._regressor import HeadRegressor

__all__ = [
    "BayesianHead",
    "GradientDescentClassifier",
    "GradientDescentHead",
    "HeadClassifier",
    "HeadRegressor",
    "LowRankHead",
    "PrunedHead",
]
