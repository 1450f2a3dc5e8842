"""The penalty of least leave-one-out risk, where the risk has several minima."""

import numpy as np

from skhmmdd.heads.solvers._leave_one_out import (
    leave_one_out_alpha,
    leave_one_out_risk,
)
from skhmmdd.heads.solvers._spectrum import decompose


def hostile(seed):
    """Scales far apart in columns, rows, spectrum, targets or weights."""
    rng = np.random.default_rng(seed)
    n, p, q = rng.integers([4, 1, 1], [25, 40, 3])
    X, y = rng.standard_normal((n, p)), rng.standard_normal((n, q))
    U, s, V = np.linalg.svd(X, full_matrices=False)
    X = [
        X,
        X * 10.0 ** rng.uniform(-6, 6, p),
        X * (rng.random((n, p)) < 0.4) * 10.0 ** rng.uniform(-4, 4, p),
        X * 10.0 ** rng.uniform(-3, 3, (n, 1)),
        (U * 10.0 ** rng.uniform(-7, 7, len(s))) @ V,
    ][seed % 5]
    U = np.linalg.svd(X, full_matrices=False)[0]
    signs = rng.choice([-1.0, 1.0], (U.shape[1], q))
    aligned = U @ (signs * 10.0 ** rng.uniform(-4, 4, signs.shape))
    y = [y, y * 10.0 ** rng.uniform(-4, 4, (n, 1)), aligned + 1e-2 * y][seed % 3]
    weights = [None, 10.0 ** rng.uniform(-3, 3, n), rng.integers(1, 5, n)][seed % 7 % 3]
    return decompose(X, y, sample_weight=weights, fit_intercept=bool(seed % 2))


def test_the_least_of_several_minima():
    several = 0
    for seed in range(150):
        spectrum = hostile(seed)
        if not len(spectrum.values):
            continue
        high, low = np.log10(spectrum.values[[0, -1]] ** 2)
        dense = np.logspace(low - 16, high + 16, int(30 * (high - low + 32)))
        risks = leave_one_out_risk(spectrum, np.append(dense, 0.0))
        inner = risks[1:-2] * (1 + 1e-9)
        several += ((inner < risks[:-3]) & (inner < risks[2:-1])).sum() > 1
        found = leave_one_out_risk(spectrum, leave_one_out_alpha(spectrum))
        assert found <= risks.min() * (1 + 1e-10), seed
    assert several > 30
