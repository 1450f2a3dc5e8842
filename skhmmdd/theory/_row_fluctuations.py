"""The next order of the equivalent that keeps the rows: what few rows add by chance."""

from __future__ import annotations

import numpy as np

# Rows of the pool that the pairs of rows are taken from: the work is cubic in them.
_MOST_ROWS = 1000


def fluctuation_risk(point, tasks):
    r"""What the risk gains at the next order, for each (moments, squared error).

    Derived here. The risk is the derivative of E log det(M + X~'X~) along
    t -> D + t Sigma and along the label that is appended to the rows, X~ = (X, eta y).
    In replicas that determinant is a sum of diagrams in which rows are joined by
    :math:`\rho_{ij} = (x_i'Qx_j)^2 w_i w_j`; their sum without any gives the equivalent
    itself. The next are pairs of rows and rings of them,

    .. math::

        \tfrac12 \tfrac{n^2}{N^2}\sum_{i \neq j}(\log(1 - \rho_{ij}) + \rho_{ij})
        + \sum_{k \geq 3} -\tfrac12 (1 + \tfrac1k) \operatorname{tr} A^k
        + \tfrac1{2N} 1'A(I - A)^{-1}1, \qquad A = \tfrac nN \rho,

    the last for a fixed number of rows instead of a Poisson one. Both derivatives
    are taken here: `d` along t, `e_` along the label.
    """
    rows, cov = point.rows, point.rows.T @ point.rows / len(point.rows)
    w_all, Q = point.weights, point.resolvent
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), _MOST_ROWS)).astype(int)
    x, w = rows[chosen], w_all[chosen]
    n_rows = len(chosen)
    share = point.share * len(rows) / n_rows

    # 1. along t: Q loses U, and w gains w^2 x'Ux
    U, u_all = point.fixed_point(Q @ cov @ Q)
    gain = w * u_all[chosen]
    between, d_between = x @ Q @ x.T, -(x @ U @ x.T)
    pair = np.outer(w, w)
    rho = between**2 * pair
    d_rho = 2.0 * between * d_between * pair + rho * np.add.outer(gain, gain)
    np.fill_diagonal(rho, 0.0)
    np.fill_diagonal(d_rho, 0.0)
    A, d_A = share * rho, share * d_rho

    # 2. H, the derivative of the sum of diagrams in A, and its own along t
    R = np.linalg.inv(np.eye(n_rows) - A)
    total = R.sum(axis=1)
    H = -0.5 * (R + R @ R) + 1.5 * A - 0.5 * A / (1.0 - rho)
    H += np.outer(total, total) / (2 * n_rows)
    d_R = R @ d_A @ R
    twice, ends = R @ d_R, np.outer(R @ (d_A @ total), total)
    d_H = -0.5 * (d_R + twice + twice.T) + 1.5 * d_A - 0.5 * d_A / (1.0 - rho) ** 2
    d_H += (ends + ends.T) / (2 * n_rows)

    # 3. along the label: between gains the covariance of the errors of two rows
    gains = []
    for moments, squared in tasks:
        left, weighted = moments.residual, w_all**2 * u_all
        d_mean = -Q @ (cov @ moments.mean)
        d_mean += point.share * (Q @ (rows.T @ (weighted[:, None] * left)))
        d_left = -(rows @ d_mean)
        turned = U @ point.moment(w_all**2 * squared) @ Q
        d_source = 2.0 * (w_all * weighted * squared)
        d_source += 2.0 * w_all**2 * np.sum(left * d_left, axis=1)
        d_cov, _ = point.fixed_point(point.sandwich(d_source) - turned - turned.T)

        left, d_left = left[chosen], d_left[chosen]
        errors = left @ left.T + x @ moments.cov @ x.T
        d_errors = left @ d_left.T
        d_errors = d_errors + d_errors.T + x @ d_cov @ x.T
        loss = w * np.diag(errors)
        d_loss = loss * gain + w * np.diag(d_errors)
        cross = 2.0 * between * errors * pair
        e_A = cross - rho * np.add.outer(loss, loss)
        d_e_A = 2.0 * (d_between * errors + between * d_errors) * pair
        d_e_A += cross * np.add.outer(gain, gain)
        d_e_A -= d_rho * np.add.outer(loss, loss) + rho * np.add.outer(d_loss, d_loss)
        np.fill_diagonal(e_A, 0.0)
        np.fill_diagonal(d_e_A, 0.0)
        gains.append(share * (np.sum(d_e_A * H) + np.sum(e_A * d_H)))
    return gains
