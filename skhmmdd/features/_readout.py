r"""Nested random maps from a representation to columns.

Column j of a map depends on the seed and on j alone, so the first k columns at width
K are the columns at width k: a wider map is the same map, larger.
"""

from typing import Literal, NamedTuple, TypeAlias, get_args

import numpy as np
from sklearn.utils import check_random_state

ReadoutName: TypeAlias = Literal["relu", "fourier", "linear", "identity"]
READOUTS = get_args(ReadoutName)

# Matrix products round differently for different widths; in panels of one width the
# columns that two maps share are the same to the last bit.
_PANEL = 128


class Readout(NamedTuple):
    r"""A map of values u, shape (n, n_inputs), to columns.

    .. math:: \max(0, w_j'u + c_j), \qquad \sqrt 2 \cos(w_j'u + c_j), \qquad w_j'u,
              \qquad u_j

    for "relu", "fourier", "linear" and "identity". The arrays are padded to whole
    panels; `directions` and `offsets` are the part in use.
    """

    kind: str
    n_components: int | None
    weights: np.ndarray | None
    shifts: np.ndarray | None

    @property
    def directions(self):
        return None if self.weights is None else self.weights[:, : self.n_components]

    @property
    def offsets(self):
        return None if self.shifts is None else self.shifts[: self.n_components]

    @property
    def steepest(self):
        """The largest derivative that a column can have along its direction."""
        return np.sqrt(2) if self.kind == "fourier" else 1.0

    def __call__(self, values):
        """The columns, shape (n, n_components)."""
        if self.weights is None:
            return values[:, : self.n_components]
        out = self._projections(values)
        if self.kind == "relu":
            np.maximum(out, 0, out=out)
        elif self.kind == "fourier":
            np.cos(out, out=out)
            out *= np.sqrt(2, dtype=out.dtype)
        return out[:, : self.n_components]

    def slopes(self, values):
        """Derivatives of the columns along their directions, (n, n_components)."""
        if self.kind in ("linear", "identity"):
            n_columns = values.shape[1] if self.weights is None else None
            return np.ones((len(values), self.n_components or n_columns))
        out = self._projections(values)[:, : self.n_components]
        return out > 0 if self.kind == "relu" else -np.sqrt(2) * np.sin(out)

    def _projections(self, values):
        """The w_j'u + c_j of all panels."""
        n_columns = self.weights.shape[1]
        out = np.empty((len(values), n_columns), self.weights.dtype)
        for a in range(0, n_columns, _PANEL):
            panel = out[:, a : a + _PANEL]
            np.matmul(values, self.weights[:, a : a + _PANEL], out=panel)
        out += self.shifts
        return out


IDENTITY = Readout("identity", None, None, None)


def draw_readout(kind, n_inputs, n_components, random_state, dtype):
    """Draw a map.

    Directions have independent standard normal entries; offsets are standard normal for
    "relu", uniform phases for "fourier", zero for "linear".
    """
    if kind == "identity":
        return IDENTITY._replace(n_components=n_components)
    rng = check_random_state(random_state)
    # Two streams: how many directions are drawn must not move the offsets.
    seeds = rng.randint(np.iinfo(np.int32).max, size=2)
    directions, offsets = map(np.random.RandomState, seeds)
    padded = -(-n_components // _PANEL) * _PANEL
    weights = directions.standard_normal((padded, n_inputs))
    if kind == "relu":
        shifts = offsets.standard_normal(padded)
    elif kind == "fourier":
        shifts = offsets.uniform(0, 2 * np.pi, padded)
    else:
        shifts = np.zeros(padded)
    weights = np.ascontiguousarray(weights.T, dtype)
    return Readout(kind, n_components, weights, shifts.astype(dtype))
