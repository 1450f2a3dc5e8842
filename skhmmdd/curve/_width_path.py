"""The risk of the head at every width of nested features, for the price of one fit."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import linalg
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval

from skhmmdd._base import validate_params
from skhmmdd._parallel import single_blas_thread
from skhmmdd._repr import short_repr
from skhmmdd._typing import Floats, Ints
from skhmmdd.heads._validation import check_alpha, check_design, check_targets
from skhmmdd.heads.solvers._nested_factorizations import (
    TRUSTED_CONDITION,
    nested_blocks,
)
from skhmmdd.heads.solvers._spectrum import decompose, on_contrasts, shrink
from skhmmdd.theory import EffectiveParameters

# Unit vectors walked at a time: bounds the predictions that are held.
_UNITS = 32
# Of a penalty beside a design near one: its square is 1e30 times beyond rounding.
_LARGEST_ROOT = 1e23


class WidthPath(NamedTuple):
    """The head at several widths of nested features.

    Attributes
    ----------
    widths : ndarray of int of shape (n_widths,)
        Numbers of leading columns, increasing.
    train_risk : ndarray of shape (n_widths,)
        Mean squared error on the training rows, over rows and outputs.
    test_risk : ndarray of shape (n_widths,) or None
        The same on the test rows; None without test targets.
    coef_norm : ndarray of shape (n_widths,)
        Euclidean (Frobenius) norm of the head's coefficients.
    train_predictions : ndarray of shape (n_widths, n_samples[, n_outputs]) or None
        None unless asked for.
    predictions : ndarray of shape (n_widths, n_test[, n_outputs]) or None
        On the test rows; None unless asked for.
    effective_parameters : EffectiveParameters or None
        Of the head on the training rows (`train`) and on the test rows (`test`), each
        of shape (n_widths,), as in `theory.effective_parameters`; None unless asked
        for.
    """

    widths: Ints
    train_risk: Floats
    test_risk: Floats | None
    coef_norm: Floats
    train_predictions: Floats | None
    predictions: Floats | None
    effective_parameters: EffectiveParameters | None

    def __repr__(self) -> str:
        return short_repr(self)


@validate_params(
    {
        "X": "no_validation",
        "y": "no_validation",
        "X_test": "no_validation",
        "y_test": "no_validation",
        "widths": ["array-like", None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "rcond": [None, Interval(Real, 0, 1, closed="left")],
        "return_predictions": ["boolean"],
        "return_effective_parameters": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def width_path(
    X: ArrayLike,
    y: ArrayLike,
    X_test: ArrayLike | None = None,
    y_test: ArrayLike | None = None,
    *,
    widths: ArrayLike | None = None,
    alpha: float = 0.0,
    fit_intercept: bool = True,
    rcond: float | None = None,
    return_predictions: bool = False,
    return_effective_parameters: bool = False,
) -> WidthPath:
    r"""The minimum-norm or ridge head at every width of nested features.

    The head of width k is trained on the first k columns of `X`. All widths come out of
    shared factorizations: about the price of one fit at full width, where refitting
    would cost one fit each.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Nested features: the leading columns are the narrower design.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Targets.
    X_test : array-like of shape (n_test, n_features), default=None
        Rows to predict.
    y_test : array-like of shape (n_test,) or (n_test, n_outputs), default=None
        Their targets; None gives no test risk.
    widths : array-like of int, default=None
        Widths wanted, each in [1, n_features]; None is all of them.
    alpha : float, default=0.0
        0 is the minimum-norm head, above it ridge; in [0, inf). One value, not scaled
        by the number of samples.
    fit_intercept : bool, default=True
        Whether the head has an unpenalised intercept.
    rcond : float, default=None
        As in `HeadRegressor`: singular values up to `rcond` times the largest count as
        zero, in [0, 1). None is max(n_samples, width) times the float64 epsilon.
    return_predictions : bool, default=False
        Whether to keep the predictions of every width.
    return_effective_parameters : bool, default=False
        Whether to count effective parameters, which takes the time of n_samples more
        outputs.

    Returns
    -------
    WidthPath
        A named tuple: `widths`, `train_risk`, `test_risk`, `coef_norm`,
        `train_predictions`, `predictions`, `effective_parameters`.

    Raises
    ------
    ValueError
        If an argument is out of its range, holds NaN or infinity, or lengths disagree.
        The largest absolute value must be 0 or in [1e-200, 1e200] for `X` and in
        [1e-100, 1e100] for `y`.

    See Also
    --------
    HeadRegressor : The head at one width.
    DoubleDescentCurve : Uses the path where it gives the same numbers.

    Notes
    -----
    For p ≤ n (n − 1 with an intercept) the predictions at width p are the sum of the
    first p columns of :math:`X_{test} R^{-1}` weighted by :math:`Q'y`, with
    :math:`QR = X`; beyond, blocks of columns update an LQ factorization. Where a width
    is so ill-conditioned that its rank might be in doubt (a bound on the condition
    number above 1e10, or above 1 / `rcond`), it is solved by singular values, as
    `HeadRegressor` would. The construction is ours.

    At alpha = 0 the test risk peaks where the width meets the number of samples (less
    one for the intercept). Always computed in double precision, on one thread.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import width_path
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((540, 200))
    >>> y = X[:, :5].sum(axis=1) + rng.standard_normal(540)
    >>> path = width_path(X[:40], y[:40], X[40:], y[40:])
    >>> int(path.widths[path.test_risk.argmax()])
    39
    >>> path.test_risk[[4, 38, 199]].round(1)
    array([  1. , 241.1,   5. ])
    """
    X, y = check_design(X), check_targets(y)
    check_consistent_length(X, y)
    alpha = check_alpha(alpha)
    widths = check_widths(widths, X.shape[1])
    if X_test is None:
        if y_test is not None:
            raise ValueError("y_test was given without X_test.")
        X_test = np.empty((0, X.shape[1]))
    else:
        X_test = check_design(X_test, "X_test", low=0.0)
        if X_test.shape[1] != X.shape[1]:
            raise ValueError(
                f"X_test has {X_test.shape[1]} columns, but X has {X.shape[1]}."
            )
    shape = y.shape[1:]
    targets = [y.reshape(len(y), -1), None]
    if y_test is not None:
        y_test = check_targets(y_test, "y_test", low=0.0)
        check_consistent_length(X_test, y_test)
        if y_test.shape[1:] != shape:
            raise ValueError(
                f"y_test has shape {y_test.shape}, but y has shape {y.shape}."
            )
        targets[1] = y_test.reshape(len(y_test), -1)
    X, X_test, penalty, norm_scale = _rescale(X, X_test, alpha)
    # Where a bound on a condition number overflows, a width is solved by itself.
    with single_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        risks, norms, kept = _walk(
            X,
            targets,
            X_test,
            widths,
            penalty,
            fit_intercept,
            rcond,
            return_predictions,
        )
        norms *= norm_scale
        effective = None
        if return_effective_parameters:
            effective = _count_parameters(
                X, X_test, widths, penalty, fit_intercept, rcond
            )
    _refuse_overflow(widths, risks, kept)
    train, test = (None if k is None else k.reshape(*k.shape[:2], *shape) for k in kept)
    return WidthPath(widths, risks[0], risks[1], norms, train, test, effective)


def _refuse_overflow(widths, risks, predictions):
    """A risk may be infinite, what a head predicts may not."""
    lost = np.zeros(len(widths), dtype=bool)
    for risk, values in zip(risks, predictions, strict=True):
        if risk is not None:
            lost |= np.isnan(risk)
        if values is not None:
            lost |= ~np.isfinite(values).all(axis=(1, 2))
    if lost.any():
        raise ValueError(
            f"The predictions exceed the largest float at width {widths[lost][0]}: "
            "rescale X_test, or X."
        )


def _rescale(X, X_test, alpha):
    """The same path on designs near one, whose squares neither overflow nor vanish.

    Returns them, their penalty, and what takes the norm of their heads to that of the
    heads asked for.
    """
    largest = max(X.max(), -X.min())
    exponent = np.frexp(largest)[1] if largest else 0
    with np.errstate(over="ignore"):
        X, X_test = np.ldexp(X, -exponent), np.ldexp(X_test, -exponent)
        root = np.ldexp(np.sqrt(alpha), -exponent)
    # A penalty far beyond the design makes heads that shrink as its inverse.
    kept = min(root, _LARGEST_ROOT)
    shrinkage = (kept / root) ** 2 if root else 1.0
    return X, X_test, kept**2, np.ldexp(shrinkage, -exponent)


def check_widths(widths: ArrayLike | None, n_features: int) -> Ints:
    """Widths as increasing integers, all in [1, n_features]."""
    if widths is None:
        return np.arange(1, n_features + 1)
    try:
        widths = np.unique(np.asarray(widths))
    except ValueError:  # ragged
        raise ValueError(f"widths must be integers, got {widths!r}.") from None
    if (
        widths.ndim != 1
        or not len(widths)
        or not np.issubdtype(widths.dtype, np.integer)
    ):
        raise ValueError(f"widths must be integers, got {widths!r}.")
    if widths[0] < 1 or widths[-1] > n_features:
        raise ValueError(
            f"widths must be in [1, {n_features}], the columns of X; got "
            f"{widths[0]} to {widths[-1]}."
        )
    return widths


def _walk(X, targets, X_test, widths, alpha, fit_intercept, rcond, keep):
    """Risks on train and test rows, norms, and kept predictions, at `widths`."""
    n, n_outputs = targets[0].shape
    X, X_test = X[:, : widths[-1]], X_test[:, : widths[-1]]
    design, response, x_mean, y_mean = on_contrasts(X, targets[0], fit_intercept)
    # A column that is zero moves nothing; without it its neighbours stay independent.
    live = design.any(axis=0)
    ranks = np.cumsum(live)[widths - 1]
    # What the head says of training rows is needed where their risk does not come
    # with the factors.
    n_train = n if keep or alpha else 0
    rows = np.vstack([X[:n_train], X_test]) - x_mean
    risks = [None if t is None else np.zeros(len(widths)) for t in targets]
    kept = [
        np.empty((len(widths), m, n_outputs)) if keep else None
        for m in (n, len(X_test))
    ]
    norms = np.empty(len(widths))

    def enter(part, which, predictions, output):
        """Note predictions (n_widths, n_rows) of one output, on train or test rows."""
        target, risk, store = targets[part], risks[part], kept[part]
        if risk is not None:
            errors = predictions - target[:, output]
            risk[which] += np.einsum("wi,wi->w", errors, errors) / target.size
        if store is not None:
            store[which, :, output] = predictions

    def enter_width(i, coef):
        """Note the head of one width, given by itself."""
        norms[i] = linalg.norm(coef.ravel())
        for part, predictors in enumerate((X, X_test)):
            predictions = (predictors[:, : len(coef)] - x_mean[: len(coef)]) @ coef
            for output, column in enumerate((predictions + y_mean).T):
                enter(part, [i], column[None], output)

    for i in np.flatnonzero(ranks == 0):
        enter_width(i, np.zeros((0, n_outputs)))
    limit = _condition_limit(rcond, alpha)
    for block in nested_blocks(
        design[:, live], response, rows[:, live], n_train, alpha, limit
    ):
        last = block.first + len(block.steps)
        which = np.flatnonzero((ranks >= block.first) & (ranks < last))
        if not len(which):
            continue
        offsets = ranks[which] - block.first
        sound = block.condition[offsets] < limit
        good, offsets = which[sound], offsets[sound]
        norms[good] = np.sqrt(np.maximum(block.coef_sq[offsets].sum(axis=1), 0.0))
        for output in range(n_outputs if len(good) else 0):
            predictions = block.predictions(output)[offsets] + y_mean[output]
            if block.interpolates:
                trained = np.tile(targets[0][:, output], (len(good), 1))
            else:
                trained, predictions = np.hsplit(predictions, [n_train])
            if n_train:
                enter(0, good, trained, output)
            enter(1, good, predictions, output)
        if block.missed_sq is not None:
            risks[0][good] = block.missed_sq[offsets].sum(axis=1) / targets[0].size
        for i in which[~sound]:
            spectrum = decompose(
                X[:, : widths[i]], targets[0], fit_intercept=fit_intercept, rcond=rcond
            )
            enter_width(i, shrink(spectrum, alpha).coef)
    return risks, norms, kept


def _count_parameters(X, X_test, widths, alpha, fit_intercept, rcond):
    """n times the mean squared norm of the smoother's rows, at every width.

    Column i of the smoother is what the head predicts when target i is one and the rest
    are zero, so the unit vectors are walked like any other targets, some at a time.
    """
    n = len(X)
    totals = np.zeros((2, len(widths)))
    for start in range(0, n, _UNITS):
        units = np.eye(n)[:, start : start + _UNITS]
        _, _, kept = _walk(
            X, [units, None], X_test, widths, alpha, fit_intercept, rcond, True
        )
        totals += [(predictions**2).sum(axis=(1, 2)) for predictions in kept]
    train, test = totals
    return EffectiveParameters(train, test * n / max(len(X_test), 1))


def _condition_limit(rcond, alpha):
    """Up to which bound on the condition number no singular value can be cut off."""
    if rcond is None:
        return TRUSTED_CONDITION
    if alpha:
        # The bound is for the penalised design, the cut-off is on the bare one.
        return 0.0
    return min(TRUSTED_CONDITION, 1 / rcond) if rcond else TRUSTED_CONDITION
