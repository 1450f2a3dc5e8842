"""One iteration of Baum-Welch against the E- and M-step in plain log space."""

from typing import NamedTuple

import numpy as np
import pytest
from campaign import holds_for, note
from hypothesis import assume
from hypothesis import strategies as st
from log_space_oracle import (
    EPS,
    LONG,
    condition,
    distribution_of,
    expected_counts,
    gaussian_moments,
    mixture_emission,
    symbol_counts,
)

from properties.strategies import WITHOUT_ENDS, cases
from skhmmdd import BaumWelch

# Said where it is meant: see test_habits.py.
pytestmark = pytest.mark.filterwarnings("ignore:Every sequence of X has one step")

VARIANCES = [1.0, 1.0, 0.3, 1e-2, 1e2]


@st.composite
def trainings(draw):
    case = draw(cases(WITHOUT_ENDS, n_sequences=5, variances=VARIANCES))
    return case, draw(st.sampled_from([0.0, 1e-3, 1.0]))


def check_distribution(got, counts, pseudocount, before, error, what):
    want, total = distribution_of(counts, pseudocount, before)
    # A row is a ratio of counts, each of which may be off by `error`.
    limit = 4 * error / np.maximum(total.astype(float), 1e-300) + 16 * EPS
    known = np.broadcast_to(limit < 0.1, want.shape)
    off = np.where(known, np.abs(got - want), 0)
    assert (off <= limit).all(), (what, got, want.astype(float))


def check_rates(got, visits, X, pseudocount, center, before, error):
    """Of Poisson counts, whose prior is worth observations at the data's mean."""
    x, gamma = np.concatenate(X).astype(LONG), np.concatenate(visits)
    seen = ~np.isnan(x)
    weight = gamma.T @ seen + LONG(pseudocount)
    total = gamma.T @ np.where(seen, x, 0) + LONG(pseudocount) * np.maximum(
        center, 1e-9
    )
    want = np.divide(total, weight, out=np.array(before, LONG), where=weight > 0)
    # As in `check_distribution`: where visits may be rounding alone the rate stays.
    share = 4 * error / np.maximum(weight.astype(float), 1e-300)
    limit, known = share * np.nanmax(x), (share < 0.1) | (weight == 0)
    off = np.where(known, np.abs(got - want), 0)
    assert (off <= limit + 32 * EPS * (1 + want)).all(), (got, want.astype(float))


class Moments(NamedTuple):
    """What the M-step makes of Gaussians: means and covariances, and how far off."""

    means: np.ndarray
    covars: np.ndarray
    means_off: np.ndarray
    covars_off: np.ndarray
    is_doubtful: bool


def gaussians_after(means, covars, visits, X, pseudocount, location, error):
    """The M-step of Gaussians (k, d), with covariances (k, d) or (k, d, d)."""
    weight, mean, scatter = gaussian_moments(means, covars, visits, X)
    full = scatter.ndim == 3
    center, variance = location
    prior = np.diag(variance) if full else variance
    n = weight[:, :1, None] if full else weight
    flat = np.concatenate(X)
    spread = np.nanmax(np.abs(flat - center), axis=0)
    spread = spread + np.abs(means - center).max(axis=0)
    spoiled = max(map(condition, covars)) if full else 1.0
    error = (error + 64 * EPS * len(flat)) * spoiled
    bare = n + pseudocount == 0
    want = (scatter + pseudocount * prior) / np.where(bare, 1, n + pseudocount)
    want = np.where(bare, covars, want).astype(float)
    # Second moments are taken about the mean of the data.
    limit = 8 * error / np.maximum((n + pseudocount).astype(float), 1e-300)
    limit = limit * np.square(spread.max())
    # A variance that rounding decides may well be refused.
    if full:
        doubtful = min(np.linalg.eigvalsh(c).min() for c in want) <= 4 * limit.max()
    else:
        doubtful = (want <= 4 * limit).any()
    reach = 8 * error / np.maximum(weight.astype(float), 1e-300) * spread
    # What has next to no data may be anything.
    limit = np.where(limit < 0.1 * spread.max() ** 2, limit, np.inf)
    reach = np.where(reach < spread, reach, np.inf)
    return Moments(
        mean,
        want,
        reach + 8 * EPS * (np.abs(center) + spread),
        limit + 32 * EPS * np.abs(want),
        bool(doubtful),
    )


def check_moments(hmm, want):
    shape = hmm.means.shape
    for got, middle, off in (
        (hmm.means, want.means, want.means_off),
        (hmm.covars, want.covars, want.covars_off),
    ):
        middle, off = (np.broadcast_to(a, middle.shape) for a in (middle, off))
        if len(shape) == 3:  # of mixtures, state after state
            middle, off = middle.reshape(shape), off.reshape(shape)
        gap = np.where(np.isfinite(off), np.abs(got - middle), 0)
        assert (gap <= off).all(), (got, middle.astype(float))


def components(case, X, visits):
    """Visits of each component of a mixture, and those at steps that are seen."""
    a, parts, seen = case.arrays, [], []
    for x, gamma in zip(X, visits, strict=True):
        share = mixture_emission(a["weights"], a["means"], a["covars"], x)[1]
        part = gamma[:, :, None] * share
        parts.append(part.reshape(len(x), -1))
        seen.append(part[~np.isnan(x).all(axis=1)].sum(axis=0))
    return parts, sum(seen)


@holds_for(trainings(), quick=20, campaign=1500)
def test_one_iteration(case):
    case, pseudocount = case
    hmm, chain = case.model, case.chain()
    kept = [
        (x, emission, weight)
        for x, weight in zip(case.sequences, case.weights, strict=True)
        if chain.is_possible(emission := case.emission(x))
    ]
    assume(kept and any(weight for _, _, weight in kept))
    X, emissions, weights = map(list, zip(*kept, strict=True))
    counts = expected_counts(chain, emissions, weights)
    visits, error = counts.visits, counts.error + 64 * EPS * sum(weights) * len(X)
    assume(error < 1e-4)
    em = BaumWelch(init=hmm, max_iter=1, tol=0, pseudocount=pseudocount)

    def fit():
        return em.fit(X, sample_weight=weights).hmm_

    if case.is_symbolic:
        after = fit()
        emitted = symbol_counts(visits, X, hmm.n_symbols)
        before = hmm.emissionprob
        check_distribution(
            after.emissionprob, emitted, pseudocount, before, error, "symbols"
        )
    else:
        seen = np.concatenate(
            [~np.isnan(x) & (w > 0) for x, w in zip(X, weights, strict=True)]
        )
        assume(seen.any(axis=0).all())
        location = _location(X, weights)
        if "rates" in case.arrays:
            # A rate of zero has no finite prior to start from.
            after = fit()
            rates = case.arrays["rates"]
            check_rates(after.rates, visits, X, pseudocount, location[0], rates, error)
        elif "weights" in case.arrays:
            parts, seen = components(case, X, visits)
            error += sum(
                16 * EPS * float(e.size.max()) * len(e.size) for e in emissions
            )
            assume(error < 1e-4)
            d = hmm.n_features
            flat = [a.reshape(-1, d) for a in (hmm.means, hmm.covars)]
            want = gaussians_after(*flat, parts, X, pseudocount, location, error)
            assume(not want.is_doubtful)
            after = fit()
            check_moments(after, want)
            before = hmm.weights
            seen = seen.reshape(before.shape)
            check_distribution(
                after.weights, seen, pseudocount, before, error, "components"
            )
        else:
            want = gaussians_after(
                hmm.means, hmm.covars, visits, X, pseudocount, location, error
            )
            assume(not want.is_doubtful)
            after = fit()
            check_moments(after, want)
    check_distribution(
        after.startprob, counts.start, pseudocount, hmm.startprob, error, "start"
    )
    check_distribution(
        after.transmat,
        counts.transitions,
        pseudocount,
        hmm.transmat,
        error,
        "transitions",
    )
    if pseudocount == 0:
        assert not after.transmat[hmm.transmat == 0].any()
        assert not after.startprob[hmm.startprob == 0].any()
    ends = [chain.log_likelihood(e) for e in emissions]
    low, high = (float(np.dot(weights, end)) for end in zip(*ends, strict=True))
    slack = 16 * EPS * len(X) * max(abs(low), abs(high))
    assert low - slack <= em.log_likelihoods_[0] <= high + slack
    before, now = em.log_posteriors_
    if np.isfinite(before):
        size = 1 + max(abs(before), abs(now))
        assert now - before >= -(1e-9 + 1e3 * error) * size, em.log_posteriors_
    note(f"BaumWelch on {type(hmm).__name__} {case.family}", "E-step", "M-step")


def _location(X, weights):
    """Weighted mean and variance of each feature over what is observed."""
    x = np.concatenate(X).astype(LONG)
    w = np.repeat(np.asarray(weights, LONG), [len(s) for s in X])[:, None]
    seen = ~np.isnan(x)
    w, x = w * seen, np.where(seen, x, 0)
    center = (w * x).sum(axis=0) / w.sum(axis=0)
    variance = (w * (x - center) ** 2).sum(axis=0) / w.sum(axis=0)
    still = np.sqrt(variance) <= 1e-13 * np.abs(center)
    # A feature that never moves: the width that the documentation of the prior gives.
    size = np.where(center == 0, 1, np.abs(center))
    return center, np.where(still, 1e-9 * size**2, variance)
