"""Fisher scores against automatic differentiation of the forward recursion."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from random_models import random_hmm, random_sequences

from skhmmdd import FisherScoreTransformer

torch = pytest.importorskip("torch")


def forward(log_start, log_transmat, log_emission):
    """log p(x) by the recursion in log space."""
    alpha = log_start + log_emission[0]
    for emission in log_emission[1:]:
        alpha = torch.logsumexp(alpha[:, None] + log_transmat, dim=0) + emission
    return torch.logsumexp(alpha, dim=0)


def gradient(hmm, x, log_density, emission):
    """Of log p(x) in logits of the chain and the parameters of the emission."""
    arrays = [np.log(hmm.startprob), np.log(hmm.transmat), *emission]
    parameters = [torch.tensor(array) for array in arrays]
    for parameter in parameters:
        parameter.requires_grad_()
    start, transmat, *rest = parameters
    forward(
        torch.log_softmax(start, dim=-1),
        torch.log_softmax(transmat, dim=-1),
        log_density(torch.tensor(x), *rest),
    ).backward()
    # A sequence of one step has no transition, and torch no gradient of it.
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    return np.concatenate([grad.numpy().ravel() for grad in grads])


def test_categorical():
    hmm = random_hmm("categorical", seed=2)
    X = random_sequences(hmm, (9, 1, 30), seed=3)

    def log_density(x, logits):
        return torch.log_softmax(logits, dim=-1)[:, x].T

    emission = [np.log(hmm.emissionprob)]
    scores = FisherScoreTransformer(hmm).fit_transform(X)
    for x, row in zip(X, scores, strict=True):
        assert_allclose(row, gradient(hmm, x, log_density, emission), atol=1e-12)
    scores = FisherScoreTransformer(hmm, symbols=(3, 1)).fit_transform(X)
    for x, row in zip(X, scores, strict=True):
        longer = [gradient(hmm, np.append(x, v), log_density, emission) for v in (3, 1)]
        assert_allclose(row, longer[0] - longer[1], atol=1e-12)


def test_diagonal_gaussian():
    hmm = random_hmm("diag", size=3, seed=2)
    X = random_sequences(hmm, (9, 1, 30), seed=3)

    def log_density(x, means, log_variances):
        square = (x[:, None] - means) ** 2 / log_variances.exp() + log_variances
        return -(square + np.log(2 * np.pi)).sum(dim=-1) / 2

    emission = [hmm.means.copy(), np.log(hmm.covars)]
    scores = FisherScoreTransformer(hmm).fit_transform(X)
    for x, row in zip(X, scores, strict=True):
        want = gradient(hmm, x, log_density, emission)
        assert_allclose(row, want, rtol=1e-10, atol=1e-11)


def test_full_gaussian():
    hmm = random_hmm("full", size=3, seed=2)
    X = random_sequences(hmm, (9, 1, 30), seed=3)
    i, j = np.tril_indices(3)

    def log_density(x, means, entries):
        factors = torch.zeros(len(means), 3, 3, dtype=torch.double)
        factors[:, i, j] = torch.where(torch.tensor(i == j), entries.exp(), entries)
        normal = torch.distributions.MultivariateNormal(means, scale_tril=factors)
        return normal.log_prob(x[:, None])

    entries = np.linalg.cholesky(hmm.covars)[:, i, j]
    entries[:, i == j] = np.log(entries[:, i == j])
    scores = FisherScoreTransformer(hmm).fit_transform(X)
    for x, row in zip(X, scores, strict=True):
        want = gradient(hmm, x, log_density, [hmm.means.copy(), entries])
        assert_allclose(row, want, rtol=1e-10, atol=1e-10)
