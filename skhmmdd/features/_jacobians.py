"""Jacobians of a readout at given points, without the array that holds them."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from skhmmdd._typing import Array, Floats
from skhmmdd.features._readout import Readout


class ReadoutJacobians:
    r"""How the columns of a readout change with the representation that it maps.

    Made by :meth:`HMMFeatureTransformer.readout_jacobians`. At a point u the Jacobian
    of the columns :math:`\phi(w_j'u + c_j)` is diag(slopes) W', with the directions
    :math:`w_j` as the columns of W: so slopes and directions are kept, and no array of
    shape (n, p, d).

    Parameters
    ----------
    inputs : ndarray of shape (n, d)
        The points u.

    readout : Readout
        The map.

    Attributes
    ----------
    inputs : ndarray of shape (n, d)
        The points.

    slopes : ndarray of shape (n, p)
        The derivative of :math:`\phi` at every point and column: for "relu" 1 where the
        column is positive and 0 elsewhere, also at its kink.

    directions : ndarray of shape (d, p)
        W; for readouts that map nothing, unit vectors.

    operator_norm : float
        Lipschitz constant of the readout: the largest singular value of W, times the
        largest slope there can be, 1 or :math:`\sqrt 2` for "fourier".

    shape : tuple of (int, int, int)
        (n, p, d).

    See Also
    --------
    lipschitz_bounds : What a head makes of them.

    Examples
    --------
    >>> from skhmmdd import CategoricalHMM, HMMFeatureTransformer
    >>> hmm = CategoricalHMM(
    ...     [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]]
    ... )
    >>> X = [[1, 1, 0, 1], [0, 0, 1, 1]]
    >>> features = HMMFeatureTransformer(hmm, 500, random_state=0).fit(X)
    >>> jacobians = features.readout_jacobians(X)
    >>> jacobians.shape, jacobians.leading(20).shape
    ((2, 500, 2), (2, 20, 2))
    """

    inputs: Array

    def __init__(self, inputs: Array, readout: Readout) -> None:
        self.inputs = inputs
        self._readout = readout

    @cached_property
    def slopes(self) -> Array:
        """The derivative at every point and column, shape (n, p)."""
        return self._readout.slopes(self.inputs)

    @cached_property
    def directions(self) -> Floats:
        """The directions as columns, shape (d, p)."""
        directions = self._readout.directions
        if directions is None:
            width = self.inputs.shape[1]
            return np.eye(width)[:, : self._readout.n_components]
        return directions.astype(np.float64, copy=False)

    @cached_property
    def operator_norm(self) -> float:
        """Lipschitz constant of the readout."""
        return float(self.operator_norms([self.shape[1]])[0])

    def operator_norms(self, widths: ArrayLike) -> Floats:
        """Lipschitz constants of the leading columns.

        Parameters
        ----------
        widths : array-like of int of shape (n_widths,)
            Numbers of columns, each in [1, p].

        Returns
        -------
        ndarray of shape (n_widths,)
            Largest singular values of the directions, times the largest slope.
        """
        directions, steepest = self.directions, self._readout.steepest
        found = []
        for width in np.asarray(widths):
            leading = directions[:, : _check_width(width, self.shape[1])]
            # The smaller Gram matrix has the same largest eigenvalue; the square root
            # of that one is exact to rounding.
            if leading.shape[1] < len(leading):
                leading = leading.T
            found.append(np.sqrt(np.linalg.eigvalsh(leading @ leading.T)[-1]))
        return steepest * np.array(found)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n, p, d): points, columns, width of the representation."""
        return (len(self.inputs), self.directions.shape[1], self.inputs.shape[1])

    def __len__(self) -> int:
        return len(self.inputs)

    def __call__(self, coef: ArrayLike) -> Floats:
        """Products of coefficients with the Jacobians: the slopes of a head.

        Parameters
        ----------
        coef : array-like of shape (k,) or (q, k)
            Coefficients of the k leading columns, in [1, p].

        Returns
        -------
        ndarray of shape (n, q, d)
            The gradients of the q outputs of the head at every point; q = 1 for one
            vector.
        """
        coef = np.atleast_2d(np.asarray(coef, dtype=np.float64))
        width = _check_width(coef.shape[1], self.shape[1])
        leading, slopes = self.directions[:, :width].T, self.slopes[:, :width]
        return np.stack([(slopes * row) @ leading for row in coef], axis=1)

    def leading(self, n_components: int) -> ReadoutJacobians:
        """Those of the leading columns.

        Parameters
        ----------
        n_components : int
            Number of columns, in [1, p].

        Returns
        -------
        ReadoutJacobians
            Of the readout of that width.
        """
        width = _check_width(n_components, self.shape[1])
        return ReadoutJacobians(self.inputs, self._readout._replace(n_components=width))

    def take(self, rows: ArrayLike) -> ReadoutJacobians:
        """Those at some of the points.

        Parameters
        ----------
        rows : array-like
            Indices, or a mask, of points.

        Returns
        -------
        ReadoutJacobians
            In the order of `rows`.
        """
        return ReadoutJacobians(self.inputs[np.asarray(rows)], self._readout)

    def to_array(self) -> Floats:
        """All of them as one array.

        Returns
        -------
        ndarray of shape (n, p, d)
            The derivative of column j by coordinate k of the representation, at [:, j,
            k]. Large: 8npd bytes.
        """
        return self.slopes[:, :, None] * self.directions.T


def _check_width(width, most):
    if not 1 <= width <= most:
        raise ValueError(f"A readout of {most} columns has no {width} leading ones.")
    return int(width)
