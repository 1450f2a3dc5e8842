"""Filter, smoother, Viterbi, likelihood and prediction against plain log space."""

import numpy as np
import pytest
from campaign import holds_for, note
from hypothesis import assume
from hypothesis import strategies as st
from log_space_oracle import EPS, log

from properties.strategies import TAME, WITHOUT_ENDS, Case, cases, emit, walk

# What numbers near the least normal double may lose: nothing that a belief shows.
FLOOR = 1e-14


def possible(case, causal=False):
    """The sequences that can be, with their emissions, and those that cannot."""
    chain, kept, gone = case.chain(), [], []
    for x in case.sequences:
        emission = case.emission(x)
        if chain.is_possible(emission, causal):
            kept.append((x, emission))
        else:
            gone.append(x)
    return chain, kept, gone


def refuses(method, x):
    with pytest.raises(ValueError, match=r"impossible|cannot go on"):
        method([x])


def check_beliefs(got, want, what):
    assert got.shape == want.low.shape, (what, got.shape)
    assert np.isfinite(got).all(), (what, got)
    assert (np.abs(got.sum(axis=1) - 1) < 1e-9).all(), (what, got)
    assert want.holds(got, FLOOR), (
        f"{what}: {got.tolist()} is not between {want.low.astype(float).tolist()} "
        f"and {want.high.astype(float).tolist()}"
    )


@holds_for(cases(), quick=40, campaign=2500)
def test_filter(case):
    hmm = case.model
    chain, kept, gone = possible(case, causal=True)
    for x in gone:
        refuses(hmm.filter, x)
    assume(kept)
    beliefs = hmm.filter([x for x, _ in kept])
    for got, (_, emission) in zip(beliefs, kept, strict=True):
        check_beliefs(got, chain.filtered(emission), "filter")
    note(case.name, "filter")


@holds_for(cases(), quick=40, campaign=2500)
def test_smooth_and_decode(case):
    hmm = case.model
    chain, kept, gone = possible(case)
    for x in gone:
        refuses(hmm.smooth, x)
        refuses(hmm.decode, x)
    assume(kept)
    X = [x for x, _ in kept]
    for got, (_, emission) in zip(hmm.smooth(X), kept, strict=True):
        check_beliefs(got, chain.smoothed(emission), "smooth")
    for path, (_, emission) in zip(hmm.decode(X), kept, strict=True):
        # Ties may go either way: what counts is how probable the path is.
        reached = chain.log_joint(path, emission, sign=1)
        best = chain.best_log_joint(emission, sign=-1)
        assert reached >= best, (path, float(reached), float(best))
    note(case.name, "smooth", "decode")


@holds_for(cases(), quick=40, campaign=2500)
def test_log_likelihood(case):
    values = case.model.log_likelihood(case.sequences)
    chain = case.chain()
    for x, got in zip(case.sequences, values, strict=True):
        want = chain.log_likelihood(case.emission(x))
        if np.isneginf(want.high):
            assert got == -np.inf, (x, got)
            continue
        assert want.holds(got), (x, got, float(want.low), float(want.high))
    note(case.name, "log_likelihood")


@holds_for(cases(), quick=40, campaign=2500)
def test_predict_next(case):
    hmm = case.model
    chain, kept, gone = possible(case, causal=True)
    for x in gone:
        refuses(hmm.predict_next, x)
    transitions = log(case.arrays["transmat"])
    if "endprob" in case.arrays:
        transitions = transitions + log(1 - case.arrays["endprob"])[:, None]
    going = []
    for x, emission in kept:
        last = chain.log_alpha(emission, causal=True)[-1]
        if np.isfinite(last[:, None] + transitions).any():
            going.append((x, emission))
        else:
            refuses(hmm.predict_next, x)
    assume(going)
    following = hmm.predict_next([x for x, _ in going])
    for got, (x, emission) in zip(following, going, strict=True):
        state = chain.following(emission)
        middle = (state.low + state.high) / 2
        want = middle @ case.means
        spread = np.abs(case.means)
        off = (state.width() + 8 * EPS * (middle + FLOOR)) @ spread
        assert (np.abs(got - want) <= off + FLOOR * spread.max()).all(), (
            x,
            got,
            want.astype(float),
        )
    note(case.name, "predict_next")


@holds_for(
    cases(families=WITHOUT_ENDS, n_sequences=6),
    quick=15,
    campaign=600,
)
def test_the_company_kept_changes_nothing(case):
    """A sequence alone, among others, padded in an array: the same numbers."""
    hmm = case.model
    _, kept, _ = possible(case)
    assume(len(kept) > 1)
    X = [x for x, _ in kept]
    n = max(map(len, X)) + 1
    blank = -1 if case.is_symbolic else np.nan
    padded = np.full((len(X), n, *X[0].shape[1:]), blank, dtype=X[0].dtype)
    for row, x in zip(padded, X, strict=True):
        row[: len(x)] = x
    close = {"rtol": 1e-9, "atol": 1e-11}
    for method in (hmm.filter, hmm.smooth):
        together, array = method(X), method(padded)
        for i, x in enumerate(X):
            np.testing.assert_allclose(together[i], method([x])[0], **close)
            np.testing.assert_allclose(array[i, : len(x)], together[i], **close)
            assert not array[i, len(x) :].any()
    alone = [hmm.log_likelihood([x])[0] for x in X]
    for form in (X, padded):
        got = hmm.log_likelihood(form)
        np.testing.assert_allclose(got, alone, rtol=1e-12, atol=8 * n * EPS)
    paths = hmm.decode(padded)
    for i, x in enumerate(X):
        assert (paths[i, len(x) :] == -1).all()
    note(case.name, "array against list", "alone against together")


@st.composite
def long_cases(draw):
    """One or two sequences beyond the length at which a lone one is cut in pieces."""
    odds = draw(st.sampled_from([TAME, [0.0, 1e-300, 1e-9, 1.0]]))
    case = draw(cases(["categorical", "diag"], odds=odds, n_sequences=1, most_steps=1))
    n_steps = draw(st.sampled_from([1023, 1024, 1500, 2600]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a = case.arrays
    hmm = case.model
    if draw(st.booleans()):
        x = hmm.sample(1, n_steps, random_state=int(rng.integers(2**31)))[0][0]
    else:
        path = walk(rng, a["startprob"], a["transmat"], n_steps)
        x = emit(rng, a, path, hmm.n_states)
    return Case(case.family, a, [x], [1.0])


@holds_for(long_cases(), quick=3, campaign=250)
def test_long_sequences(case):
    hmm = case.model
    chain, kept, _ = possible(case)
    assume(kept)
    x, emission = kept[0]
    check_beliefs(hmm.filter([x])[0], chain.filtered(emission), "filter")
    check_beliefs(hmm.smooth([x])[0], chain.smoothed(emission), "smooth")
    assert chain.log_likelihood(emission).holds(hmm.log_likelihood([x])[0])
    path = hmm.decode([x])[0]
    reached = chain.log_joint(path, emission, sign=1)
    assert reached >= chain.best_log_joint(emission, sign=-1)
    note(case.name, "long sequence")
