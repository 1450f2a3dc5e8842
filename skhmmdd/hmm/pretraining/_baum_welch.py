"""Pretraining of hidden Markov models by expectation-maximisation."""

from __future__ import annotations

import time
import warnings
from functools import partial
from numbers import Integral, Real
from os import PathLike
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skhmmdd._base import SkhmmddEstimator, fit_context, forget
from skhmmdd._callbacks import CallbackSupportMixin
from skhmmdd._typing import (
    Corpus,
    CovarianceType,
    Floats,
    Names,
    RandomState,
    SequencesLike,
    StrPath,
)
from skhmmdd.hmm.models._families import FAMILIES, EmissionName, Pretrained
from skhmmdd.hmm.pretraining._corpus import (
    is_batches,
    make_part,
    read_corpus,
    refuse_lengths,
    warn_of_components,
    warn_of_single_steps,
)
from skhmmdd.hmm.pretraining._em_loop import Options, Start, list_starts, next_weights
from skhmmdd.hmm.pretraining._information_criteria import (
    LikelihoodMixin,
    aic,
    bic,
    n_parameters,
)
from skhmmdd.hmm.pretraining._initialization import draw_start
from skhmmdd.hmm.pretraining._restarts import best_run
from skhmmdd.hmm.pretraining._stepwise import (
    Online,
    absorb,
    after_fit,
    scaled,
    step_size,
)
from skhmmdd.hmm.sequences._panels import warn_of_order


class BaumWelch(LikelihoodMixin, DensityMixin, CallbackSupportMixin, SkhmmddEstimator):
    r"""Pretrain a hidden Markov model on unlabelled sequences (Baum-Welch, EM).

    Parameters
    ----------
    n_states : int, default=8
        Number of hidden states, in [1, inf).
    emission : str, default="auto"
        What a state emits, one of:

        - "auto": "categorical" for integers of at least -1, some of which may be
          missing, otherwise "gaussian"; with a warning where NaN alone may have made
          floats of symbols.
        - "categorical": symbols.
        - "gaussian": vectors, from one Gaussian a state.
        - "gaussian_mixture": vectors, from several diagonal Gaussians a state.
        - "poisson": counts, at a rate a state and feature.
    covariance_type : {"diag", "full"}, default="diag"
        Covariances of a Gaussian model; those of a mixture are "diag".
    n_components : int, default=2
        Gaussians in each state of a Gaussian mixture, in [1, inf).
    n_symbols : int, default=None
        Size of the alphabet of a categorical model; None is what a `TokenEncoder` told
        of its own, or one more than the largest symbol that `fit` sees, if that is
        more. Name it when later data may hold other symbols.
    n_init : int, default=1
        Number of random starts, in [1, inf); the best by its penalised
        log-likelihood is kept.
    max_iter : int, default=100
        Most EM iterations of each start, in [1, inf).
    tol : float, default=1e-5
        EM stops when an iteration raises the penalised log-likelihood by less than
        `tol` nats an observed step. In [0, inf); 0 runs all `max_iter` iterations
        and never warns.
    pseudocount : float, default=1e-3
        Strength of the prior, in observations, in [0, inf). Each row of
        probabilities has a Dirichlet prior of parameter 1 + pseudocount, so none is
        zero; each Gaussian has seen `pseudocount` observations with the data's
        variance, so none collapses; each Poisson rate has a Gamma prior worth
        `pseudocount` observations at the data's mean rate. 0 is plain maximum
        likelihood.
    init : frozen weights or "kmeans", default=None
        Weights to start from, such as a `CategoricalHMM`, whose kind and sizes then
        hold instead of `n_states`, `emission`, `covariance_type`, `n_components`,
        `n_symbols` and `n_init`; None draws them at random. "kmeans" takes means and
        variances of continuous observations or counts from clusters of at most
        20,000 steps.
    fixed : tuple or list of str, default=()
        Arrays of the weights that stay as they start, by the names of the frozen
        model's attributes, such as ("transmat", "means"). The others are the best
        beside them.
    tied : tuple or list of str, default=()
        Arrays of the weights that all states share: ("covars",) of a Gaussian model,
        which is what others call tied covariances, if `covariance_type` is "full".
    structural_zeros : bool, default=False
        Whether start and transition probabilities that are zero in `init` stay zero:
        a left-right or banded model stays one, and the prior is on the others alone.
        With False only `pseudocount=0` keeps them. Random starts hold no zeros.
    algorithm : {"em", "annealed"}, default="em"
        How `fit` climbs. "em": full EM from each start. "annealed": first 15 passes of
        stepwise EM over batches of a hundredth of the corpus, whose steps grow shorter,
        then full EM from where they end. On large corpora that reaches in 15 passes
        what full EM reaches in some 200, or better, because noisy first steps leave
        poor maxima. `max_iter`, `tol` and all curves are of the full EM alone. Corpora
        of fewer than 20 sequences get no passes.
    validation_fraction : float, default=None
        Fraction of the sequences, in (0, 1), held out to stop early; the weights
        that are best on them are kept. Of a corpus in batches each sequence is held
        out with that probability, the same ones in every pass. None holds out none.
    n_iter_no_change : int, default=5
        EM with sequences held out stops when their log-likelihood a step has gained
        no more than `tol` an iteration over so many iterations. In [1, inf).
    step_power : float, default=0.6
        The step size of `partial_fit` after k batches is (k + 2) to the power of
        -`step_power`; in (0.5, 1].
    checkpoint : str or path-like, default=None
        A file that holds the state of `fit` after every iteration. A fit of the same
        data and parameters that finds it goes on from there, to bit-equal weights;
        its end removes it. Starts then run one after another.
    engine : {"numpy", "pomegranate"}, default="numpy"
        What runs the iterations of `fit`. "pomegranate" has pomegranate's
        `DenseHMM.fit` do so (on a GPU where torch has CUDA), from the same starts,
        with the same prior and in double precision. It takes categorical and
        Gaussian emissions, but neither missing observations, weights of sequences,
        known states, batches, `fixed`, `tied`, `structural_zeros` nor
        `algorithm="annealed"`; `n_jobs` is
        ignored: torch sets its threads. It needs the extra `skhmmdd[pomegranate]`.
    channels_first : bool, default=False
        Whether arrays of X have shape (n_sequences, n_channels, n_steps), and members
        of a list (n_channels, n_steps), as those of aeon and sktime do. Sequences
        without channels, and panels whose cells are series, are read as ever. A
        warning of `fit` says where features look like steps.
    batch_size : int, default=None
        Sequences worked on at a time; None takes as many as keep the working
        arrays in some 32 MB.
    n_jobs : int, default=None
        Workers over blocks of sequences, or over the batches of a corpus in batches:
        threads, unless a :func:`joblib.parallel_config` names others, such as those
        of Dask. Several starts take a thread each, where the corpus is in memory and
        there is no checkpoint. The results do not depend on it.
    verbose : int, default=0
        1 prints a line at the end of each start, 2 one for each iteration, with the
        most time that may be left, and for each `partial_fit`; a long pass over
        batches then tells how far it is.
    random_state : int, RandomState instance or None, default=None
        Draws the starts.

    Attributes
    ----------
    hmm_ : CategoricalHMM, GaussianHMM, GaussianMixtureHMM or PoissonHMM
        The pretrained, frozen weights.
    log_likelihoods_ : ndarray of shape (n_iter_ + 1,)
        Log-likelihood of the corpus, in nats, at the start and after each iteration;
        with known states, of both together.
    log_posteriors_ : ndarray of shape (n_iter_ + 1,)
        The same with the prior's logarithm added (up to a constant): what EM
        raises at every iteration.
    n_iter_ : int
        Iterations of the start that was kept.
    converged_ : bool
        Whether it reached `tol`, or stopped early.
    validation_log_likelihoods_ : ndarray of shape (n_iter_ + 1,)
        Log-likelihood of an observed step held out, in nats. Only with
        `validation_fraction`.
    starts_ : list of n_init named tuples
        How each start went: `log_likelihoods`, `validation_log_likelihoods` (or
        None), `converged`, and whether it was `kept`. See `TrainingCurveDisplay`.
    n_observed_ : float
        Observed steps of the sequences it learned from, by their weights.
    aic_, bic_ : float
        Akaike's and Schwarz's information criteria of `hmm_` on the sequences it
        learned from, the latter with the observed steps as observations: lower is
        better. What is fixed, by name or as a structural zero, is no free parameter,
        and what is tied is one for all states.
    n_batches_ : int
        Batches that `partial_fit` saw; an iteration of an earlier `fit` counts as
        one.
    n_features_in_ : int
        Columns of a table seen in `fit`; features of a step for a 3-D array. Not
        set for a list of sequences.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `fit` saw a table with names that are all strings.

    Raises
    ------
    ValueError
        If the corpus is empty, holds symbols outside the alphabet, counts that are
        negative or no whole numbers, infinity, an empty sequence or a feature that is
        never observed, or does not fit `init`; if `states` do not fit the sequences,
        or those sequences are impossible in them; if `fixed` or `tied` name no such
        parameter of the model, or those tied differ in `init`; if `y` holds integers
        that sum to the rows of `X`, as lengths do (pass
        ``np.split(X, np.cumsum(lengths)[:-1])`` as `X`); if `pseudocount` is too small
        to keep a variance from vanishing.

    Warns
    -----
    ConvergenceWarning
        If the start that is kept did not reach `tol` within `max_iter` iterations.
    UserWarning
        If every sequence has one step; if `n_components` is set and the model is no
        mixture; if what was read as features looks like steps, see `channels_first`;
        if `emission="auto"` takes whole numbers and NaN for continuous observations.

    See Also
    --------
    HMMFeatureTransformer : Features from the pretrained model.
    as_hmm : Takes weights from a fitted model of another library instead.

    Notes
    -----
    The E-step finds, by scaled recursions, the expected number of starts, transitions
    and emissions in every state; the M-step divides them into probabilities:

    .. math:: A_{ij} \propto \epsilon + \sum_{n,t} P(z_t = i, z_{t+1} = j \mid x^{(n)})

    and likewise for other probabilities, with :math:`\epsilon` the `pseudocount`. A
    state that loses all its data keeps a proper distribution. Missing observations are
    marginalised out; for a full covariance, missing features of an observed step are
    replaced by their conditional expectations.

    Where the state of a step is known, the step has likelihood zero in every other
    state. With all states known the expected counts are counts, and one iteration ends
    at the estimate in closed form. A random start does not look at the labels: with few
    of them give as `init` weights whose states are in their order, such as those of a
    first fit to the labelled sequences alone.

    References
    ----------
    L. E. Baum, T. Petrie, G. Soules and N. Weiss, "A maximization technique occurring
    in the statistical analysis of probabilistic functions of Markov chains", Annals
    of Mathematical Statistics 41(1), 1970.

    O. Cappe and E. Moulines, "On-line expectation-maximization algorithm for latent
    data models", Journal of the Royal Statistical Society B 71(3), 2009.

    P. Liang and D. Klein, "Online EM for unsupervised models", NAACL 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import BaumWelch, CategoricalHMM
    >>> rows = [[0.9, 0.1], [0.1, 0.9]]
    >>> truth = CategoricalHMM([1, 0], rows, rows)
    >>> X, _ = truth.sample(200, 50, random_state=0)
    >>> pretrained = BaumWelch(n_states=2, random_state=0).fit(X)
    >>> pretrained.hmm_
    CategoricalHMM(n_states=2, n_symbols=2)
    >>> np.sort(pretrained.hmm_.emissionprob[:, 0]).round(1)
    array([0.1, 0.9])
    """

    hmm_: Pretrained
    log_likelihoods_: Floats
    log_posteriors_: Floats
    n_iter_: int
    converged_: bool
    validation_log_likelihoods_: Floats
    starts_: list[Start]
    n_observed_: float
    aic_: float
    bic_: float
    n_batches_: int
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints = {  # noqa: RUF012
        "n_states": [Interval(Integral, 1, None, closed="left")],
        "emission": [StrOptions({"auto", *FAMILIES})],
        "covariance_type": [StrOptions({"diag", "full"})],
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "n_symbols": [None, Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "pseudocount": [Interval(Real, 0, None, closed="left")],
        "init": [None, *FAMILIES.values(), StrOptions({"kmeans"})],
        "fixed": [tuple, list],
        "tied": [tuple, list],
        "structural_zeros": ["boolean"],
        "algorithm": [StrOptions({"em", "annealed"})],
        "validation_fraction": [None, Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "step_power": [Interval(Real, 0.5, 1, closed="right")],
        "checkpoint": [None, str, PathLike],
        "engine": [StrOptions({"numpy", "pomegranate"})],
        "channels_first": ["boolean"],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_states: int = 8,
        *,
        emission: Literal["auto"] | EmissionName = "auto",
        covariance_type: CovarianceType = "diag",
        n_components: int = 2,
        n_symbols: int | None = None,
        n_init: int = 1,
        max_iter: int = 100,
        tol: float = 1e-5,
        pseudocount: float = 1e-3,
        init: Pretrained | Literal["kmeans"] | None = None,
        fixed: tuple[str, ...] | list[str] = (),
        tied: tuple[str, ...] | list[str] = (),
        structural_zeros: bool = False,
        algorithm: Literal["em", "annealed"] = "em",
        validation_fraction: float | None = None,
        n_iter_no_change: int = 5,
        step_power: float = 0.6,
        checkpoint: StrPath | None = None,
        engine: Literal["numpy", "pomegranate"] = "numpy",
        channels_first: bool = False,
        batch_size: int | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: RandomState = None,
    ) -> None:
        self.n_states = n_states
        self.emission = emission
        self.covariance_type = covariance_type
        self.n_components = n_components
        self.n_symbols = n_symbols
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.pseudocount = pseudocount
        self.init = init
        self.fixed = fixed
        self.tied = tied
        self.structural_zeros = structural_zeros
        self.algorithm = algorithm
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.step_power = step_power
        self.checkpoint = checkpoint
        self.engine = engine
        self.channels_first = channels_first
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Corpus,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        states: Corpus | None = None,
    ) -> Self:
        """Estimate the weights.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            The corpus. Trailing -1 (NaN) is padding, an inner one missing. Any other
            object that can be iterated again and again is taken to yield batches,
            each such an array or list: only one of them for each worker is in memory
            at a time. A batch that is an iterable of another kind is read by the
            worker.
        y : None
            Ignored, unless it looks like the lengths that hmmlearn takes.
        sample_weight : array-like of shape (n_sequences,), default=None
            How often each sequence counts, in [0, 1e20 / n_steps], the largest at
            least 1e-60; None is once. For a corpus in batches one such array for each,
            in a list or another re-iterable.
        states : array of shape (n_sequences, n_steps) or list of arrays, default=None
            The hidden state of each step where it is known, an integer in
            [0, n_states), and -1 where it is not; in a list, None stands for a
            sequence of which none is. EM then climbs the likelihood of sequences and
            known states together. For a corpus in batches one such array or list for
            each, as with `sample_weight`.

        Returns
        -------
        self : BaumWelch
            With `hmm_` pretrained.
        """
        refuse_lengths(X, y)
        corpus = self._read_corpus(X, sample_weight, states)
        warn_of_single_steps(corpus)
        run, corpus, done = best_run(
            self,
            corpus,
            self._start_from(corpus),
            self._options(corpus.family),
            self.checkpoint,
        )
        self.hmm_, self.converged_ = run.best, run.converged
        self.starts_, self.n_observed_ = list_starts(done), float(corpus.n_observed)
        self.log_likelihoods_ = np.array(run.log_likelihoods)
        self.log_posteriors_ = np.array(run.log_posteriors)
        self.n_iter_ = run.n_iter
        kept = self.n_iter_
        forget(self, "validation_log_likelihoods_")
        if run.held_out:
            self.validation_log_likelihoods_ = np.array(run.held_out)
            kept = int(np.argmax(run.held_out))
        log_likelihood = float(self.log_likelihoods_[kept])
        structure = self._given_start if self.structural_zeros else None
        n_free = n_parameters(self.hmm_, self.fixed, self.tied, structure)
        self.aic_ = aic(n_free, log_likelihood)
        self.bic_ = bic(n_free, log_likelihood, corpus.n_observed)
        self._online = after_fit(corpus, run)
        self.n_batches_ = self._online.n_batches
        if self.tol > 0 and not self.converged_:
            gain = np.diff(run.log_posteriors)[-1] / corpus.n_observed
            warnings.warn(
                f"Baum-Welch did not converge in max_iter={self.max_iter} iterations: "
                f"the last gained {gain:.2g} nats a step, tol={self.tol:g}. Raise "
                "max_iter or tol, or set tol=0 to ask for a fixed number of "
                "iterations.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: SequencesLike,
        y: object = None,
        sample_weight: ArrayLike | None = None,
        states: SequencesLike | None = None,
    ) -> Self:
        """One step of stepwise (online) EM, on a batch of sequences.

        The first batch sets the kind of emission, the alphabet (unless `n_symbols`
        names it) and the scale of continuous observations. A running mean of the
        expected counts gives each later batch the share (k + 2)**-`step_power`.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            The batch; some hundred sequences in random order serve well.
        y : None
            Ignored.
        sample_weight : array-like of shape (n_sequences,), default=None
            How often each sequence counts, in [0, 1e20 / n_steps], the largest at
            least 1e-60; None is once.
        states : array of shape (n_sequences, n_steps) or list of arrays, default=None
            The states that are known, as `fit` takes them.

        Returns
        -------
        self : BaumWelch
            With `hmm_` after this step.
        """
        if is_batches(X):
            raise TypeError(
                "partial_fit takes one batch as X, an array or list of sequences: call "
                "it for each, or hand all of them to fit."
            )
        refuse_lengths(X, y)
        began = time.perf_counter()
        if not hasattr(self, "hmm_"):
            corpus = self._read_corpus(X, sample_weight, states)
            options = self._options(corpus.family)
            rng = check_random_state(self.random_state)
            self.hmm_ = self._start_from(corpus)(rng)
            self._online = Online(None, 0.0, 0, corpus.center, corpus.scale)
            part = corpus.source.part
        else:
            X = self._table(X, reset=False)
            options = self._options(type(self.hmm_))
            n_states = self.hmm_.n_states
            part = make_part(self.hmm_._read(X), sample_weight, states, n_states)
        self._online = absorb(
            self._online,
            self.hmm_,
            part,
            step_size(self._online.n_batches, self.step_power),
            self.batch_size,
            self.n_jobs,
        )
        counts = scaled(self._online.mean, self._online.n_sequences)
        self.hmm_ = next_weights(self.hmm_, counts, options, self._online)
        self.n_batches_ = self._online.n_batches
        if self.verbose > 1:
            print(
                f"BaumWelch batch {self.n_batches_}: log-likelihood "
                f"{counts.log_likelihood / self._online.n_sequences:.6g} a sequence, "
                f"{time.perf_counter() - began:.1f} s"
            )
        return self

    def _read_corpus(self, X, sample_weight, states):
        X = self._table(X, reset=True)
        corpus = read_corpus(
            X,
            self.emission,
            self.n_symbols,
            self._given_start,
            sample_weight,
            states,
            self.n_states,
            self.n_jobs,
            self.verbose,
            self.channels_first,
        )
        if self._given_start is None:
            warn_of_components(self.n_components, corpus.family)
        if self._given_start is None and not corpus.source.is_streamed:
            warn_of_order(corpus.source.part.sequences, self.channels_first)
        return corpus

    def _start_from(self, corpus):
        """A function of a RandomState that gives weights to start from."""
        if (given := self._given_start) is not None:
            return lambda rng: given
        options = {name: getattr(self, name) for name in corpus.family._options}
        return partial(draw_start, corpus, self.n_states, self.init, options, self.tied)

    @property
    def _given_start(self):
        """The weights to start from, None where they are drawn."""
        return None if isinstance(self.init, str) else self.init

    def _options(self, family):
        for what, allowed in {
            "fixed": family._array_names,
            "tied": family._tieable,
        }.items():
            for name in getattr(self, what):
                if name not in allowed:
                    raise ValueError(
                        f"{what} names {name!r}; of a {family.__name__} it may name "
                        f"{', '.join(allowed) or 'nothing'}."
                    )
        for name in self.tied if self._given_start is not None else ():
            array = getattr(self._given_start, name)
            if (array != array[0]).any():
                raise ValueError(f"tied names {name!r}, which differ in init.")
        return Options(*(getattr(self, name) for name in Options._fields))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        family = FAMILIES.get(str(self.emission), type(self.init))
        for name in getattr(family, "_input_tags", ()):
            setattr(tags.input_tags, name, True)
        return tags
