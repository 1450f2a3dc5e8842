"""Fine-tuning of all weights of a frozen model to two classes."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import check_labels, fit_context
from skhmmdd._typing import Array, Floats, SequencesLike
from skhmmdd.hmm.finetuning._logit_descent import LOGISTIC
from skhmmdd.hmm.finetuning._verbaliser import VerbaliserTuner


class HMMFineTuningClassifier(ClassifierMixin, VerbaliserTuner):
    r"""Fine-tune all weights of a frozen model to two classes, through two symbols.

    Each class has a label word: a symbol of the model's own alphabet. The probability
    of a class is that of its symbol after the sequence, given that one of the two
    comes; gradient descent on the cross-entropy moves all weights of the model. This is
    prompt-based fine-tuning in the few-shot setting [1]_.

    Parameters
    ----------
    hmm : CategoricalHMM
        The pretrained weights, frozen: they stay as they are.
    symbols : tuple of two ints
        The label words of `classes_[0]` and `classes_[1]`, two different symbols.
    n_steps : int, default=100
        Steps of gradient descent, in [0, inf). With 0 it predicts by the pretrained
        model as it is.
    learning_rate : float or "auto", default="auto"
        Step size, in (0, inf), for the gradient of the sum of weighted cross-entropies.
        "auto" is :math:`0.5 / \sigma_{\max}(W^{1/2} J)^2` of the pretrained model.
    early_stopping : bool, default=False
        Whether to hold out samples, and to keep the weights of the step at which their
        loss is least.
    validation_fraction : float, default=0.1
        Share of the samples that `early_stopping` holds out, in (0, 1), of each class.
    n_iter_no_change : int, default=5
        Steps without a lesser loss of the held-out samples that end the descent, in
        [1, inf).
    random_state : int, RandomState instance or None, default=None
        Draws the held-out samples. Without early stopping nothing is random.

    Attributes
    ----------
    classes_ : ndarray of shape (2,)
        Class labels, sorted: those of samples of positive weight.
    hmm_ : CategoricalHMM
        The fine-tuned weights.
    loss_curve_ : ndarray of shape (number of steps + 1,)
        Weighted mean cross-entropy, in nats, of the training samples before the first
        step and after each.
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
        If there are not two classes, or for what `HMMFineTuner` refuses.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If the descent raised the loss.

    See Also
    --------
    HMMFineTuner : Targets that are numbers.
    FisherScoreTransformer : The gradients at the pretrained weights, for a kernel head.
    HeadClassifier : A head on frozen features.

    References
    ----------
    .. [1] S. Malladi, A. Wettig, D. Yu, D. Chen and S. Arora, "A kernel-based view of
       language model fine-tuning", International Conference on Machine Learning, 2023.
       arXiv:2210.05643.

    Examples
    --------
    >>> from skhmmdd import HMMFineTuningClassifier, make_hmm
    >>> hmm = make_hmm(4, 6, random_state=0)
    >>> X, _ = hmm.sample(40, 8, random_state=0)
    >>> y = (X == 2).sum(axis=1) > 2
    >>> tuned = HMMFineTuningClassifier(hmm, symbols=(0, 1)).fit(X, y)
    >>> bool(tuned.loss_curve_[-1] < tuned.loss_curve_[0])
    True
    >>> tuned.predict_proba(X).shape
    (40, 2)
    """

    classes_: Array

    _loss = LOGISTIC

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
            Labels of two classes.
        sample_weight : array-like of shape (n_sequences,), default=None
            Non-negative weights of the cross-entropies. A sample of weight zero is as
            if absent; an integer weight is as if repeated.

        Returns
        -------
        self : HMMFineTuningClassifier
            With `hmm_` fine-tuned.
        """
        sequences = self._read(X, y)
        labels = check_labels(column_or_1d(y, warn=True), "y")
        check_consistent_length(sequences.lengths, labels)
        weights = self._check_weights(sample_weight, labels)
        self.classes_ = np.unique(labels[weights > 0])
        if len(self.classes_) != 2:
            raise ValueError(
                "Only binary classification is supported. y must hold two classes "
                "among the samples of positive weight, got "
                f"{len(self.classes_)} class(es): {self.classes_.tolist()!r:.80}."
            )
        targets = np.where(labels == self.classes_[0], 1.0, -1.0)
        return self._tune(sequences, targets, weights, strata=labels)

    def decision_function(self, X: SequencesLike) -> Floats:
        """Log-odds of the symbol of `classes_[1]` against that of `classes_[0]`.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences,)
            In nats; positive for `classes_[1]`.
        """
        check_is_fitted(self)
        return -self._log_odds(X, [self.hmm_])[0]

    def predict(self, X: SequencesLike) -> Array:
        """The class whose symbol is the likelier.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences,)
            Class labels.
        """
        log_odds = self.decision_function(X)
        return self.classes_[(log_odds > 0).astype(int)]

    def predict_proba(self, X: SequencesLike) -> Floats:
        """Probability of each class: of its symbol, given that one of the two comes.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences, as `fit` takes them.

        Returns
        -------
        ndarray of shape (n_sequences, 2)
            In the order of `classes_`.
        """
        log_odds = self.decision_function(X)
        return np.column_stack([expit(-log_odds), expit(log_odds)])

    def staged_predict(self, X: SequencesLike, n_steps: ArrayLike) -> Array:
        """Classes after several numbers of steps.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps) or list of arrays
            Sequences, as `fit` takes them.
        n_steps : array-like of int of shape (n_stages,)
            In [0, `n_steps_`], in any order.

        Returns
        -------
        ndarray of shape (n_stages, n_sequences)
            Class labels.
        """
        log_odds = self._log_odds(X, self._stages(n_steps))
        return self.classes_[(log_odds < 0).astype(int)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.poor_score = True
        return tags
