"""Head tuning on frozen hidden Markov models, and its double descent."""

from skhmmdd.curve import (
    CurvePoint,
    DoubleDescentCurve,
    DoubleDescentDisplay,
    WidthPath,
    width_path,
)
from skhmmdd.datasets import (
    load_syllables,
    make_hmm,
    make_hmm_classification,
    make_hmm_regression,
)
from skhmmdd.features import HMMFeatureTransformer, LeadingColumns, TokenEncoder
from skhmmdd.heads import HeadClassifier, HeadRegressor
from skhmmdd.hmm import BaumWelch, CategoricalHMM, GaussianHMM, as_hmm

__all__ = [
    "BaumWelch",
    "CategoricalHMM",
    "CurvePoint",
    "DoubleDescentCurve",
    "DoubleDescentDisplay",
    "GaussianHMM",
    "HMMFeatureTransformer",
    "HeadClassifier",
    "HeadRegressor",
    "LeadingColumns",
    "TokenEncoder",
    "WidthPath",
    "as_hmm",
    "load_syllables",
    "make_hmm",
    "make_hmm_classification",
    "make_hmm_regression",
    "width_path",
]

__version__ = "0.1.0"
