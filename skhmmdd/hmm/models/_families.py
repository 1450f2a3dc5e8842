"""The families of emissions that can be pretrained: the one list of them.

A family is named and given its class here; all else is in its module.
"""

from typing import Literal, TypeAlias, get_args

from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.models._gaussian import GaussianHMM
from skhmmdd.hmm.models._gaussian_mixture import GaussianMixtureHMM
from skhmmdd.hmm.models._poisson import PoissonHMM

EmissionName: TypeAlias = Literal[
    "categorical", "gaussian", "gaussian_mixture", "poisson"
]
# In the order of their names.
Pretrained: TypeAlias = CategoricalHMM | GaussianHMM | GaussianMixtureHMM | PoissonHMM

FAMILIES: dict[str, type[Pretrained]] = dict(
    zip(get_args(EmissionName), get_args(Pretrained), strict=True)
)
