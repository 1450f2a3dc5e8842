"""Sequences and targets drawn from hidden Markov models with a known truth."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from scipy.special import softmax
from sklearn.utils import Bunch, check_random_state

from skhmmdd._typing import Floats, Ints, RandomState
from skhmmdd.hmm import CategoricalHMM

Preset: TypeAlias = Literal["second_descent", "first_minimum"]
PRESETS: dict[Preset, dict[str, Any]] = {
    "second_descent": {
        "n_states": 60,
        "n_symbols": 30,
        "transition_temperature": 0.1,
        "emission_temperature": 0.2,
        "noise": 0.2,
    },
    "first_minimum": {
        "n_states": 20,
        "n_symbols": 10,
        "transition_temperature": 0.2,
        "emission_temperature": 0.3,
        "noise": 0.5,
    },
}

# Targets are put on the scale of this many sequences of their own.
_REFERENCE_SIZE = 2000


def make_hmm(
    n_states: int = 20,
    n_symbols: int = 10,
    *,
    transition_temperature: float = 0.1,
    emission_temperature: float = 0.2,
    random_state: RandomState = None,
) -> CategoricalHMM:
    r"""A random categorical hidden Markov model.

    The transition matrix is a random mixture of as many permutations as there are
    states, so it is doubly stochastic and every state is equally frequent:

    .. math:: A = \sum_k w_k P_k, \quad w = \mathrm{softmax}(u / t_A), \quad
              B_{i \cdot} = \mathrm{softmax}(v_i / t_B),

    with :math:`u_k, v_{ij}` uniform on [-1/2, 1/2] (after Xie et al., whose
    experiments are followed by Wei, Xie and Ma, arXiv:2106.09226).

    Parameters
    ----------
    n_states, n_symbols : int, default=20, 10
        In [1, inf).
    transition_temperature, emission_temperature : float, default=0.1, 0.2
        In (0, inf); the lower, the nearer to deterministic.
    random_state : int, RandomState instance or None, default=None
        Draws all that is random.

    Returns
    -------
    CategoricalHMM
        Frozen weights.

    Raises
    ------
    ValueError
        If a number is out of its range.

    Examples
    --------
    >>> from skhmmdd.datasets import make_hmm
    >>> hmm = make_hmm(5, 3, random_state=0)
    >>> hmm
    CategoricalHMM(n_states=5, n_symbols=3)
    >>> hmm.transmat.sum(axis=0).round(6)
    array([1., 1., 1., 1., 1.])
    """
    at_least(1, n_states=n_states, n_symbols=n_symbols)
    for name, value in {
        "transition_temperature": transition_temperature,
        "emission_temperature": emission_temperature,
    }.items():
        if not value > 0:
            raise ValueError(f"{name} must be in (0, inf), got {value!r}.")
    rng = check_random_state(random_state)
    weights = softmax(rng.uniform(-0.5, 0.5, n_states) / transition_temperature)
    transmat = np.zeros((n_states, n_states))
    for weight in weights:
        transmat[np.arange(n_states), rng.permutation(n_states)] += weight
    logits = rng.uniform(-0.5, 0.5, (n_states, n_symbols))
    return CategoricalHMM(
        np.full(n_states, 1 / n_states),
        transmat,
        softmax(logits / emission_temperature, axis=1),
    )


def make_hmm_regression(
    n_samples: int = 100,
    *,
    preset: Preset = "second_descent",
    n_states: int | None = None,
    n_symbols: int | None = None,
    transition_temperature: float | None = None,
    emission_temperature: float | None = None,
    noise: float | None = None,
    n_steps: int = 20,
    n_targets: int = 1,
    target_step: Literal["last", "first"] = "last",
    random_state: RandomState = None,
) -> tuple[Ints, Floats, Bunch]:
    r"""Sequences with targets that are linear in the posterior of a hidden state.

    .. math:: y = s\, w'\sqrt K (b - 1/K) + \sigma e, \qquad
              b = P(z_t \mid x_1, \ldots, x_T), \qquad e \sim N(0, 1)

    with t the last or the first step, K states, :math:`w \sim N(0, I)`, and s such
    that the noiseless target has variance one.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences, in [1, inf).
    preset : {"second_descent", "first_minimum"}, default="second_descent"
        What the arguments left at None are:

        - "second_descent": 60 states, 30 symbols, temperatures .1 and .2, noise .2.
          With 100 labels the risk is lowest far beyond the threshold.
        - "first_minimum": 20 states, 10 symbols, temperatures .2 and .3, noise .5.
          With 100 labels it is lowest before the threshold.
    n_states, n_symbols : int, default=None
        Of the hidden Markov model.
    transition_temperature, emission_temperature : float, default=None
        See `make_hmm`.
    noise : float, default=None
        :math:`\sigma`, standard deviation of the noise, in [0, inf).
    n_steps : int, default=20
        Length T of every sequence, in [1, inf).
    n_targets : int, default=1
        Number of outputs, in [1, inf).
    target_step : {"last", "first"}, default="last"
        Whose state the target is about. The last step's posterior is the causal
        belief; the first step's is smoothed over the sequence.
    random_state : int, RandomState instance or None, default=None
        Draws all that is random.

    Returns
    -------
    X : ndarray of int of shape (n_samples, n_steps)
        Symbols.
    y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        Targets, noise included.
    truth : Bunch
        `hmm`; `states` of shape (n_samples, n_steps); `posterior` of shape
        (n_samples, n_states); `coef` of shape (n_states, n_targets) and `intercept`
        such that the noiseless target `mean` is `posterior @ coef + intercept`;
        `noise_var`, the Bayes risk of one output.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    make_hmm_classification : Labels instead of numbers.

    Examples
    --------
    >>> from skhmmdd import make_hmm_regression
    >>> X, y, truth = make_hmm_regression(500, random_state=0)
    >>> X.shape, y.shape, truth.hmm
    ((500, 20), (500,), CategoricalHMM(n_states=60, n_symbols=30))
    >>> round(float(((y - truth.mean) ** 2).mean()), 2), round(truth.noise_var, 2)
    (0.04, 0.04)
    """
    options = _settings(
        preset,
        n_states=n_states,
        n_symbols=n_symbols,
        transition_temperature=transition_temperature,
        emission_temperature=emission_temperature,
        noise=noise,
    )
    noise = options.pop("noise")
    if not noise >= 0:
        raise ValueError(f"noise must be in [0, inf), got {noise!r}.")
    at_least(1, n_targets=n_targets)
    rng = check_random_state(random_state)
    hmm = make_hmm(**options, random_state=rng)
    n = hmm.n_states
    coef = np.sqrt(n) * rng.standard_normal((n, n_targets))
    _, _, reference = _draw(hmm, _REFERENCE_SIZE, n_steps, target_step, rng)
    spread = (reference @ coef).std(axis=0)
    coef /= np.where(spread > 0, spread, 1.0)
    X, states, posterior = _draw(hmm, n_samples, n_steps, target_step, rng)
    intercept = -coef.mean(axis=0)
    mean = posterior @ coef + intercept
    y = mean + noise * rng.standard_normal(mean.shape)
    if n_targets == 1:
        mean, y = mean[:, 0], y[:, 0]
    truth = Bunch(
        hmm=hmm,
        states=states,
        posterior=posterior,
        coef=coef,
        intercept=intercept,
        mean=mean,
        noise_var=noise**2,
    )
    return X, y, truth


def make_hmm_classification(
    n_samples: int = 100,
    *,
    n_classes: int = 2,
    preset: Preset = "second_descent",
    n_states: int | None = None,
    n_symbols: int | None = None,
    transition_temperature: float | None = None,
    emission_temperature: float | None = None,
    density: float = 0.5,
    flip_y: float = 0.0,
    n_steps: int = 20,
    target_step: Literal["last", "first"] = "first",
    random_state: RandomState = None,
) -> tuple[Ints, Ints, Bunch]:
    r"""Sequences with labels that depend on the posterior of a hidden state.

    .. math:: y = \arg\max_c \; m_c' (b - 1/K), \qquad b = P(z_t \mid x_1, \ldots, x_T)

    with a sparse random map m, as in the downstream tasks of Wei, Xie and Ma
    (arXiv:2106.09226), where t is the first step.

    Parameters
    ----------
    n_samples : int, default=100
        Number of sequences, in [1, inf).
    n_classes : int, default=2
        Number of classes, in [2, inf). Not every one need occur in a small sample.
    preset : {"second_descent", "first_minimum"}, default="second_descent"
        As in `make_hmm_regression`.
    n_states, n_symbols : int, default=None
        Of the hidden Markov model.
    transition_temperature, emission_temperature : float, default=None
        See `make_hmm`.
    density : float, default=0.5
        Share of states that matter for a class, in (0, 1].
    flip_y : float, default=0.0
        Share of labels drawn anew at random, in [0, 1].
    n_steps : int, default=20
        Length of every sequence, in [1, inf).
    target_step : {"first", "last"}, default="first"
        Whose state the label is about.
    random_state : int, RandomState instance or None, default=None
        Draws all that is random.

    Returns
    -------
    X : ndarray of int of shape (n_samples, n_steps)
        Symbols.
    y : ndarray of int of shape (n_samples,)
        Classes 0 to n_classes - 1.
    truth : Bunch
        `hmm`; `states`; `posterior` of shape (n_samples, n_states); `coef` of shape
        (n_states, n_classes), the map; `label`, the classes before flips.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    See Also
    --------
    make_hmm_regression : Numbers instead of labels.

    Examples
    --------
    >>> from skhmmdd import make_hmm_classification
    >>> X, y, truth = make_hmm_classification(500, n_classes=3, random_state=0)
    >>> X.shape, sorted(set(y.tolist()))
    ((500, 20), [0, 1, 2])
    """
    options = _settings(
        preset,
        n_states=n_states,
        n_symbols=n_symbols,
        transition_temperature=transition_temperature,
        emission_temperature=emission_temperature,
    )
    at_least(2, n_classes=n_classes)
    if not 0 < density <= 1:
        raise ValueError(f"density must be in (0, 1], got {density!r}.")
    if not 0 <= flip_y <= 1:
        raise ValueError(f"flip_y must be in [0, 1], got {flip_y!r}.")
    rng = check_random_state(random_state)
    hmm = make_hmm(**options, random_state=rng)
    shape = (hmm.n_states, n_classes)
    coef = rng.standard_normal(shape) * (rng.uniform(size=shape) < density)
    X, states, posterior = _draw(hmm, n_samples, n_steps, target_step, rng)
    label = ((posterior - 1 / hmm.n_states) @ coef).argmax(axis=1)
    flipped = rng.uniform(size=n_samples) < flip_y
    y = np.where(flipped, rng.randint(n_classes, size=n_samples), label)
    truth = Bunch(hmm=hmm, states=states, posterior=posterior, coef=coef, label=label)
    return X, y, truth


def _settings(preset, **options):
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {sorted(PRESETS)}, got {preset!r}.")
    return {
        name: PRESETS[preset][name] if value is None else value
        for name, value in options.items()
    }


def at_least(bound, **numbers):
    for name, value in numbers.items():
        if value < bound:
            raise ValueError(f"{name} must be at least {bound}, got {value!r}.")


def _draw(hmm, n_samples, n_steps, target_step, rng):
    at_least(1, n_samples=n_samples, n_steps=n_steps)
    X, states = hmm.sample(n_samples, n_steps, random_state=rng)
    if target_step == "last":
        posterior = hmm.filter(X)[:, -1]
    elif target_step == "first":
        posterior = hmm.smooth(X)[:, 0]
    else:
        raise ValueError(f"target_step must be 'last' or 'first', got {target_step!r}.")
    return X, states, posterior
