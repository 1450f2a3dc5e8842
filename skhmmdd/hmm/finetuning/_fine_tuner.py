"""Fine-tuning of all weights of a frozen model to targets."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import fit_context
from skhmmdd._typing import Floats, SequencesLike
from skhmmdd.hmm.finetuning._logit_descent import SQUARED
from skhmmdd.hmm.finetuning._verbaliser import VerbaliserTuner


class HMMFineTuner(RegressorMixin, VerbaliserTuner):
    r"""Fine-tune all weights of a frozen model to targets, through two of its symbols.

    Nothing is added to the model: it predicts by the log-odds of two of its own symbols
    after the sequence, the verbaliser head of prompt-based fine-tuning [1]_. A head
    that starts at zero would pass no gradient to the weights below it; this one does,
    so that gradient descent moves the start, the transitions and the emission alike. A
    linear head on `FisherScoreTransformer` is the same to first order.

    Parameters
    ----------
    hmm : CategoricalHMM
        The pretrained weights, frozen: they stay as they are.
    symbols : tuple of two ints
        Two different symbols a and b of its alphabet.
    n_steps : int, default=100
        Steps of gradient descent, in [0, inf). With 0 it predicts by the pretrained
        model as it is.
    learning_rate : float or "auto", default="auto"
        Step size, in (0, inf), for the gradient of half the sum of weighted squared
        errors. "auto" is :math:`0.5 / \sigma_{\max}(W^{1/2} J)^2` of the pretrained
        model, a quarter of the largest rate that is stable there.
    early_stopping : bool, default=False
        Whether to hold out samples, and to keep the weights of the step at which their
        loss is least.
    validation_fraction : float, default=0.1
        Share of the samples that `early_stopping` holds out, in (0, 1).
    n_iter_no_change : int, default=5
        Steps without a lesser loss of the held-out samples that end the descent, in
        [1, inf).
    random_state : int, RandomState instance or None, default=None
        Draws the held-out samples. Without early stopping nothing is random.

    Attributes
    ----------
    hmm_ : CategoricalHMM
        The fine-tuned weights.
    loss_curve_ : ndarray of shape (number of steps + 1,)
        Weighted mean squared error of the training samples before the first step and
        after each.
    validation_losses_ : ndarray of shape (number of steps + 1,)
        That of the held-out samples. Only with `early_stopping`.
    learning_rate_ : float
        The step size used.
    n_steps_ : int
        Steps that led to `hmm_`.
    n_features_in_ : int
        Columns of a table seen in `fit`. Not set for a list of sequences.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `fit` saw a table with names that are all strings.

    Raises
    ------
    TypeError
        If `hmm` is no `CategoricalHMM`.
    ValueError
        If `symbols` are not two different symbols of the alphabet, a sequence is
        impossible under the model or cannot be followed by one of them, or
        `learning_rate` is so large that weights or losses are no numbers any more.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the descent raised the loss.

    See Also
    --------
    HMMFineTuningClassifier : For two classes.
    FisherScoreTransformer : The gradients at the pretrained weights, for a kernel head.
    HeadRegressor : A head on frozen features.

    Notes
    -----
    The model predicts :math:`f(x) = \log p(a | x) - \log p(b | x)`. A step moves the
    logits of all probabilities by :math:`-\eta J' W (f - y)`, with the rows of J the
    gradients of f, computed anew at every step. With J kept at its first value the same
    steps are those of the kernel :math:`J J'`, and the two part in second order: if
    labels are off the pretrained f by c, their predictions differ by a share of about c
    of what is learned. A probability of zero stays zero.

    The weights of all steps are kept, for `staged_predict`.

    References
    ----------
    .. [1] S. Malladi, A. Wettig, D. Yu, D. Chen and S. Arora, "A kernel-based view of
       language model fine-tuning", International Conference on Machine Learning, 2023.
       arXiv:2210.05643.

    Examples
    --------
    >>> from skhmmdd import HMMFineTuner, make_hmm
    >>> hmm = make_hmm(4, 6, random_state=0)
    >>> X, _ = hmm.sample(40, 8, random_state=0)
    >>> y = (X == 2).sum(axis=1) - 1.0
    >>> tuned = HMMFineTuner(hmm, symbols=(0, 1)).fit(X, y)
    >>> tuned.hmm_
    CategoricalHMM(n_states=4, n_symbols=6)
    >>> bool(tuned.loss_curve_[-1] < tuned.loss_curve_[0])
    True
    """

    _loss = SQUARED

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: SequencesLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fine-tune.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences of symbols. Trailing -1 (NaN) is padding, an inner one missing.
        y : array-like of shape (n_sequences,)
            Targets of the log-odds.
        sample_weight : array-like of shape (n_sequences,), default=None
            Non-negative weights of the squared errors. A sample of weight zero is as if
            absent; an integer weight is as if repeated.

        Returns
        -------
        self : HMMFineTuner
            With `hmm_` fine-tuned.
        """
        sequences = self._read(X, y)
        targets = _check_targets(y)
        check_consistent_length(sequences.lengths, targets)
        weights = self._check_weights(sample_weight, targets)
        return self._tune(sequences, targets, weights)

    def predict(self, X: SequencesLike) -> Floats:
        """Log-odds of the two symbols after each sequence.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences,)
            In nats.
        """
        check_is_fitted(self)
        return self._log_odds(X, [self.hmm_])[0]

    def staged_predict(self, X: SequencesLike, n_steps: ArrayLike) -> Floats:
        """Predictions after several numbers of steps.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences, as `fit` takes them.
        n_steps : array-like of int of shape (n_stages,)
            In [0, `n_steps_`], in any order.

        Returns
        -------
        ndarray of shape (n_stages, n_sequences)
            In nats.
        """
        return self._log_odds(X, self._stages(n_steps))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # It reads sequences of symbols, and predicts as its model does.
        tags.regressor_tags.poor_score = True
        return tags


def _check_targets(y: ArrayLike) -> Floats:
    """Finite targets of one dimension."""
    targets = column_or_1d(y, warn=True)
    if targets.dtype.kind == "c":
        raise ValueError("Complex data not supported: y has it.")
    targets = targets.astype(np.float64)
    assert_all_finite(targets, input_name="y")
    return targets
