"""Exact linear heads: minimum norm, ridge, leave-one-out, gradient descent, Bayes."""

from skhmmdd.heads._bayesian import BayesianHead
from skhmmdd.heads._classifier import HeadClassifier
from skhmmdd.heads._gradient_descent import (
    GradientDescentClassifier,
    GradientDescentHead,
)
from skhmmdd.heads._lstd import LSTDHead
from skhmmdd.heads._regressor import HeadRegressor

__all__ = [
    "BayesianHead",
    "GradientDescentClassifier",
    "GradientDescentHead",
    "HeadClassifier",
    "HeadRegressor",
    "LSTDHead",
]
