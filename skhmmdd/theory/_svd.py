"""One thin SVD of a design matrix, shared by all that looks at drawn data."""

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Floats
from skhmmdd.theory._validation import check_array, check_real


class DesignSVD:
    """SVD of the design, centred if there is an intercept, cut at its rank.

    Attributes
    ----------
    n_samples : int
    mean : ndarray of shape (p,)
        What was subtracted; zeros without an intercept.
    u, s, vt : ndarrays of shapes (n, r), (r,), (r, p)
    slack : ndarray of shape (n,)
        1 less the leverage of each row in the span of the design (and of the
        constant vector): exactly 0 where a row can be fitted whatever its target.
    """

    def __init__(
        self,
        X: ArrayLike,
        fit_intercept: bool,
        rcond: float | None = None,
        name: str = "X",
    ) -> None:
        X = check_array(X, name, ndim=(2,))
        self.n_samples = len(X)
        if self.n_samples < 2:
            raise ValueError(f"{name} must have at least 2 rows; got {self.n_samples}.")
        self.fit_intercept = fit_intercept
        self.mean = X.mean(axis=0) if fit_intercept else np.zeros(X.shape[1])
        eps = np.finfo(np.float64).eps
        if rcond is None:
            rcond = eps * max(X.shape)
        else:
            rcond = float(check_real(rcond, "rcond"))
        u, s, vt = np.linalg.svd(X - self.mean, full_matrices=False)
        rank = int(np.count_nonzero(s > rcond * s[0]))
        if fit_intercept:
            # centred rows span one dimension less: what is left is rounding error
            rank = min(rank, self.n_samples - 1)
        self.u, self.s, self.vt = u[:, :rank], s[:rank], vt[:rank]

        slack = 1.0 - np.sum(self.u**2, axis=1) - fit_intercept / self.n_samples
        slack[slack < 100 * eps * self.n_samples] = 0.0
        if rank + fit_intercept == self.n_samples:
            slack[:] = 0.0
        self.slack = slack

    def check_target(self, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return the centred target, of shape (n, q), and its mean."""
        y = check_array(y, "y", ndim=(1, 2))
        if len(y) != self.n_samples:
            raise ValueError(
                f"y must have the {self.n_samples} rows of X; got shape {y.shape}."
            )
        y = y.reshape(self.n_samples, -1)
        mean = y.mean(axis=0) if self.fit_intercept else np.zeros(y.shape[1])
        return y - mean, mean
