from skhmmdd.datasets._corruption import flip_labels, repeat_samples
from skhmmdd.datasets._generators import (
    make_hmm,
    make_hmm_classification,
    make_hmm_regression,
)
from skhmmdd.datasets._linear_gaussian import make_linear_gaussian_hmm
from skhmmdd.datasets._markov_reward import make_markov_reward_process
from skhmmdd.datasets._syllables import load_syllables
from skhmmdd.datasets._valence import load_valence

__all__ = [
    "flip_labels",
    "load_syllables",
    "load_valence",
    "make_hmm",
    "make_hmm_classification",
    "make_hmm_regression",
    "make_linear_gaussian_hmm",
    "make_markov_reward_process",
    "repeat_samples",
]
