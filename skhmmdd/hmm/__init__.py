"""Frozen hidden Markov models: weights, causal inference, pretraining."""

from skhmmdd.hmm._baum_welch import BaumWelch
from skhmmdd.hmm._convert import as_hmm
from skhmmdd.hmm._family import HMMFamily, pretrain_family
from skhmmdd.hmm._linear_gaussian import LinearGaussianHMM
from skhmmdd.hmm._models import CategoricalHMM, GaussianHMM

__all__ = [
    "BaumWelch",
    "CategoricalHMM",
    "GaussianHMM",
    "HMMFamily",
    "LinearGaussianHMM",
    "as_hmm",
    "pretrain_family",
]
