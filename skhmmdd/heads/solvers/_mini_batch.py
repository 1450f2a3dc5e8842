"""Gradient descent in mini-batches: a loop, because it is no filter."""

import numpy as np

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._spectrum import Spectrum


def mini_batch_learning_rate(spectrum: Spectrum, batch_size: int) -> float:
    """The step size that shrinks the expected squared error of a batch step most.

    The mini-batch Hessian G has E G = H and E G^2 <= (W m / b + (1 - 1/b) s^2) H, with
    W the sum of the weights, m the largest squared norm of a row and s the largest
    singular value (Ma, Bassily and Belkin, ICML 2018, arXiv:1712.06559). The inverse of
    that bracket is half the bound of stability in the mean square.

    Parameters
    ----------
    spectrum : Spectrum
        Of positive rank.
    batch_size : int

    Raises
    ------
    ValueError
        If it underflows.
    """
    weights, b = spectrum.weights, batch_size
    with np.errstate(over="ignore"):
        weighted = np.sum((spectrum.left * spectrum.values) ** 2, axis=1)
        longest = np.max(weights.sum() / weights * weighted)
        rate = 1.0 / (longest / b + (1 - 1 / b) * spectrum.values.max() ** 2)
    if rate == 0.0:
        raise ValueError(
            "learning_rate='auto' vanishes for mini-batches: the weights span too many "
            f"orders of magnitude, from {weights.min():g} to {weights.max():g}."
        )
    return float(rate)


def descend_in_batches(
    spectrum: Spectrum,
    n_steps: int,
    batch_size: int,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    seed: int,
    recorded: Ints,
) -> tuple[Floats, Floats]:
    """Descent from zero with batches that are drawn with replacement.

    Rows are drawn with probability proportional to their weight, and the gradient of a
    batch is scaled to the whole, so that its expectation is the full gradient. A row of
    weight 3 is drawn by the random numbers that would draw one of three copies.

    Parameters
    ----------
    spectrum : Spectrum
        The coordinates are those along its right singular vectors.
    n_steps : int
    batch_size : int
    learning_rate, momentum : float
    nesterov : bool
    seed : int
    recorded : ndarray of shape (n_recorded,)
        Numbers of steps, in [0, n_steps], after which to keep the coordinates.

    Returns
    -------
    coordinates : ndarray of shape (n_recorded, r, q)
    losses : ndarray of shape (n_steps + 1,)
        Mean squared training error before the first step and after each: the weighted
        mean over samples, the mean over outputs.

    Raises
    ------
    ValueError
        If the loss overflows.
    """
    rng = np.random.RandomState(seed)
    values = spectrum.values[:, None]
    root = np.sqrt(spectrum.weights)[:, None]
    rows = _rows(spectrum)
    targets = (spectrum.residuals + spectrum.left @ spectrum.projections) / root
    ends = np.cumsum(spectrum.weights)
    total, last = ends[-1], len(ends) - 1
    outside = np.sum(spectrum.residuals**2)
    rate = learning_rate * total / batch_size

    now = np.zeros(spectrum.projections.shape)
    before = now
    losses = np.empty(n_steps + 1)
    kept = {}
    wanted = set(np.asarray(recorded).tolist())
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(n_steps + 1):
            if t:
                # 1. A batch, with replacement.
                drawn = rng.uniform(size=batch_size) * total
                batch = np.minimum(np.searchsorted(ends, drawn, side="right"), last)
                design = rows[batch]
                # 2. The gradient of the heavy ball is taken where descent stands, that
                #    of Nesterov where the momentum leads.
                ahead = now + momentum * (now - before)
                at = ahead if nesterov else now
                gradient = design.T @ (design @ at - targets[batch])
                now, before = ahead - rate * gradient, now
            # 3. The loss on all rows, by what is left along each direction.
            left = spectrum.projections - values * now
            losses[t] = (outside + np.sum(left**2)) / (total * left.shape[1])
            if not np.isfinite(losses[t]):
                raise ValueError(
                    f"Descent in batches of {batch_size} diverged at step {t}: "
                    f"learning_rate={learning_rate:.6g} is too large for them. Lower "
                    "it, or enlarge batch_size."
                )
            if t in wanted:
                kept[t] = now
    return np.array([kept[t] for t in np.asarray(recorded).tolist()]), losses


def _rows(spectrum):
    """The unweighted rows along the right singular vectors, shape (n, r)."""
    return spectrum.left * spectrum.values / np.sqrt(spectrum.weights)[:, None]
