"""Head tuning on frozen hidden Markov models, and its double descent."""

from skhmmdd.datasets import load_syllables
from skhmmdd.features import HMMFeatureTransformer, TokenEncoder
from skhmmdd.heads import HeadClassifier, HeadRegressor
from skhmmdd.hmm import BaumWelch, CategoricalHMM, GaussianHMM, as_hmm

__all__ = [
    "BaumWelch",
    "CategoricalHMM",
    "GaussianHMM",
    "HMMFeatureTransformer",
    "HeadClassifier",
    "HeadRegressor",
    "TokenEncoder",
    "as_hmm",
    "load_syllables",
]

__version__ = "0.1.0"
