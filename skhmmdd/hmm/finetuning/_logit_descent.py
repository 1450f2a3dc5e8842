r"""Gradient descent on all logits of a categorical model, for log-odds of two symbols.

With f the log-odds, J their gradients and w the weights of the samples one step is

.. math:: \theta \leftarrow \theta - \eta\, J_\theta' \operatorname{diag}(w)\, \ell'(f)

with J computed anew at every step: kept at its first value it would be the descent of a
linear head on the Fisher scores.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from skhmmdd._typing import Floats
from skhmmdd.hmm.finetuning._fisher import (
    append_both,
    log_odds_scores,
    parameter_names,
    score_blocks,
)
from skhmmdd.hmm.inference._collectors import NoSteps
from skhmmdd.hmm.inference._forward_backward import filter_block
from skhmmdd.hmm.models._categorical import CategoricalHMM
from skhmmdd.hmm.sequences._blocks import Sequences


class Loss(NamedTuple):
    """A loss of log-odds f and targets y, and its derivative in f."""

    value: Callable[[Floats, Floats], Floats]
    derivative: Callable[[Floats, Floats], Floats]


# Half of the squared error has this derivative; what is told is the whole.
SQUARED = Loss(lambda f, y: (f - y) ** 2, lambda f, y: f - y)
# Targets are -1 and 1.
LOGISTIC = Loss(lambda f, y: np.logaddexp(0.0, -y * f), lambda f, y: -y * expit(-y * f))


class Samples(NamedTuple):
    """Sequences as pairs of `append_both`, in blocks, with targets and weights."""

    blocks: list
    rows: list
    targets: Floats
    weights: Floats

    @classmethod
    def of(cls, hmm, sequences, symbols, targets, weights, rows):
        """The samples `rows` of some sequences."""
        part = Sequences(
            sequences.values, sequences.starts[rows], sequences.lengths[rows], None
        )
        # Twice the parameters: a sequence has two scores.
        size = 2 * len(parameter_names(hmm))
        found = score_blocks(part, hmm.n_states, size)
        blocks = []
        for index in found:
            block = part.block(index)._replace(index=rows[index])
            blocks.append(append_both(block, symbols))
        return cls(blocks, found, targets[rows], weights[rows])

    def mean_loss(self, log_odds, loss):
        """Weighted mean of the loss."""
        with np.errstate(over="ignore"):
            return float(
                np.average(loss.value(log_odds, self.targets), weights=self.weights)
            )


class Descent(NamedTuple):
    """Weights before each step and after the last, and the losses there."""

    path: list
    losses: list
    held_out: list
    learning_rate: float


def descend(hmm, train, loss, *, n_steps, learning_rate, held_out=None, patience=5):
    """Fine-tune all weights.

    `held_out` samples stop the descent, where their loss is not less for `patience`
    steps. ValueError if the steps lead where a loss or a weight is no number.
    """
    path, losses, held_losses = [hmm], [], []
    logits = _logits(hmm)
    if learning_rate == "auto":
        learning_rate = _half_of_stable(hmm, train)
    for step in range(n_steps + 1):
        try:
            # 1. Log-odds and the gradient of the loss under the present weights.
            log_odds, gradient = _log_odds_and_gradient(
                path[-1], train, loss, wanted=step < n_steps
            )
            losses.append(train.mean_loss(log_odds, loss))
            if held_out is not None:
                log_odds, _ = _log_odds_and_gradient(path[-1], held_out, loss, False)
                held_losses.append(held_out.mean_loss(log_odds, loss))
                if step - int(np.argmin(held_losses)) >= patience:
                    break
            if not np.isfinite(losses[-1]):
                raise ValueError("The loss exceeds the largest float: rescale y.")
            if gradient is None:
                break
            # 2. One step; logits of minus infinity stay what they are.
            logits = _step(logits, gradient, learning_rate)
            path.append(_weights(logits))
        except ValueError as error:
            if step == 0:
                raise
            raise ValueError(
                f"learning_rate={learning_rate:g} is too large: {step} steps lead to "
                f"weights that cannot serve. {error}"
            ) from error
    return Descent(path, losses, held_losses, float(learning_rate))


def log_odds_of(hmm, pairs):
    """Log-odds alone, of a block of `append_both`; infinite or NaN if impossible."""
    _, log_likelihood = filter_block(hmm._chain, pairs, NoSteps, strict=False)
    with np.errstate(invalid="ignore"):
        return log_likelihood[::2] - log_likelihood[1::2]


def _log_odds_and_gradient(hmm, samples, loss, wanted):
    """Log-odds of all samples, and the gradient of their loss, if it is wanted."""
    log_odds, gradient = np.empty(len(samples.targets)), 0.0 if wanted else None
    for pairs, rows in zip(samples.blocks, samples.rows, strict=True):
        if not wanted:
            log_odds[rows] = log_odds_of(hmm, pairs)
            continue
        jacobian, log_odds[rows] = log_odds_scores(hmm, pairs)
        slopes = loss.derivative(log_odds[rows], samples.targets[rows])
        gradient = gradient + (samples.weights[rows] * slopes) @ jacobian
    if not np.isfinite(log_odds).all():
        raise ValueError("One of `symbols` has probability zero after a sequence.")
    return log_odds, gradient


def _half_of_stable(hmm, samples):
    """0.5 / sigma_max(W^1/2 J)^2, a quarter of the largest stable rate at the start."""
    n, p = len(samples.targets), len(parameter_names(hmm))
    # The smaller of the two Gram matrices.
    gram, rows = np.zeros((p, p)), np.empty((n, p) if n <= p else (0, p))
    for pairs, index in zip(samples.blocks, samples.rows, strict=True):
        jacobian, _ = log_odds_scores(hmm, pairs)
        jacobian *= np.sqrt(samples.weights[index])[:, None]
        if n <= p:
            rows[index] = jacobian
        else:
            gram += jacobian.T @ jacobian
    gram = rows @ rows.T if n <= p else gram
    largest = np.linalg.eigvalsh(gram)[-1]
    # Where nothing depends on the weights there is nothing to learn.
    return 0.5 / largest if largest > 0 else 0.0


def _logits(hmm):
    with np.errstate(divide="ignore"):
        return [np.log(rows) for rows in hmm._arrays().values()]


def _step(logits, gradient, learning_rate):
    ends = np.cumsum([rows.size for rows in logits])
    parts = np.split(gradient, ends[:-1])
    with np.errstate(over="ignore", invalid="ignore"):
        return [
            rows - learning_rate * part.reshape(rows.shape)
            for rows, part in zip(logits, parts, strict=True)
        ]


def _weights(logits):
    """The frozen weights whose logits these are."""
    probabilities = []
    for rows in logits:
        if np.isnan(rows).any() or np.isposinf(rows).any():
            raise ValueError("A logit is no number.")
        rows = np.exp(rows - rows.max(axis=-1, keepdims=True))
        probabilities.append(rows / rows.sum(axis=-1, keepdims=True))
    return CategoricalHMM(*probabilities)
