from skhmmdd.heads.solvers._effective_parameters import EffectiveParameters
from skhmmdd.theory._closed_forms import (
    isotropic_risk,
    latent_space_risk,
    misspecified_risk,
)
from skhmmdd.theory._cross_validation import gcv_risk, loo_risk
from skhmmdd.theory._effective_parameters import (
    effective_parameters,
    smoother_effective_parameters,
)
from skhmmdd.theory._evidence import log_evidence
from skhmmdd.theory._finite_sample import gaussian_risk, random_subset_risk
from skhmmdd.theory._gradient_descent import (
    gradient_descent_coef,
    gradient_descent_filter,
)
from skhmmdd.theory._kappa import EffectiveDof, effective_dof, solve_kappa
from skhmmdd.theory._linear_gaussian_moments import (
    LinearGaussianMoments,
    linear_gaussian_moments,
)
from skhmmdd.theory._lstd_risk import LSTDRisk, lstd_risk
from skhmmdd.theory._measured_risk import measured_risk
from skhmmdd.theory._nested_risk import nested_risk
from skhmmdd.theory._norm import head_norm
from skhmmdd.theory._projections import random_projection_risk
from skhmmdd.theory._repeated import repeated_data_risk, weighted_risk
from skhmmdd.theory._result import RiskResult
from skhmmdd.theory._ridge_risk import ridge_risk
from skhmmdd.theory._tuning import optimal_alpha

__all__ = [
    "EffectiveDof",
    "EffectiveParameters",
    "LSTDRisk",
    "LinearGaussianMoments",
    "RiskResult",
    "effective_dof",
    "effective_parameters",
    "gaussian_risk",
    "gcv_risk",
    "gradient_descent_coef",
    "gradient_descent_filter",
    "head_norm",
    "isotropic_risk",
    "latent_space_risk",
    "linear_gaussian_moments",
    "log_evidence",
    "loo_risk",
    "lstd_risk",
    "measured_risk",
    "misspecified_risk",
    "nested_risk",
    "optimal_alpha",
    "random_projection_risk",
    "random_subset_risk",
    "repeated_data_risk",
    "ridge_risk",
    "smoother_effective_parameters",
    "solve_kappa",
    "weighted_risk",
]
