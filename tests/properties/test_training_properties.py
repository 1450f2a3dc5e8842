"""One iteration of Baum-Welch against the E- and M-step in plain log space."""

import numpy as np
from campaign import holds_for, note
from hypothesis import assume
from hypothesis import strategies as st
from log_space_oracle import (
    EPS,
    condition,
    expected_counts,
    gaussian_moments,
    law_of,
    symbol_counts,
)

from properties.strategies import cases
from skhmmdd import BaumWelch

VARIANCES = [1.0, 1.0, 0.3, 1e-2, 1e2]


@st.composite
def trainings(draw):
    families = ["categorical", "categorical", "diag", "full"]
    case = draw(cases(families, n_sequences=5, variances=VARIANCES))
    return case, draw(st.sampled_from([0.0, 1e-3, 1.0]))


def check_law(got, counts, pseudocount, before, error, what):
    want, total = law_of(counts, pseudocount, before)
    # A row is a ratio of counts, each of which may be off by `error`.
    limit = 4 * error / np.maximum(total.astype(float), 1e-300) + 16 * EPS
    known = np.broadcast_to(limit < 0.1, want.shape)
    off = np.where(known, np.abs(got - want), 0)
    assert (off <= limit).all(), (what, got, want.astype(float))


@holds_for(trainings(), quick=30, campaign=1500)
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
    if not case.is_symbolic:
        flat = np.concatenate(X)
        seen = np.concatenate(
            [~np.isnan(x) & (w > 0) for x, w in zip(X, weights, strict=True)]
        )
        assume(seen.any(axis=0).all())
    counts = expected_counts(chain, emissions, weights)
    error = counts.error
    assume(error < 1e-4)
    em = BaumWelch(init=hmm, max_iter=1, tol=0, pseudocount=pseudocount)
    likelihood = [chain.log_likelihood(e) for e in emissions]
    total = [
        sum(w * end for w, end in zip(weights, ends, strict=True))
        for ends in zip(*likelihood, strict=True)
    ]
    if case.is_symbolic:
        em.fit(X, sample_weight=weights)
        emitted = symbol_counts(counts.visits, X, hmm.n_symbols)
        check_law(
            em.hmm_.emissionprob,
            emitted,
            pseudocount,
            hmm.emissionprob,
            error,
            "emission",
        )
    else:
        weight, mean, scatter = gaussian_moments(
            hmm.means, hmm.covars, counts.visits, X
        )
        full = scatter.ndim == 3
        location = _location(X, weights)
        prior = np.diag(location[1]) if full else location[1]
        n = weight[:, :1, None] if full else weight
        spread = np.nanmax(np.abs(flat - location[0]), axis=0) + np.abs(
            hmm.means - location[0]
        ).max(axis=0)
        spoiled = max(map(condition, hmm.covars)) if full else 1.0
        error = (error + 64 * EPS * sum(weights) * len(flat)) * spoiled
        bare = n + pseudocount == 0
        want = (scatter + pseudocount * prior) / np.where(bare, 1, n + pseudocount)
        want = np.where(bare, hmm.covars, want).astype(float)
        # Second moments are taken about the mean of the data.
        limit = 8 * error / np.maximum((n + pseudocount).astype(float), 1e-300)
        limit = limit * np.square(spread.max())
        # A variance that rounding decides may well be refused.
        least = np.diagonal(want, axis1=1, axis2=2).T if full else want
        if full:
            doubtful = min(np.linalg.eigvalsh(c).min() for c in want) <= 4 * limit.max()
        else:
            doubtful = (least <= 4 * limit).any()
        assume(not doubtful)
        em.fit(X, sample_weight=weights)
        close = limit < 0.1 * spread.max() ** 2
        off = np.where(close, np.abs(em.hmm_.covars - want), 0)
        assert (off <= limit + 32 * EPS * np.abs(want)).all(), (em.hmm_.covars, want)
        reach = 8 * error / np.maximum(weight.astype(float), 1e-300) * spread
        off = np.where(reach < spread, np.abs(em.hmm_.means - mean), 0)
        size = np.abs(location[0]) + spread
        assert (off <= reach + 8 * EPS * size).all(), (
            em.hmm_.means,
            mean.astype(float),
        )
    low, high = map(float, total)
    slack = 16 * EPS * len(X) * max(abs(low), abs(high))
    assert low - slack <= em.log_likelihoods_[0] <= high + slack
    check_law(
        em.hmm_.startprob, counts.start, pseudocount, hmm.startprob, error, "start"
    )
    check_law(
        em.hmm_.transmat, counts.moves, pseudocount, hmm.transmat, error, "transitions"
    )
    if pseudocount == 0:
        assert not em.hmm_.transmat[hmm.transmat == 0].any()
        assert not em.hmm_.startprob[hmm.startprob == 0].any()
    rise = np.diff(em.log_posteriors_)[0]
    size = np.abs(em.log_posteriors_).max()
    assert rise >= -1e-9 * (1 + size) - 1e3 * error * (1 + size), em.log_posteriors_
    note(f"BaumWelch on {type(hmm).__name__} {case.family}", "E-step", "M-step")


def _location(X, weights):
    """Weighted mean and variance of each feature over what is observed."""
    x = np.concatenate(X).astype(np.longdouble)
    w = np.repeat(np.asarray(weights, np.longdouble), [len(s) for s in X])[:, None]
    seen = ~np.isnan(x)
    w, x = w * seen, np.where(seen, x, 0)
    center = (w * x).sum(axis=0) / w.sum(axis=0)
    variance = (w * (x - center) ** 2).sum(axis=0) / w.sum(axis=0)
    still = np.sqrt(variance) <= 1e-13 * np.abs(center)
    # A feature that never moves: the width that the documentation of the prior gives.
    size = np.where(center == 0, 1, np.abs(center))
    return center, np.where(still, 1e-9 * size**2, variance)
