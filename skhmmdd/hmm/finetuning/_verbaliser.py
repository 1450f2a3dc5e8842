"""What both fine-tuners share: the descent, and the log-odds that they predict by."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import ClassVar, Literal

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from skhmmdd._base import (
    SkhmmddEstimator,
    check_sequence_table,
    forget,
    refuse_bool,
    refuse_weights,
    require_targets,
)
from skhmmdd._parallel import single_blas_thread
from skhmmdd._typing import Floats, Names, RandomState
from skhmmdd.hmm.finetuning._fisher import append_both, check_family, check_symbols
from skhmmdd.hmm.finetuning._logit_descent import (
    Loss,
    Samples,
    descend,
    log_odds_of,
)
from skhmmdd.hmm.inference._recursions import block_rows
from skhmmdd.hmm.models._categorical import CategoricalHMM

# What may be multiplied by squares of gradients, and divided by them.
_WEIGHT_RANGE = 1e-100, 1e100


class VerbaliserTuner(SkhmmddEstimator):
    """Parameters, fitted attributes and log-odds of the fine-tuners."""

    hmm_: CategoricalHMM
    loss_curve_: Floats
    validation_losses_: Floats
    learning_rate_: float
    n_steps_: int
    n_features_in_: int
    feature_names_in_: Names

    _loss: ClassVar[Loss]

    _parameter_constraints = {  # noqa: RUF012
        "hmm": "no_validation",
        "symbols": "no_validation",
        "n_steps": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [
            StrOptions({"auto"}),
            Interval(Real, 0, None, closed="neither"),
        ],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        hmm: CategoricalHMM,
        symbols: tuple[int, int],
        *,
        n_steps: int = 100,
        learning_rate: float | Literal["auto"] = "auto",
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        random_state: RandomState = None,
    ) -> None:
        self.hmm = hmm
        self.symbols = symbols
        self.n_steps = n_steps
        self.learning_rate = learning_rate
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state

    def _sequences(self, X, hmm, reset):
        return hmm._read(check_sequence_table(self, X, reset=reset))

    def _read(self, X, y):
        """Sequences of X; checks what a fit is given before targets are looked at."""
        for name in ("n_steps", "n_iter_no_change"):
            refuse_bool(getattr(self, name), name)
        check_family(self.hmm, CategoricalHMM)
        self._symbols = check_symbols(self.symbols, self.hmm)
        require_targets(self, y)
        return self._sequences(X, self.hmm, reset=True)

    def _tune(self, sequences, targets, weights, strata=None):
        """Set `hmm_` and what else `fit` learns of targets and weights (n,).

        `strata` are labels whose shares held-out samples keep.
        """
        train, held_out = np.flatnonzero(weights > 0), None
        if self.early_stopping:
            train, held_out = train_test_split(
                train,
                test_size=self.validation_fraction,
                random_state=self.random_state,
                stratify=None if strata is None else strata[train],
            )

        def samples(rows):
            return Samples.of(
                self.hmm, sequences, self._symbols, targets, weights, rows
            )

        with single_blas_thread():
            found = descend(
                self.hmm,
                samples(train),
                self._loss,
                n_steps=self.n_steps,
                learning_rate=self.learning_rate,
                held_out=None if held_out is None else samples(held_out),
                patience=self.n_iter_no_change,
            )
        self.n_steps_, self.loss_curve_ = len(found.path) - 1, np.array(found.losses)
        forget(self, "validation_losses_")
        if held_out is not None:
            self.validation_losses_ = np.array(found.held_out)
            self.n_steps_ = int(self.validation_losses_.argmin())
        self._path = found.path[: self.n_steps_ + 1]
        self.hmm_, self.learning_rate_ = self._path[-1], found.learning_rate
        if self.loss_curve_[self.n_steps_] > self.loss_curve_[0]:
            warnings.warn(
                f"{self.n_steps_} steps raised the loss from {self.loss_curve_[0]:.3g} "
                f"to {self.loss_curve_[self.n_steps_]:.3g}: learning_rate="
                f"{self.learning_rate_:g} is too large.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    def _check_weights(self, sample_weight, y):
        weights = _check_sample_weight(sample_weight, y, dtype=np.float64)
        refuse_weights(weights)
        low, high = _WEIGHT_RANGE
        if not low <= weights.max() <= high:
            raise ValueError(
                f"The largest sample_weight must be in [{low:g}, {high:g}], got "
                f"{weights.max():g}."
            )
        return weights

    def _log_odds(self, X, path):
        """Of each model of a path, shape (len(path), n_sequences)."""
        check_is_fitted(self)
        sequences = self._sequences(X, self.hmm_, reset=False)
        out = np.empty((len(path), len(sequences)))
        with single_blas_thread():
            for index in sequences.blocks(block_rows(self.hmm_.n_states)):
                pairs = append_both(sequences.block(index), self._symbols)
                for stage, hmm in enumerate(path):
                    out[stage, index] = log_odds_of(hmm, pairs)
        if not np.isfinite(out).all():
            row = int((~np.isfinite(out)).any(axis=0).argmax())
            raise ValueError(
                f"Sequence {row} is impossible under {self.hmm_!r}, alone or with one "
                f"of symbols={self._symbols} after it: it has no log-odds."
            )
        return out

    def _stages(self, n_steps):
        check_is_fitted(self)
        stages = np.asarray(n_steps)
        if stages.ndim != 1 or not len(stages) or stages.dtype.kind not in "iu":
            raise ValueError(
                f"n_steps must be a list of integers, got {n_steps!r:.80}."
            )
        if stages.min() < 0 or stages.max() > self.n_steps_:
            raise ValueError(
                f"n_steps must be in [0, {self.n_steps_}], the steps of the fit; got "
                f"{stages.min()} to {stages.max()}."
            )
        return [self._path[stage] for stage in stages]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags
