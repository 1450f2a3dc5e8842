r"""When a scaled recursion has lost nothing that can matter.

A belief that underflows becomes zero, or loses its digits, though the sum of its row is
healthy. That is no harm where it would stay negligible, but a state that cannot be
entered again from the others is lost for good, and later observations may speak for it
alone. What is computed of a row is kept if one of three conditions holds; every other
row is walked in log space. In all of them `tiny` is the least normal number, K the
number of states, and :math:`c_t \le 1` the norms; likelihoods are at most one, as are
the sums of the rows of A. One step, its underflows added up, loses at most
:math:`\delta = 4 K^2` `tiny` of the row's unscaled mass.

1. *Every state is entered again at once* (`safe_norm`). Let every positive column of A
   be at least a. A loss of step t goes on through some state m, with at most
   :math:`\delta / c_t`, and what was kept sends at least a to that m. From there
   on both have the same future, whatever is observed, so in every later belief,
   likelihood, smoothed belief and expected count, those of step t included, the lost
   paths weigh at most :math:`\delta / (c_t a)` of the kept ones: less than a rounding
   error if :math:`c_t \ge \delta / (a\,\mathrm{eps})`. Where a run of steps is scaled
   together, :math:`c_t` is the product of theirs, which no mass on the way is below.
2. *The whole sequence is not improbable* (`lost_rows`). Unscaled, what is lost at a
   step never grows again, as no factor is above one; the T losses are at most
   :math:`T \delta`, and what was kept ends as :math:`\prod c_t`. So lost paths have no
   more than a share of :math:`T \delta / \prod c_t` of any belief: nothing even to the
   logarithm of a belief, if that is below eps * 1e-12 (`LOG_FLOOR`).
3. *No possible state became small* (`Watch`). A state is possible if a possible state
   leads to it and it can emit what is observed; zeros of the weights are no loss.
   If all products of possible states are at least K `tiny` / eps, no belief has a
   relative error above rounding.

The way back needs no watch: on the scale of the norms of a sound way forth, an error of
`tiny` in :math:`\beta` is weighed by the belief of its own state, at most one.
"""

import numpy as np

# More unscaled steps save no more.
_MOST_STEPS = 8
# A share of the beliefs that not even their logarithms show.
_NEGLIGIBLE = 1e-12


def safe_norm(log_transmat, dtype):
    """The least norm at which an underflow cannot matter, by condition 1.

    Parameters
    ----------
    log_transmat : ndarray of shape (n_states, n_states)
    dtype : dtype

    Returns
    -------
    float
        Infinite if the condition is of no use to these transitions.
    """
    info, n_states = np.finfo(dtype), len(log_transmat)
    possible = np.isfinite(log_transmat)
    if (possible.any(axis=0) != possible.all(axis=0)).any():
        return np.inf
    least = np.exp(log_transmat[possible].min(initial=0.0))
    norm = _loss(info, n_states) / (max(least, info.tiny) * float(info.eps))
    return norm if norm < float(info.tiny) ** 0.5 else np.inf


def run_length(safe, surprise, dtype):
    """How many steps may be left unscaled, as far as speed is concerned.

    The norm of a run is about exp(-surprise) for each of its steps. Half of what there
    is down to where rows are lost leaves room for runs less likely than that.

    Parameters
    ----------
    safe : float
        Of `safe_norm`.
    surprise : float
        Of a typical observation, in nats.
    dtype : dtype

    Returns
    -------
    int
    """
    info = np.finfo(dtype)
    least = safe if np.isfinite(safe) else float(info.tiny / info.eps)
    return int(np.clip(-np.log(least) / (2 * max(surprise, 1.0)), 1, _MOST_STEPS))


def lost_rows(norms, n_steps, n_states, safe, watch=None, carried=False):
    """Sequences that meet none of the conditions.

    Parameters
    ----------
    norms : ndarray of shape (n_runs, n_sequences)
        Of `filter_steps`; those of a sequence that is cut stand in one column.
    n_steps : int
        Of the longest sequence.
    n_states : int
    safe : float
        Of `safe_norm`.
    watch : Watch, default=None
        What has been watched if `safe` is infinite.
    carried : bool, default=False
        Whether other steps may follow, of which these norms do not tell: condition 2
        does not hold then.

    Returns
    -------
    ndarray of int
    """
    info = np.finfo(norms.dtype)
    if watch is None:
        sound = (norms > safe).all(axis=0)
    else:
        sound = (norms > info.tiny / info.eps).all(axis=0) & ~watch.lost
    rows = np.flatnonzero(~sound)
    if carried or not len(rows):
        return rows
    loss = n_steps * _loss(info, n_states)
    with np.errstate(divide="ignore", invalid="ignore"):
        # A norm above one is the infinity that a division by next to nothing left.
        mass = np.log(np.minimum(norms[:, rows], 1), dtype=np.float64).sum(axis=0)
    # Rows of probabilities may sum to 1 + 1e-6.
    mass -= 2e-6 * n_steps
    return rows[~(mass > np.log(loss / (info.eps * _NEGLIGIBLE)))]


def entered(beliefs, reachable):
    """The states that beliefs may lead to, whatever underflows: (n, n_states).

    Parameters
    ----------
    beliefs : ndarray of shape (n, n_states)
    reachable : ndarray of float of shape (n_states, n_states)
        One where a state leads to another, else zero.
    """
    return (beliefs > 0).astype(reachable.dtype) @ reachable > 0


def _loss(info, n_states):
    return 4.0 * n_states**2 * float(info.tiny)


class Watch:
    """Sees whether a possible state becomes too small (condition 3), row by row.

    A bound from below of all beliefs of possible states costs nothing to keep: a step
    multiplies it by the least transition and the least likelihood. Beliefs are looked
    at only where it has become too small, and it starts again from their least.

    Parameters
    ----------
    log_transmat : ndarray of shape (n_states, n_states)
    possible : ndarray of bool of shape (n_states,) or (n_sequences, n_states)
        The states that the first step may be in.
    n_sequences : int
    dtype : dtype
        Of the recursion.

    Attributes
    ----------
    lost : ndarray of bool of shape (n_sequences,)
        Rows in which a possible state became too small.
    """

    def __init__(self, log_transmat, possible, n_sequences, dtype):
        info, reachable = np.finfo(dtype), np.isfinite(log_transmat)
        n_states = len(log_transmat)
        self._least_transition = float(np.exp(log_transmat[reachable].min(initial=0.0)))
        self._reachable = reachable.astype(np.float32)
        self._first = np.broadcast_to(possible, (n_sequences, n_states))
        self._enough = n_states * float(info.tiny / info.eps)
        # Rows that have gone most of the way down are given up at a look; else every
        # step on the rest of it would need one.
        self._plenty = self._enough**0.75
        self._least = 0.0
        self.lost = np.zeros(n_sequences, dtype=bool)

    def see_end(self, last, leaving):
        """The beliefs that each row but the last hands on: those of a cut sequence."""
        possible = entered(last, self._reachable)
        small = possible & ~(leaving >= self._enough)
        self.lost[: len(leaving)] |= small.any(axis=1)

    def see(self, before, product, likelihood, t):
        """One step.

        Parameters
        ----------
        before : ndarray of shape (at least n, n_states)
            The beliefs that the step starts from; not looked at at the first.
        product : ndarray of shape (n, n_states)
            (before @ transmat) * likelihood, not yet scaled.
        likelihood : callable
        t : int
        """
        if self._least == np.inf:
            return
        self._least *= self._least_transition * likelihood.least(t)
        if self._least >= self._enough:
            return
        self._least = float(product.min())
        if self._least >= self._plenty:
            return
        n = len(product)
        rows = np.flatnonzero(~self.lost[:n])
        if t:
            # So far nothing was lost in these rows: their zeros are impossible states.
            possible = entered(before[rows], self._reachable)
        else:
            possible = self._first[rows]
        emits = likelihood.possible(t, n)
        if emits is not None:
            possible &= emits[rows]
        product = np.where(possible, product[rows], np.inf)
        least = product.min(axis=1, initial=np.inf)
        fine = least >= self._plenty
        self.lost[rows[~fine]] = True
        # Infinite where all rows are lost.
        self._least = float(least[fine].min(initial=1.0 if fine.any() else np.inf))
