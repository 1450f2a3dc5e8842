from skhmmdd.hmm.finetuning._fine_tuner import HMMFineTuner
from skhmmdd.hmm.finetuning._fine_tuning_classifier import HMMFineTuningClassifier
from skhmmdd.hmm.interop._as_hmm import as_hmm
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._gaussian import GaussianHMM
from skhmmdd.hmm.models._gaussian_belief import GaussianBelief
from skhmmdd.hmm.models._gaussian_mixture import GaussianMixtureHMM
from skhmmdd.hmm.models._linear_gaussian import LinearGaussianHMM
from skhmmdd.hmm.models._poisson import PoissonHMM
from skhmmdd.hmm.pretraining._baum_welch import BaumWelch
from skhmmdd.hmm.pretraining._hmm_family import HMMFamily, pretrain_family

__all__ = [
    "BaumWelch",
    "CategoricalHMM",
    "GaussianBelief",
    "GaussianHMM",
    "GaussianMixtureHMM",
    "HMMFamily",
    "HMMFineTuner",
    "HMMFineTuningClassifier",
    "LinearGaussianHMM",
    "PoissonHMM",
    "as_hmm",
    "pretrain_family",
]
