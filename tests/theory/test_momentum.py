"""Momentum in the filter of gradient descent against a loop of steps."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skhmmdd.theory import gradient_descent_filter


def loop(X, y, n_steps, rate, momentum, nesterov):
    """Coefficients after every step, as an optimizer takes them."""
    coef = previous = np.zeros(X.shape[1])
    yield coef
    for _ in range(n_steps):
        ahead = coef + momentum * (coef - previous)
        gradient = X.T @ (X @ (ahead if nesterov else coef) - y)
        coef, previous = ahead - rate * gradient, coef
        yield coef


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.9])
def test_filter_is_the_loop(momentum, nesterov):
    rng = np.random.RandomState(0)
    X = rng.standard_normal((30, 50)) * np.linspace(0.3, 2, 50)
    y = rng.standard_normal(30)
    u, s, vt = np.linalg.svd(X, full_matrices=False)
    for share in (0.3, 1.0, 1.3):  # of 1/s_max^2, where all three converge
        rate = share / s[0] ** 2
        steps = list(loop(X, y, 200, rate, momentum, nesterov))
        phi = gradient_descent_filter(
            s, np.arange(201), learning_rate=rate, momentum=momentum, nesterov=nesterov
        )
        coefs = (phi * (u.T @ y)) @ vt
        assert_allclose(coefs, steps, atol=1e-14)


@pytest.mark.parametrize("nesterov", [False, True])
def test_small_singular_values_are_not_rounded_away(nesterov):
    s = np.array([1.0, 1e-3, 1e-7, 1e-9])
    momentum, rate, n_steps = Fraction(7, 8), Fraction(1, 2), 60
    phi = gradient_descent_filter(
        s, n_steps, learning_rate=0.5, momentum=0.875, nesterov=nesterov
    )
    for value, found in zip(s, phi, strict=True):
        step = rate * Fraction(value) ** 2
        rho = previous = Fraction(1)
        for _ in range(n_steps):
            ahead = rho + momentum * (rho - previous)
            rho, previous = (1 - step) * ahead if nesterov else ahead - step * rho, rho
        assert found == pytest.approx(float((1 - rho) / Fraction(value)), rel=1e-12)


@pytest.mark.parametrize("nesterov", [False, True])
def test_special_cases(nesterov):
    s, steps = [2.0, 0.5, 1e-3, 0.0], [0, 1, 9, 1000, 10**6]
    plain = gradient_descent_filter(s, steps, learning_rate=0.2)
    options = {"learning_rate": 0.2, "nesterov": nesterov}
    zero = gradient_descent_filter(s, steps, momentum=0.0, **options)
    assert_array_equal(zero, plain)
    little = gradient_descent_filter(s, steps, momentum=1e-14, **options)
    assert_allclose(little, plain, rtol=1e-12)
    ends = gradient_descent_filter(s, [0, np.inf], momentum=0.9, **options)
    assert_array_equal(ends, [[0, 0, 0, 0], [0.5, 2, 1e3, 0]])
    late = gradient_descent_filter(s, 1e15, momentum=0.9, **options)
    assert_allclose(late, ends[1], rtol=1e-12)
    one = gradient_descent_filter([1.0], 7, momentum=0.9, **options)
    assert one.shape == (1,)


@pytest.mark.parametrize(
    ("momentum", "nesterov", "limit"),
    [
        (0.0, False, 2.0),
        (0.0, True, 2.0),
        (0.5, False, 3.0),
        (0.9, False, 3.8),
        (0.5, True, 1.5),
        (0.9, True, 3.8 / 2.8),
    ],
)
def test_stability(momentum, nesterov, limit):
    """Convergent right below the bound; past it refused, and rightly so."""
    options = {"momentum": momentum, "nesterov": nesterov}
    below = gradient_descent_filter(
        [2.0], 1e9, learning_rate=0.25 * limit * (1 - 1e-6), **options
    )
    assert below == pytest.approx([0.5], rel=1e-9)
    edge = gradient_descent_filter(
        [2.0], [1e6, 1e14], learning_rate=0.25 * limit * (1 - 1e-15), **options
    )
    assert np.isfinite(edge).all() and np.abs(edge).max() < 10
    with pytest.raises(
        ValueError, match=rf"learning_rate must be in \(0, .* {0.25 * limit:.3g}"
    ):
        gradient_descent_filter([2.0], 1, learning_rate=0.25 * limit, **options)
    X, y = np.array([[2.0]]), np.array([1.0])
    *_, diverged = loop(X, y, 20_000, 0.25 * limit * 1.001, momentum, nesterov)
    assert np.abs(diverged[0]) > 10


@pytest.mark.parametrize(
    ("momentum", "message"),
    [
        (1.0, r"momentum must be in \[0, 1\); got 1"),
        (-0.1, r"momentum must be in \[0, inf\); got -0.1"),
        (np.nan, "momentum must be in .*got nan"),
        ("fast", "momentum must be numeric; got 'fast'"),
    ],
)
def test_bad_momentum(momentum, message):
    with pytest.raises(ValueError, match=message):
        gradient_descent_filter([1.0], 1, momentum=momentum)
