"""Groups of rows left out together: leave-one-group-out, without refitting."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import linalg

from skhmmdd._typing import Floats, Ints
from skhmmdd.heads.solvers._filters import ridge_filter
from skhmmdd.heads.solvers._leave_one_out import leave_one_out_residuals
from skhmmdd.heads.solvers._spectrum import (
    EPS,
    Spectrum,
    rounding_off_span,
    thin_svd,
)
from skhmmdd.heads.solvers._triangles import (
    RowFactor,
    leading_independent,
    rotate,
    upper_inverse,
)

# Less of 1 - leverage, as a share of the largest, has lost too many digits.
LEAST_OUTSIDE = 1e-6


def members_by_size(groups: Ints) -> list[Ints]:
    """Rows of each group, those of one size together.

    Parameters
    ----------
    groups : ndarray of int of shape (n,)
        The group of each row, numbered from 0.

    Returns
    -------
    list of ndarray of int of shape (n_groups, size)
        Groups of one row are left out.

    Examples
    --------
    >>> import numpy as np
    >>> members_by_size(np.array([0, 1, 0, 2, 2, 3]))
    [array([[0, 2],
           [3, 4]])]
    """
    sizes = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    firsts = np.cumsum(sizes) - sizes
    return [
        order[firsts[sizes == size, None] + np.arange(size)]
        for size in np.unique(sizes[sizes > 1])
    ]


def group_left_out_residuals(
    spectrum: Spectrum, alpha: float, members: list[Ints]
) -> Floats:
    r"""Exact residuals of rows that are left out with their whole group.

    Parameters
    ----------
    spectrum : Spectrum
        From :func:`decompose`; its weights are no counts.
    alpha : float
        In [0, inf).
    members : list of ndarray of int of shape (n_groups, size)
        From `members_by_size`, of the rows of the spectrum. At least two groups.

    Returns
    -------
    ndarray of shape (n, q)
        Target less the prediction of the head fitted without the row's group.

    Notes
    -----
    With the smoother S, the residuals e and the rows of one group G,

    .. math:: (I - S)_{GG} \, x = e_G,

    x being what is asked for, times the root of the weights. With
    :math:`W = (I - H)_{\cdot G}`, H the projection on the span of the design,
    :math:`F = (s^2 + \alpha)^{-1/2} U_G'` and :math:`f = (s^2 + \alpha)^{-1/2} U'y`,
    these are the normal equations of

    .. math:: \min_x \; \|W x - e\|^2 + \alpha \|F x - f\|^2,

    which are solved without being formed. Where the head must pass through all of a
    group, W is zero there and the second part alone decides, at any penalty: at zero it
    is the limit. Where W has a null space N, the second part decides within it, for
    what the first leaves open. Derived here; of one row it is the usual formula.
    """
    out = leave_one_out_residuals(spectrum, alpha)
    root = np.sqrt(spectrum.weights)[:, None]
    basis = spectrum.left
    if spectrum.fit_intercept:
        basis = np.hstack([root / linalg.norm(root), basis])
    ridge = ridge_filter(spectrum.values, np.array([alpha], dtype=float))
    gain, shrinkage = np.sqrt(ridge.inverse[0])[:, None], np.sqrt(ridge.penalty[0])
    targets = gain * spectrum.projections
    for rows in (group for of_size in members for group in of_size):
        outside = -basis @ basis[rows].T
        outside[rows, np.arange(len(rows))] += 1.0
        x = _solve_in_order(
            outside,
            spectrum.residuals,
            gain * spectrum.left[rows].T,
            targets,
            shrinkage,
            spectrum.left[rows],
            spectrum.values,
        )
        out[rows] = x / root[rows]
    return out


def _solve_in_order(W, e, F, f, shrinkage, axes, spectrum_values):
    """Minimise |W x - e|^2 + shrinkage^2 |F x - f|^2; where W leaves x open, F tells.

    The columns of W are those of a projection: its singular values are at most 1. They
    stand for rows, whose axes have these coordinates along the singular vectors.
    """
    left, values, right = thin_svd(W)
    # 1. x = M a + N c: W sees a alone.
    off = rounding_off_span(right @ axes, spectrum_values)
    seen = values > 10 * len(W) * EPS * off
    left, values, M, N = left[:, seen], values[seen], right[seen].T, right[~seen].T
    # 2. c fits what a leaves of f; so a has to fit f only outside the span of F N.
    FN, FM = F @ N, F @ M
    span = linalg.qr(FN, mode="economic")[0] if FN.size else FN

    def beyond(columns):
        return columns - span @ (span.T @ columns)

    a = left.T @ e / values[:, None]
    if shrinkage > 0 and FM.size:
        both = np.vstack([np.diag(values), shrinkage * beyond(FM)])
        wanted = np.vstack([left.T @ e, shrinkage * beyond(f)])
        a = _least_squares(both, wanted)
    # 3. The null space.
    return M @ a + N @ _least_squares(FN, f - FM @ a)


def _least_squares(A, b):
    return linalg.lstsq(A, b)[0] if A.size else np.zeros((A.shape[1], b.shape[1]))


class Smoother(NamedTuple):
    """I - S at one width, up to a factor: V'V between samples, V'U at the targets."""

    position: int
    """Of the width."""
    samples: Floats
    """V, shape (m, n)."""
    targets: Floats
    """U, shape (m, q)."""
    condition: float
    """Upper bound on the condition number that they went through."""


def smoothers_along_widths(
    X: Floats, y: Floats, samples: Floats, widths: Ints, alpha: float, limit: float
) -> Iterator[Smoother]:
    r"""I - S at every width, from two factorizations that are carried along.

    Parameters
    ----------
    X : ndarray of shape (n_rows, p)
        Nested design, without an intercept.
    y : ndarray of shape (n_rows, q)
    samples : ndarray of shape (n_rows, n)
        What the rows are of the samples.
    widths : ndarray of int of shape (n_widths,)
        Not decreasing, in [0, p].
    alpha : float
        In [0, inf).
    limit : float
        Below it a bound on the condition number need not be sharp.

    Yields
    ------
    Smoother
        Of widths in their order; where there is a triangular factor that cannot be
        trusted, of none any more.

    Notes
    -----
    With :math:`Z = QR` the first k columns leave of a sample what its rotation by Q'
    has past the k-th coordinate. Where the columns are as many as the rows, and of
    ridge at every width, :math:`K = ZZ' + \alpha I = LL'` and
    :math:`I - S \propto (L^{-1} E)'(L^{-1} E)` for the samples E.
    """
    n_rows, p = X.shape
    q = y.shape[1]
    sizes_sq = np.append(0.0, np.cumsum((X**2).sum(axis=0)))
    both = np.hstack([y, samples])
    seen = 0
    R, inverse_sq = np.sqrt(alpha) * np.eye(n_rows), np.inf
    if alpha == 0:
        # 1. Widths less than the rows: what is past the k-th coordinate.
        X, both = rotate(X, both)
        seen = min(n_rows, p)
        R = X[:seen, :seen]
        independent = leading_independent(R)
        inverse = upper_inverse(R[:independent, :independent])
        inverses_sq = np.append(0.0, np.cumsum((inverse**2).sum(axis=0)))
        narrow = (widths < n_rows) & (widths <= independent)
        for i in np.flatnonzero(narrow):
            k = widths[i]
            condition = float(np.sqrt(sizes_sq[k] * inverses_sq[k]))
            yield Smoother(int(i), both[k:, q:], both[k:, :q], condition)
        if independent < n_rows:
            return
        # 2. The square design has an LQ factor by its reversal: J R J.
        X, both, inverse_sq = X[::-1], both[::-1], inverses_sq[-1]
        R = X[:, seen - 1 :: -1].T
    # 3. Widths from there on.
    factor = RowFactor(R, np.zeros((n_rows, 0)), limit)
    for i in np.flatnonzero(widths >= seen):
        k = widths[i]
        if k > seen:
            factor.add(X[:, seen:k], np.zeros((0, k - seen)))
            seen = k
        size_sq = sizes_sq[k] + n_rows * alpha
        # More columns only lift the least singular value.
        if not inverse_sq * size_sq < limit**2:
            if leading_independent(factor.R) < n_rows:
                continue
            inverse_sq = (upper_inverse(factor.R) ** 2).sum()
        found = factor.solve(both)
        condition = float(np.sqrt(inverse_sq * size_sq))
        yield Smoother(int(i), found[:, q:], found[:, :q], condition)


def smoother_of(spectrum: Spectrum, alpha: float, position: int) -> Smoother:
    """I - S from the singular values of one width, up to a factor where S is I."""
    left, values = spectrum.left, spectrum.values
    n = len(left)
    if len(values) == n - spectrum.fit_intercept:
        # The limit of ridge at zero, and its multiple at any other penalty.
        parts, weights = (
            [np.empty((0, n)), np.empty((0, spectrum.projections.shape[1]))],
            1.0,
        )
    else:
        root = np.sqrt(spectrum.weights / spectrum.weights.sum())[:, None]
        basis = np.hstack([root, left]) if spectrum.fit_intercept else left
        parts, weights = [np.eye(n) - basis @ basis.T, spectrum.residuals], alpha
    gain = np.sqrt(weights / (values**2 + alpha))[:, None]
    samples = np.vstack([parts[0], gain * left.T])
    targets = np.vstack([parts[1], gain * spectrum.projections])
    condition = float(values[0] / values[-1]) if len(values) else 1.0
    return Smoother(position, samples, targets, condition)


def left_out_of(smoother: Smoother, members: list[Ints]) -> tuple[Floats, float]:
    """Residuals of samples that are left out with their group, and GCV.

    The residuals, of shape (n, q), are NaN where digits would be lost; GCV is not yet
    divided by the number of residuals.
    """
    V, U = smoother.samples, smoother.targets
    residuals, outside = V.T @ U, (V**2).sum(axis=0)
    gcv = float((residuals**2).sum() / outside.mean() ** 2)
    lost = outside <= LEAST_OUTSIDE * outside.max()
    out = residuals / np.where(lost, np.nan, outside)[:, None]
    for rows in members:
        gram = np.moveaxis(V[:, rows], 1, 0)  # (n_groups, m, size)
        gram = np.swapaxes(gram, 1, 2) @ gram
        values, vectors = np.linalg.eigh(gram)
        # Heads may have to pass through some combination of the group.
        values[values <= LEAST_OUTSIDE * outside.max()] = np.nan
        turned = np.swapaxes(vectors, 1, 2) @ residuals[rows]
        out[rows] = vectors @ (turned / values[:, :, None])
    return out, gcv


def left_out_in_pairs(smoother: Smoother, alone: Floats | None = None) -> Floats:
    """Residuals of every sample where another is left out with it.

    Parameters
    ----------
    smoother : Smoother
    alone : ndarray of shape (n, q), default=None
        Residuals of samples that are left out by themselves. None: from the smoother,
        NaN where the head must pass through the sample.

    Returns
    -------
    ndarray of shape (n, n, q)
        In row i and column j that of sample j without i and j, in [i, i] that of i
        without itself alone. Where the head must pass through j once i is left out,
        that of j alone.
    """
    V, U = smoother.samples, smoother.targets
    gram, residuals = V.T @ V, V.T @ U
    outside = np.diag(gram)
    least = LEAST_OUTSIDE * outside.max()
    lost = outside <= least
    # The 2 x 2 systems by Cramer's rule; divided by their first pivot. A sample that
    # the head passes through in any case changes nothing for others.
    share = gram / np.where(lost, np.inf, outside)[:, None]
    pivots = outside - share * gram
    np.fill_diagonal(share, 0.0)
    np.fill_diagonal(pivots, outside)
    if alone is None:
        alone = residuals / np.where(lost, np.nan, outside)[:, None]
    lost = pivots <= least
    pivots[lost] = 1.0
    pairs = (residuals - share[:, :, None] * residuals[:, None]) / pivots[:, :, None]
    return np.where(lost[:, :, None], alone, pairs)
