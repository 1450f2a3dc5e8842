"""Head tuning on frozen hidden Markov models, and its double descent."""

from skhmmdd.curve import (
    CurvePoint,
    DoubleDescentCurve,
    DoubleDescentDisplay,
    DoubleDescentFamily,
    LipschitzBounds,
    RiskForecast,
    WidthPath,
    forecast_risk,
    lipschitz_bounds,
    neighbor_recovery,
    width_path,
)
from skhmmdd.datasets import (
    flip_labels,
    load_syllables,
    make_hmm,
    make_hmm_classification,
    make_hmm_regression,
    make_linear_gaussian_hmm,
    repeat_samples,
)
from skhmmdd.features import (
    HMMFeatureTransformer,
    LeadingColumns,
    ReadoutJacobians,
    TokenEncoder,
)
from skhmmdd.heads import (
    BayesianHead,
    GradientDescentClassifier,
    GradientDescentHead,
    HeadClassifier,
    HeadRegressor,
)
from skhmmdd.hmm import (
    BaumWelch,
    CategoricalHMM,
    GaussianHMM,
    GaussianMixtureHMM,
    HMMFamily,
    LinearGaussianHMM,
    PoissonHMM,
    as_hmm,
    pretrain_family,
)
from skhmmdd.inspection import BeliefDisplay, HMMDisplay, TrainingCurveDisplay

__all__ = [
    "BaumWelch",
    "BayesianHead",
    "BeliefDisplay",
    "CategoricalHMM",
    "CurvePoint",
    "DoubleDescentCurve",
    "DoubleDescentDisplay",
    "DoubleDescentFamily",
    "GaussianHMM",
    "GaussianMixtureHMM",
    "GradientDescentClassifier",
    "GradientDescentHead",
    "HMMDisplay",
    "HMMFamily",
    "HMMFeatureTransformer",
    "HeadClassifier",
    "HeadRegressor",
    "LeadingColumns",
    "LinearGaussianHMM",
    "LipschitzBounds",
    "PoissonHMM",
    "ReadoutJacobians",
    "RiskForecast",
    "TokenEncoder",
    "TrainingCurveDisplay",
    "WidthPath",
    "as_hmm",
    "flip_labels",
    "forecast_risk",
    "lipschitz_bounds",
    "load_syllables",
    "make_hmm",
    "make_hmm_classification",
    "make_hmm_regression",
    "make_linear_gaussian_hmm",
    "neighbor_recovery",
    "pretrain_family",
    "repeat_samples",
    "width_path",
]

__version__ = "0.1.0"
