from skhmmdd.features._as_encoder import as_encoder
from skhmmdd.features._columns import LeadingColumns
from skhmmdd.features._fisher_scores import FisherScoreTransformer
from skhmmdd.features._frozen_features import FrozenFeatureTransformer
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
    "FrozenFeatureTransformer",
    "HMMFeatureTransformer",
    "LeadingColumns",
    "PredictionStatistics",
    "ReadoutJacobians",
    "TokenEncoder",
    "as_encoder",
    "generate",
    "prediction_statistics",
    "type_token_ratio",
]
