"""Triangular factors of nested designs."""

import numpy as np
from scipy import linalg

# Beyond this condition number a rank decision may be at stake: the caller then solves
# the width by itself.
TRUSTED_CONDITION = 1e10
# Columns that LAPACK reflects at a time, and the size of the triangles that it inverts.
PANEL, _TRIANGLE = 32, 64


def rotate(X, y):
    """R and Q'y of X = Q R, as tall as X and y are."""
    size = PANEL * max(*X.shape, y.shape[1])
    packed, tau, _, _ = linalg.lapack.dgeqrf(X, lwork=size)
    reflectors = packed[:, : len(tau)]
    c, _, _ = linalg.lapack.dormqr("L", "T", reflectors, tau, y, lwork=size)
    return np.triu(packed), c


def upper_inverse(R):
    """By halves, nearly all of it in products."""
    p = len(R)
    if p <= _TRIANGLE:
        return _small_upper_inverse(R)
    h = p // 2
    out = np.zeros((p, p))
    out[:h, :h], out[h:, h:] = upper_inverse(R[:h, :h]), upper_inverse(R[h:, h:])
    out[:h, h:] = -out[:h, :h] @ (R[:h, h:] @ out[h:, h:])
    return out


def _small_upper_inverse(R):
    if not len(R):
        return R
    inverse, info = linalg.lapack.dtrtri(R)
    if info:
        raise linalg.LinAlgError(f"Column {info} of a triangular factor is zero.")
    return inverse


def leading_independent(R):
    """How many leading columns of a triangular factor are safely independent."""
    size = np.abs(np.diag(R))
    weak = size * TRUSTED_CONDITION <= np.sqrt((R**2).sum())
    return int(weak.argmax()) if weak.any() else len(size)
