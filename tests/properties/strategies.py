"""Random frozen weights of every family, and sequences for them: hostile, but valid."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from log_space_oracle import (
    Chain,
    categorical_emission,
    gaussian_emission,
    mixture_emission,
    poisson_emission,
)

from skhmmdd import CategoricalHMM, GaussianHMM, GaussianMixtureHMM, PoissonHMM
from skhmmdd.hmm.models._ending import EndingHMM

TINY = [5e-324, 1e-300, 1e-200, 1e-150, 1e-80, 1e-20, 1e-6]
ODDS = [0.0, 0.0, *TINY, 0.01, 0.3, 1, 1, 2]
TAME = [0.0, 0.01, 0.1, 0.5, 1, 1, 2]
SHAPES = ["dense", "left-right", "absorbing", "banded", "cycle", "identity"]
VARIANCES = [1.0, 1.0, 0.3, 1e-3, 1e-6, 1e-12, 1e6, 1e12]
CENTERS = [0.0, 0.0, 1.0, -1.0, 2.5, -2.5, 1e-3, 1e3, -1e3]
RATES = [0.0, 1e-300, 1e-9, 0.1, 1.0, 1.0, 5.0, 40.0, 1e3]
WITHOUT_ENDS = ["categorical", "diag", "full", "poisson", "mixture"]
FAMILIES = [*WITHOUT_ENDS, "ending-categorical", "ending-diag"]


@dataclass(repr=False)
class Case:
    """Frozen weights with sequences, and what the oracle needs of both."""

    family: str
    arrays: dict
    sequences: list
    weights: list

    def __repr__(self):
        arrays = {name: np.asarray(a).tolist() for name, a in self.arrays.items()}
        X = [np.asarray(x).tolist() for x in self.sequences]
        return f"Case({self.family!r}, {arrays}, X={X}, weights={self.weights})"

    @property
    def model(self):
        """Frozen weights of the package."""
        arrays = dict(self.arrays)
        endprob = arrays.pop("endprob", None)
        kinds = {
            "emissionprob": CategoricalHMM,
            "rates": PoissonHMM,
            "weights": GaussianMixtureHMM,
            "covars": GaussianHMM,
        }
        model = next(kind for name, kind in kinds.items() if name in arrays)(**arrays)
        return model if endprob is None else EndingHMM(model, endprob)

    @property
    def name(self):
        return type(self.model).__name__ + (
            f" of {self.family.partition('-')[2]}" if "endprob" in self.arrays else ""
        )

    @property
    def is_symbolic(self):
        return "emissionprob" in self.arrays

    def chain(self, eps=2.0**-52):
        # The rows of probabilities sum to one only within rounding, and are used
        # as they are.
        a = self.arrays
        return Chain(a["startprob"], a["transmat"], a.get("endprob"), eps)

    def emission(self, x):
        a = self.arrays
        if self.is_symbolic:
            return categorical_emission(a["emissionprob"], x)
        if "rates" in a:
            return poisson_emission(a["rates"], x)
        if "weights" in a:
            return mixture_emission(a["weights"], a["means"], a["covars"], x)[0]
        return gaussian_emission(a["means"], a["covars"], x)

    @property
    def means(self):
        """What each state is expected to emit."""
        a = self.arrays
        if "weights" in a:
            return np.einsum("km,kmd->kd", a["weights"], a["means"])
        return next(a[k] for k in ("emissionprob", "rates", "means") if k in a)


@st.composite
def distributions(draw, n_rows, n_columns, odds=ODDS, mask=None):
    """Rows of probabilities; where `mask` is False they are zero."""
    size = n_rows * n_columns
    weights = draw(st.lists(st.sampled_from(odds), min_size=size, max_size=size))
    rows = np.array(weights, dtype=float).reshape(n_rows, n_columns)
    if mask is not None:
        rows = np.where(mask, rows, 0.0)
    for i in np.flatnonzero(rows.max(axis=1) < 0.01):
        allowed = np.arange(n_columns) if mask is None else np.flatnonzero(mask[i])
        rows[i, allowed[draw(st.integers(0, len(allowed) - 1))]] = 1.0
    return rows / rows.sum(axis=1, keepdims=True)


@st.composite
def chains(draw, n_states, odds=ODDS):
    shape = draw(st.sampled_from(SHAPES))
    i, j = np.indices((n_states, n_states))
    mask = {
        "dense": i == i,
        "left-right": j >= i,
        "absorbing": i == i,
        "banded": abs(i - j) <= 1,
        "cycle": j == (i + 1) % n_states,
        "identity": i == j,
    }[shape]
    if shape == "absorbing":
        last = draw(st.integers(0, n_states - 1))
        mask = np.where(i >= last, i == j, True)
    startprob = draw(distributions(1, n_states, odds))[0]
    if shape == "left-right" and draw(st.booleans()):
        startprob = np.eye(n_states)[0]
    return startprob, draw(distributions(n_states, n_states, odds, mask))


@st.composite
def gaussians(draw, n_states, n_features, full, variances=VARIANCES):
    def pick(values, *shape):
        size = int(np.prod(shape))
        drawn = draw(st.lists(st.sampled_from(values), min_size=size, max_size=size))
        return np.array(drawn, dtype=float).reshape(shape)

    means = pick(CENTERS, n_states, n_features)
    spread = pick(variances, n_states, n_features)
    if not full:
        return means, spread
    factor = pick([-2, -1, 0, 0, 1, 2], n_states, n_features, n_features)
    ridge = draw(st.sampled_from([1.0, 1.0, 0.1, 1e-6]))
    inner = factor @ factor.transpose(0, 2, 1) + ridge * np.eye(n_features)
    root = np.sqrt(spread)
    return means, inner * root[:, :, None] * root[:, None, :]


def walk(rng, startprob, transmat, n_steps):
    """A path that takes any possible step, however improbable."""
    path = [rng.choice(np.flatnonzero(startprob > 0))]
    for _ in range(n_steps - 1):
        path.append(rng.choice(np.flatnonzero(transmat[path[-1]] > 0)))
    return np.array(path)


def emit(rng, arrays, path, n_states):
    """Observations of a path, improbable ones as often as others."""
    if "emissionprob" in arrays:
        table = arrays["emissionprob"]
        return np.array([rng.choice(np.flatnonzero(table[k] > 0)) for k in path])
    if "rates" in arrays:
        rates = arrays["rates"][path]
        likely = rng.poisson(rates)
        odd = rng.choice([0, 1, 7, 60], rates.shape)
        return (
            np.where((rng.random(rates.shape) < 0.3) & (rates > 0), odd, likely) * 1.0
        )
    means, covars = arrays["means"], arrays["covars"]
    if "weights" in arrays:
        part = [rng.choice(np.flatnonzero(w > 0)) for w in arrays["weights"]]
        means, covars = (a[np.arange(len(a)), part] for a in (means, covars))
    spread = np.sqrt(covars if covars.ndim == 2 else np.diagonal(covars, 0, 1, 2))
    z = rng.choice([0.0, 0.3, -1.0, 2.0, -30.0], (len(path), means.shape[1]))
    # Now and then an observation that belongs to no state on the path.
    other = np.where(rng.random(len(path)) < 0.2, rng.integers(n_states), path)
    return means[other] + z * spread[path]


@st.composite
def sequences(draw, arrays, n_sequences, most_steps, missing=True):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_states = len(arrays["startprob"])
    share = draw(st.sampled_from([0.0, 0.0, 0.3])) if missing else 0.0
    odd = draw(st.sampled_from([0.0, 0.0, 0.2]))
    lengths = draw(
        st.lists(st.integers(1, most_steps), min_size=1, max_size=n_sequences)
    )
    found = []
    for n_steps in lengths:
        path = walk(rng, arrays["startprob"], arrays["transmat"], n_steps)
        x = emit(rng, arrays, path, n_states)
        if "emissionprob" in arrays:
            # Some that no path need explain: impossible sequences are cases, too.
            wild = rng.random(n_steps) < odd
            x = np.where(wild, rng.integers(arrays["emissionprob"].shape[1]), x)
        gone = rng.random(x.shape) < share
        gone[-1] = False
        if "emissionprob" in arrays:
            x = np.where(gone, -1, x)
        else:
            x = np.where(gone, np.nan, x)
        found.append(x)
    return found


@st.composite
def cases(
    draw,
    families=FAMILIES,
    most_states=4,
    most_steps=9,
    n_sequences=4,
    odds=ODDS,
    variances=VARIANCES,
    missing=True,
):
    """Weights of one of `families` with ragged sequences."""
    family = draw(st.sampled_from(families))
    n_states = draw(st.integers(1, most_states))
    startprob, transmat = draw(chains(n_states, odds))
    arrays = {"startprob": startprob, "transmat": transmat}
    if family.endswith("categorical"):
        arrays["emissionprob"] = draw(
            distributions(n_states, draw(st.integers(1, 4)), odds)
        )
    elif family == "poisson":
        size = n_states * draw(st.integers(1, 3))
        rates = draw(st.lists(st.sampled_from(RATES), min_size=size, max_size=size))
        arrays["rates"] = np.array(rates).reshape(n_states, -1)
    elif family == "mixture":
        m, size = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        arrays["weights"] = draw(distributions(n_states, m, odds))
        means, covars = draw(gaussians(n_states * m, size, False, variances))
        arrays["means"] = means.reshape(n_states, m, size)
        arrays["covars"] = covars.reshape(n_states, m, size)
    else:
        size = draw(st.integers(1, 3))
        arrays["means"], arrays["covars"] = draw(
            gaussians(n_states, size, family.endswith("full"), variances)
        )
    if family.startswith("ending"):
        ends = st.sampled_from([0.0, 1e-300, 1e-12, 0.1, 0.5, 0.9, 1.0])
        arrays["endprob"] = np.array(
            draw(st.lists(ends, min_size=n_states, max_size=n_states))
        )
    X = draw(sequences(arrays, n_sequences, most_steps, missing))
    weights = draw(
        st.lists(
            st.sampled_from([1.0, 1.0, 2.0, 0.5, 0.0]),
            min_size=len(X),
            max_size=len(X),
        )
    )
    return Case(family, arrays, X, weights)
