"""The next order of the deterministic equivalent, for Gaussian features."""

from typing import NamedTuple

import numpy as np

from skhmmdd._typing import Floats


class _Gain(NamedTuple):
    """What F gains at the next order: its first derivatives, and those of the latter.

    Attributes
    ----------
    slope : float
        dF/dalpha, times kappa.
    missed : ndarray
        -t_i dF/dt_i.
    d_slope, d_missed : float, ndarray
        How `slope`/kappa (times kappa) and `missed` change along a direction.
    """

    slope: float
    missed: Floats
    d_slope: float
    d_missed: Floats


def _gain(point, multiplicities, d_kept=0.0, d_log_kappa=0.0):
    """Derivatives of log(1 - df2/n)/2, in s = t/(t + kappa) and 1 - s.

    The direction is given by what it does to s (`d_kept`) and to log kappa.
    """
    kept, lost, spare = point.kept, point.lost, point.spare
    d_kept = d_kept + np.zeros_like(kept)
    df2_less_df3 = multiplicities @ (kept**2 * lost)
    d_df2 = 2.0 * (multiplicities @ (kept * d_kept))
    d_df3 = 3.0 * (multiplicities @ (kept**2 * d_kept))

    # 1. kappa dF/dalpha = (df2 - df3)/N^2
    slope = df2_less_df3 / spare**2
    d_slope = d_df2 - d_df3 - df2_less_df3 * (d_log_kappa - 2.0 * d_df2 / spare)
    d_slope = d_slope / spare**2

    # 2. t_i dF/dt_i = -s (1 - s)(s - c)/N, c = (df2 - df3)/N
    c = df2_less_df3 / spare
    d_c = (d_df2 - d_df3) / spare + df2_less_df3 * d_df2 / spare**2
    cubic = kept * lost * (kept - c)
    d_cubic = (lost - kept) * d_kept * (kept - c) + kept * lost * (d_kept - d_c)
    d_missed = (d_cubic + cubic * d_df2 / spare) / spare
    return _Gain(slope, cubic / spare, d_slope, d_missed)


def _relative(change, value):
    """change / value, zero where there is nothing to change."""
    return np.divide(change, value, out=np.zeros_like(value + 0.0), where=value > 0)


# The expansion fails near the threshold, of p or of a group of large eigenvalues: both
# functions hold the factor between 1/2 and 2, which no exact result exceeds.


def added(value, change):
    """value + change."""
    return value * (1.0 + np.clip(_relative(change, np.asarray(value)), -0.5, 1.0))


def _resummed(value, change):
    """value / (1 - change/value): exact wherever the exact variance is known."""
    return value / (1.0 - np.clip(_relative(change, np.asarray(value)), -1.0, 0.5))


def _at_threshold(multiplicities, n_samples, alpha):
    """Whether the exact mean is infinite: at p = n - 1, n and n + 1."""
    return alpha == 0 and abs(multiplicities.sum() - n_samples) <= 1


def correct_risk(bias, variance, point, multiplicities, signal, n_samples, alpha):
    r"""Correct bias and variance to the next order in 1/n, for Gaussian rows.

    Derived here. Write F for the expected log determinant of XX' + alpha as a function
    of the eigenvalues t, and D for the derivative along t -> t + eps t^2. Then,
    exactly,

        variance = -D dF/dalpha,
        bias = sum_i signal_i (t_i g_i + D g_i),    g_i = 1 - t_i dF/dt_i.

    To the next order F gains log(1 - df2/n)/2. Under D, kappa gains kappa^2 v, and s
    gains kappa (s^2 - s (1 - s) v), with v = df2/N and N = n - df2.
    """
    kept, ratio = point.kept, variance
    gain = _gain(
        point,
        multiplicities,
        d_kept=(1.0 + ratio) * kept**2 - ratio * kept,
        d_log_kappa=ratio,
    )
    # t (1 - s) = kappa s; where s = 1, kappa is 0 and so is the bias
    t_missed = kept * _relative(gain.missed, point.lost)
    bias = added(bias, point.kappa * (signal @ (t_missed + gain.d_missed)))
    if _at_threshold(multiplicities, n_samples, alpha):
        return bias, np.inf
    return bias, _resummed(variance, -gain.d_slope)


def correct_norm(fitted, ratio, point, multiplicities, signal, n_samples, alpha):
    """Correct the two parts of the norm of the head, without noise and per unit of it.

    Derived here. With F and g of :func:`correct_risk`, exactly

        ratio = dF/dalpha + alpha d2F/dalpha2,
        fitted = sum_i signal_i (1 - g_i - alpha dg_i/dalpha).

    Along alpha, log kappa gains 1/(kappa N), and s gains -s (1 - s)/(kappa N).
    """
    kept, lost, spare = point.kept, point.lost, point.spare
    gain = _gain(
        point,
        multiplicities,
        d_kept=-kept * lost / spare,
        d_log_kappa=1.0 / spare,
    )
    # (1 - s)/kappa = s/t
    d_ratio = multiplicities @ (kept**2 * point.inverse) / spare**2
    change = -gain.missed
    if alpha > 0 and point.kappa > 0:  # a penalty near the smallest float is none
        scale = alpha / point.kappa
        d_ratio += scale * gain.d_slope / point.kappa
        change = change - scale * gain.d_missed
    fitted = added(fitted, signal @ change)
    if _at_threshold(multiplicities, n_samples, alpha):
        return fitted, np.inf
    return fitted, _resummed(ratio, d_ratio)


def correct_missed(point, multiplicities):
    """Correct g: what random rows miss of each direction, E alpha (X'X + alpha)^-1."""
    return added(point.lost, _gain(point, multiplicities).missed)
