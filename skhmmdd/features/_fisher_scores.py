"""Gradients of the log-likelihood in all weights of a frozen model, as features."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skhmmdd._base import fit_context
from skhmmdd._parallel import map_jobs
from skhmmdd._typing import Floats, Names, RandomState, SequencesLike
from skhmmdd.features._model_transformer import ModelTransformer
from skhmmdd.features._shared_model import check_finite
from skhmmdd.hmm.finetuning._fisher import (
    append_both,
    check_family,
    check_symbols,
    fisher_scores,
    log_odds_scores,
    parameter_names,
    score_blocks,
)
from skhmmdd.hmm.sequences._blocks import Piece


class FisherScoreTransformer(ModelTransformer):
    r"""Gradients of the log-likelihood of each sequence in the weights of a model.

    One sequence becomes one row: the direction in which all the weights of the frozen
    model would have to move to make that sequence more likely. With `symbols` the row
    is the gradient of the log-odds of two symbols after the sequence instead. A linear
    head on those rows is the model fine-tuned to first order, and their inner products
    are the empirical neural tangent kernel [2]_.

    Parameters
    ----------
    hmm : frozen weights, fitted model or unfitted BaumWelch, default=None
        `CategoricalHMM`, `GaussianHMM`, `GaussianMixtureHMM`, `PoissonHMM` or a fitted
        model of one of these kinds that `as_hmm` takes: frozen. An unfitted
        `BaumWelch`: a clone of it is pretrained on what `fit` sees. None is
        `BaumWelch()`.
    symbols : tuple of two ints, default=None
        Two different symbols a and b of a `CategoricalHMM`: a row is the score of the
        sequence with a after its last step less that with b. None gives the score of
        the sequence itself.
    pooling : {"sum", "mean"}, default="sum"
        "sum" is the gradient, a sum over steps; "mean" divides it by the number of
        steps of the sequence that are observed.
    n_jobs : int, default=None
        Workers over batches of `transform`: threads, unless a
        :func:`joblib.parallel_config` names others. The features do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Draws the starts of pretraining, if the `BaumWelch` leaves its own at None.
        Nothing else is random.

    Attributes
    ----------
    hmm_ : frozen weights
        The model in use; the very object passed in if that was frozen.
    n_features_in_ : int
        Columns of a table seen in `fit`; features of a step for a 3-D array. Not set
        for a list of sequences.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `fit` saw a table with names that are all strings.

    Raises
    ------
    ValueError
        If `symbols` are not two different symbols of a `CategoricalHMM`, a sequence is
        empty or impossible under the model, or a gradient exceeds the largest float.
    TypeError
        If `hmm` is none of the above.

    See Also
    --------
    HMMFineTuner : The same steps with the gradients computed anew at each.
    HMMFeatureTransformer : Beliefs of the frozen model.
    HeadRegressor : The exact head on top.

    Notes
    -----
    The parameters are unconstrained: the logits of the distribution of the first state,
    of the rows of the transition matrix and of those of the emission. By Fisher's
    identity the gradient is a matter of expected counts of the hidden path given the
    sequence [1]_,

    .. math:: \gamma_1(i) - \pi_i, \qquad
              \sum_t \xi_t(i, j) - A_{ij} \sum_{t, m} \xi_t(i, m), \qquad
              \sum_{t: x_t = v} \gamma_t(k) - B_{kv} \sum_t \gamma_t(k),

    so no automatic differentiation is needed. Each of these rows sums to zero: their
    rank is at most the number of free parameters. A probability of zero is a logit of
    minus infinity, and the gradient in its direction is zero.

    Other emissions have, for each state, their means and log-variances
    (`GaussianHMM` with diagonal covariances); means and the lower triangle of the
    Cholesky factor of the covariance, its diagonal as a logarithm (full covariances);
    logits of the weights, means and log-variances of the components
    (`GaussianMixtureHMM`); logarithms of the rates (`PoissonHMM`). Missing
    observations, or features of one, add nothing.

    Columns are as many as there are parameters: the result has n_sequences times that
    many numbers, and the working memory beside it is bounded.

    References
    ----------
    .. [1] T. Jaakkola and D. Haussler, "Exploiting generative models in discriminative
       classifiers", Advances in Neural Information Processing Systems 11, 1998.
    .. [2] S. Malladi, A. Wettig, D. Yu, D. Chen and S. Arora, "A kernel-based view of
       language model fine-tuning", International Conference on Machine Learning, 2023.
       arXiv:2210.05643.

    Examples
    --------
    >>> from skhmmdd import CategoricalHMM, FisherScoreTransformer
    >>> hmm = CategoricalHMM(
    ...     [0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.1, 0.9], [0.8, 0.2]]
    ... )
    >>> scores = FisherScoreTransformer(hmm).set_output(transform="pandas")
    >>> rows = scores.fit_transform([[1, 1, 0, 1], [0, 0]])
    >>> rows[["start[0]", "transition[0,1]", "emission[0,0]"]].round(3)
       start[0]  transition[0,1]  emission[0,0]
    0     0.366            0.103          0.014
    1    -0.438            0.029          0.111
    """

    _parameter_constraints = {  # noqa: RUF012
        "hmm": "no_validation",
        "symbols": "no_validation",
        "pooling": [StrOptions({"sum", "mean"})],
        "n_jobs": [None, Integral],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hmm: Any = None,
        *,
        symbols: tuple[int, int] | None = None,
        pooling: Literal["sum", "mean"] = "sum",
        n_jobs: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.hmm = hmm
        self.symbols = symbols
        self.pooling = pooling
        self.n_jobs = n_jobs
        self.random_state = random_state

    # `hmm` may be an unfitted estimator, to be cloned: its parameters are checked by
    # its own fit.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: SequencesLike, y: object = None, **fit_params: Any) -> Self:
        """Check the sequences; pretrain, if `hmm` is an unfitted `BaumWelch`.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences. Trailing -1 (NaN) is padding, an inner one missing.
        y : None
            Ignored.
        **fit_params
            What `BaumWelch.fit` takes, such as `sample_weight`, where `hmm` is
            pretrained. Under scikit-learn's metadata routing it gets what it asks for:
            ``BaumWelch().set_fit_request(sample_weight=True)``; and nothing, if `hmm`
            is None.

        Returns
        -------
        self : FisherScoreTransformer
            Ready to transform.
        """
        self._fit_model(X, fit_params, self.random_state)
        check_family(self.hmm_)
        if self.symbols is not None:
            check_symbols(self.symbols, self.hmm_)
        self._n_features_out = len(parameter_names(self.hmm_))
        return self

    def transform(self, X: SequencesLike) -> Floats:
        """One row of gradients for each sequence.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences, n_parameters)
            Start, transitions and emission, in the order of `get_feature_names_out`. A
            DataFrame under `set_output`.
        """
        sequences = self._sequences(X)
        symbols = self.symbols
        if symbols is not None:
            symbols = check_symbols(symbols, self.hmm_)
        out = np.empty((len(sequences), self._n_features_out))
        blocks = score_blocks(sequences, self.hmm_.n_states, out.shape[1])
        pieces = (Piece(sequences, index) for index in blocks)
        shared = self.hmm_, symbols, self.pooling
        found = map_jobs(_pooled_scores, pieces, *shared, n_jobs=self.n_jobs)
        for index, scores in zip(blocks, found, strict=True):
            out[index] = scores
        return out

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Names:
        """Names of the parameters, such as "transition[0,1]".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only held to the names of the columns that `fit` saw.

        Returns
        -------
        ndarray of str of shape (n_parameters,)
            In the order of the columns.
        """
        check_is_fitted(self, "_n_features_out")
        _check_feature_names_in(self, input_features, generate_names=False)
        return np.array(parameter_names(self.hmm_), dtype=object)


def _pooled_scores(piece, hmm, symbols, pooling):
    """The scores of a few sequences."""
    block = piece.block
    with np.errstate(over="ignore", invalid="ignore"):
        if symbols is None:
            scores, _ = fisher_scores(hmm, block)
        else:
            scores, _ = log_odds_scores(hmm, append_both(block, symbols))
        if pooling == "mean":
            scores /= _n_observed(block)[:, None]
    check_finite(scores)
    return scores


def _n_observed(block):
    """How many steps of each sequence are observed, at least in part."""
    values = block.values
    seen = ~np.isnan(values).all(axis=2) if values.ndim == 3 else values >= 0
    seen &= np.arange(len(values))[:, None] < block.lengths
    return seen.sum(axis=0)
