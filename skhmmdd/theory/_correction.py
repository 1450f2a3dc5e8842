"""The next order of the deterministic equivalent, for Gaussian features."""

import numpy as np


def gaussian_correction(
    bias,
    variance,
    *,
    kept,
    lost,
    kappa,
    spare,
    multiplicities,
    signal,
    n_samples,
    ridgeless,
):
    r"""Correct bias and variance to the next order in 1/n, for Gaussian rows.

    Derived here. Write F for the expected log determinant of XX' + alpha as a function
    of the eigenvalues t, and D for the derivative along t -> t + eps t^2. Then,
    exactly,

        variance = -D dF/dalpha,
        bias = sum_i signal_i (t_i g_i + D g_i),    g_i = 1 - t_i dF/dt_i.

    To the next order F gains log(1 - df2/n)/2; below, `d_var` and `d_bias` are the
    same derivatives of that gain, written in s = t/(t + kappa) (`kept`) and 1 - s
    (`lost`), with df_k = sum s^k and N = n - df2 (`spare`). Under D, kappa gains
    kappa^2 v, and s gains kappa (s^2 - s (1 - s) v), with v = df2/N.
    """
    ratio = variance  # v, per unit of noise
    gain = 1.0 + ratio
    dof = [multiplicities @ kept**k for k in (2, 3, 4)]
    df2_less_df3 = multiplicities @ (kept**2 * lost)
    # D df2 and D df3, D s, over kappa
    d_df2 = 2.0 * (gain * dof[1] - ratio * dof[0])
    d_df3 = 3.0 * (gain * dof[2] - ratio * dof[1])
    d_kept = gain * kept**2 - ratio * kept

    d_var = d_df2 - d_df3 - df2_less_df3 * ratio + 2.0 * df2_less_df3 * d_df2 / spare
    d_var = -d_var / spare**2

    # t_i dF/dt_i = -s (1 - s)(s - c)/N
    c = df2_less_df3 / spare
    d_c = (d_df2 - d_df3) / spare + df2_less_df3 * d_df2 / spare**2
    cubic = kept * lost * (kept - c)
    d_cubic = (lost - kept) * d_kept * (kept - c) + kept * lost * (d_kept - d_c)
    terms = kept**2 * (kept - c) + d_cubic + cubic * d_df2 / spare
    d_bias = kappa * (signal @ terms) / spare

    # The expansion fails near the threshold, of p or of a group of large eigenvalues:
    # hold each factor between 1/2 and 2, which no exact result exceeds.
    bias_change = d_bias / bias if bias > 0 else 0.0
    bias = bias * (1.0 + np.clip(bias_change, -0.5, 1.0))
    if ridgeless and abs(multiplicities.sum() - n_samples) <= 1:
        return bias, np.inf
    # 1/(1 - x) rather than 1 + x: exact wherever the exact variance is known
    variance_change = d_var / variance if variance > 0 else 0.0
    return bias, variance / (1.0 - np.clip(variance_change, -1.0, 0.5))
