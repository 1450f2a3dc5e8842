"""Sequences in, a nested feature matrix out."""

from skhmmdd.features._columns import LeadingColumns
from skhmmdd.features._fisher_scores import FisherScoreTransformer
from skhmmdd.features._generate import generate
from skhmmdd.features._jacobians import ReadoutJacobians
from skhmmdd.features._symbol_statistics import (
    PredictionStatistics,
    prediction_statistics,
    type_token_ratio,
)
from skhmmdd.features._tokens import TokenEncoder
from skhmmdd.features._transformer import HMMFeatureTransformer

__all__ = [
    "FisherScoreTransformer",
    "HMMFeatureTransformer",
    "LeadingColumns",
    "PredictionStatistics",
    "ReadoutJacobians",
    "TokenEncoder",
    "generate",
    "prediction_statistics",
    "type_token_ratio",
]
