"""Frozen hidden Markov models: weights, causal inference, pretraining."""

from skhmmdd.hmm.interop._as_hmm import as_hmm
from skhmmdd.hmm.models._linear_gaussian import LinearGaussianHMM
from skhmmdd.hmm.models._models import CategoricalHMM, GaussianHMM
from skhmmdd.hmm.pretraining._baum_welch import BaumWelch
from skhmmdd.hmm.pretraining._hmm_family import HMMFamily, pretrain_family

__all__ = [
    "BaumWelch",
    "CategoricalHMM",
    "GaussianHMM",
    "HMMFamily",
    "LinearGaussianHMM",
    "as_hmm",
    "pretrain_family",
]
