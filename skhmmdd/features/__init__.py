"""Sequences in, a nested feature matrix out."""

from skhmmdd.features._columns import LeadingColumns
from skhmmdd.features._jacobians import ReadoutJacobians
from skhmmdd.features._tokens import TokenEncoder
from skhmmdd.features._transformer import HMMFeatureTransformer

__all__ = [
    "HMMFeatureTransformer",
    "LeadingColumns",
    "ReadoutJacobians",
    "TokenEncoder",
]
