"""Pretraining of hidden Markov models by expectation-maximisation."""

import time
import warnings
from functools import reduce
from numbers import Integral, Real
from operator import add

import numpy as np
from sklearn.base import DensityMixin, _fit_context
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted

from skhmmdd._base import SkhmmddEstimator, check_sequence_table
from skhmmdd._parallel import map_threads
from skhmmdd.hmm._em import expected_counts, log_prior, maximise
from skhmmdd.hmm._initial import random_categorical, random_gaussian
from skhmmdd.hmm._models import CategoricalHMM, GaussianHMM
from skhmmdd.hmm._pomegranate import PomegranateEM
from skhmmdd.hmm._sequences import infer_emission, read_observations, read_symbols


class BaumWelch(DensityMixin, SkhmmddEstimator):
    r"""Pretrain a hidden Markov model on unlabelled sequences (Baum-Welch, EM).

    Parameters
    ----------
    n_states : int, default=8
        Number of hidden states, in [1, inf).
    emission : {"auto", "categorical", "gaussian"}, default="auto"
        What a state emits. "auto" takes integers of at least -1 for symbols and
        anything else for continuous observations.
    covariance_type : {"diag", "full"}, default="diag"
        Covariances of a Gaussian model.
    n_symbols : int, default=None
        Size of the alphabet of a categorical model; None is one more than the largest
        symbol that `fit` sees. Name it when later data may hold other symbols.
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
        variance, so none collapses. 0 is plain maximum likelihood.
    init : CategoricalHMM or GaussianHMM, default=None
        Weights to start from, whose kind and sizes then hold instead of `n_states`,
        `emission`, `covariance_type`, `n_symbols` and `n_init`; None draws them at
        random.
    engine : {"numpy", "pomegranate"}, default="numpy"
        What runs the iterations. "pomegranate" has pomegranate's `DenseHMM.fit` do
        so (on a GPU where torch has CUDA), from the same starts, with the same prior
        and in double precision; it takes no missing observations, and `n_jobs` is
        torch's own affair. It needs the extra `skhmmdd[pomegranate]`.
    batch_size : int, default=None
        Sequences worked on at a time; None takes as many as keep the working
        arrays in some 32 MB.
    n_jobs : int, default=None
        Threads over batches of sequences; the results do not depend on it.
    verbose : int, default=0
        1 prints a line at the end of each start, 2 one for each iteration.
    random_state : int, RandomState instance or None, default=None
        Draws the starts.

    Attributes
    ----------
    hmm_ : CategoricalHMM or GaussianHMM
        The pretrained, frozen weights.
    log_likelihoods_ : ndarray of shape (n_iter_ + 1,)
        Log-likelihood of the corpus, in nats, at the start and after each iteration.
    log_posteriors_ : ndarray of shape (n_iter_ + 1,)
        The same with the prior's logarithm added (up to a constant): what EM
        raises at every iteration.
    n_iter_ : int
        Iterations of the start that was kept.
    converged_ : bool
        Whether it reached `tol`.
    n_features_in_ : int
        Columns of a table seen in `fit`; features of a step for a 3-D array. Not
        set for a list of sequences.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if `fit` saw a table with names that are all strings.

    Raises
    ------
    ValueError
        If the corpus is empty, holds symbols outside the alphabet, infinity, an empty
        sequence or a feature that is never observed, or does not fit `init`; if
        `pseudocount` is too small to keep a variance from vanishing.

    Warns
    -----
    ConvergenceWarning
        If the start that is kept did not reach `tol` within `max_iter` iterations.

    See Also
    --------
    HMMFeatureTransformer : Features from the pretrained model.
    as_hmm : Takes weights from a fitted model of another library instead.

    Notes
    -----
    The E-step finds, by scaled recursions, the expected number of starts, moves and
    emissions in every state; the M-step divides them into probabilities:

    .. math:: A_{ij} \propto \epsilon + \sum_{n,t} P(z_t = i, z_{t+1} = j \mid x^{(n)})

    and likewise for the other laws, with :math:`\epsilon` the `pseudocount`. A
    state that loses all its data keeps a proper law. Missing observations are
    marginalised out; for a full covariance, missing features of an observed step are
    replaced by their conditional expectations.

    References
    ----------
    L. E. Baum, T. Petrie, G. Soules and N. Weiss, "A maximization technique occurring
    in the statistical analysis of probabilistic functions of Markov chains", Annals
    of Mathematical Statistics 41(1), 1970.

    Examples
    --------
    >>> import numpy as np
    >>> from skhmmdd import BaumWelch, CategoricalHMM
    >>> law = [[0.9, 0.1], [0.1, 0.9]]
    >>> truth = CategoricalHMM([1, 0], law, law)
    >>> X, _ = truth.sample(200, 50, random_state=0)
    >>> pretrained = BaumWelch(n_states=2, random_state=0).fit(X)
    >>> pretrained.hmm_
    CategoricalHMM(n_states=2, n_symbols=2)
    >>> np.sort(pretrained.hmm_.emissionprob[:, 0]).round(1)
    array([0.1, 0.9])
    """

    _parameter_constraints = {  # noqa: RUF012
        "n_states": [Interval(Integral, 1, None, closed="left")],
        "emission": [StrOptions({"auto", "categorical", "gaussian"})],
        "covariance_type": [StrOptions({"diag", "full"})],
        "n_symbols": [None, Interval(Integral, 1, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "pseudocount": [Interval(Real, 0, None, closed="left")],
        "init": [None, CategoricalHMM, GaussianHMM],
        "engine": [StrOptions({"numpy", "pomegranate"})],
        "batch_size": [None, Interval(Integral, 1, None, closed="left")],
        "n_jobs": [None, Integral],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_states=8,
        *,
        emission="auto",
        covariance_type="diag",
        n_symbols=None,
        n_init=1,
        max_iter=100,
        tol=1e-5,
        pseudocount=1e-3,
        init=None,
        engine="numpy",
        batch_size=None,
        n_jobs=None,
        verbose=0,
        random_state=None,
    ):
        self.n_states = n_states
        self.emission = emission
        self.covariance_type = covariance_type
        self.n_symbols = n_symbols
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.pseudocount = pseudocount
        self.init = init
        self.engine = engine
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Estimate the weights.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
            The corpus. Trailing -1 (NaN) is padding, an inner one missing.
        y : None
            Ignored.

        Returns
        -------
        self : BaumWelch
        """
        X = check_sequence_table(self, X, reset=True)
        corpus = _Corpus(self, X)
        rng = check_random_state(self.random_state)
        n_starts = self.n_init if self.init is None else 1
        best = None
        for i in range(n_starts):
            start = corpus.random_start(rng) if self.init is None else self.init
            run = self._run(corpus, start)
            _, log_likelihoods, log_posteriors, converged = run
            if self.verbose:
                print(
                    f"BaumWelch start {i + 1}/{n_starts}: {len(log_posteriors) - 1} "
                    f"iterations, log-likelihood {log_likelihoods[-1]:.6g}, "
                    f"{'converged' if converged else 'not converged'}"
                )
            if best is None or log_posteriors[-1] > best[2][-1]:
                best = run
        self.hmm_, log_likelihoods, log_posteriors, self.converged_ = best
        self.log_likelihoods_ = np.array(log_likelihoods)
        self.log_posteriors_ = np.array(log_posteriors)
        self.n_iter_ = len(log_likelihoods) - 1
        if self.tol > 0 and not self.converged_:
            gain = np.diff(log_posteriors)[-1] / corpus.n_observed
            warnings.warn(
                f"Baum-Welch did not converge in max_iter={self.max_iter} iterations: "
                f"the last gained {gain:.2g} nats a step, tol={self.tol:g}. Raise "
                "max_iter or tol, or set tol=0 to ask for a fixed number of "
                "iterations.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self

    def _run(self, corpus, hmm):
        """EM from one start: weights, log-likelihoods, log-posteriors, converged."""
        began = time.perf_counter()
        log_likelihoods, log_posteriors = [], []
        converged = False
        em = corpus.start_em(hmm)
        for iteration in range(self.max_iter + 1):
            log_likelihood = em.expect(hmm)
            log_likelihoods.append(log_likelihood)
            log_posteriors.append(
                log_likelihood + log_prior(hmm, self.pseudocount, corpus.scale)
            )
            if self.verbose > 1:
                print(
                    f"  iteration {iteration}: log-likelihood "
                    f"{log_likelihood:.6g}, {time.perf_counter() - began:.1f} s"
                )
            if iteration:
                gain = (log_posteriors[-1] - log_posteriors[-2]) / corpus.n_observed
                # At tol=0 a fall by rounding is no convergence.
                converged = bool(self.tol > 0 and gain < self.tol)
            if converged or iteration == self.max_iter:
                return hmm, log_likelihoods, log_posteriors, converged
            try:
                hmm = em.maximise(hmm)
            except ValueError as error:
                raise ValueError(
                    f"EM at pseudocount={self.pseudocount:g} came to weights that are "
                    f"not valid: {error} A state has shrunk onto too few different "
                    "observations; raise pseudocount or lower n_states."
                ) from error

    def score_samples(self, X):
        """Log-likelihood of each sequence under the pretrained weights, in nats.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays

        Returns
        -------
        ndarray of shape (n_sequences,)
        """
        check_is_fitted(self)
        return self.hmm_.log_likelihood(check_sequence_table(self, X, reset=False))

    def score(self, X, y=None):
        """Mean log-likelihood of the sequences, in nats: the more the better.

        Parameters
        ----------
        X : array of shape (n_sequences, n_steps[, n_features]) or list of arrays
        y : None
            Ignored.

        Returns
        -------
        float
        """
        return float(np.mean(self.score_samples(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        return tags


class _Corpus:
    """The sequences of one `fit` call, as its EM steps see them."""

    def __init__(self, estimator, X):
        self.estimator = estimator
        emission = estimator.emission
        if estimator.init is not None:
            is_symbolic = isinstance(estimator.init, CategoricalHMM)
            self.sequences = estimator.init._read(X)
        else:
            if emission == "auto":
                emission = infer_emission(X)
            is_symbolic = emission == "categorical"
            self.sequences = (
                read_symbols(X, estimator.n_symbols)
                if is_symbolic
                else read_observations(X)
            )
        self.n_observed = self.sequences.n_steps
        self.center, self.scale = 0.0, 1.0
        if not is_symbolic:
            self.center, self.scale = _location_and_scale(self.sequences.observed())
        self.is_symbolic = is_symbolic

    def random_start(self, rng):
        options = self.estimator
        if self.is_symbolic:
            n_symbols = options.n_symbols or int(self.sequences.observed().max()) + 1
            return random_categorical(self.sequences, options.n_states, n_symbols, rng)
        return random_gaussian(
            self.sequences,
            options.n_states,
            options.covariance_type,
            self.center,
            self.scale,
            rng,
        )

    def start_em(self, hmm):
        """What runs EM from `hmm` on: `expect` and `maximise`, in turn."""
        if self.estimator.engine == "numpy":
            return _NumpyEM(self)
        return PomegranateEM(
            hmm,
            self.sequences,
            self.estimator.pseudocount,
            self.center,
            self.scale,
            self.estimator.batch_size,
        )

    def expected_counts(self, hmm):
        """The E-step over all sequences, summed in a fixed order."""
        sequences, options = self.sequences, self.estimator
        longest = int(sequences.lengths.max())
        fitting = max(1, 2**20 // (longest * hmm.n_states))
        blocks = sequences.blocks(options.batch_size or min(fitting, 1024))
        parts = map_threads(
            lambda index: expected_counts(hmm, sequences.block(index), self.center),
            blocks,
            options.n_jobs,
        )
        return reduce(add, parts)


class _NumpyEM:
    """EM by our own recursions."""

    def __init__(self, corpus):
        self._corpus = corpus

    def expect(self, hmm):
        """The E-step; the log-likelihood under `hmm`."""
        self._counts = self._corpus.expected_counts(hmm)
        return self._counts.log_likelihood

    def maximise(self, hmm):
        """The M-step: the weights after `hmm`."""
        corpus = self._corpus
        return maximise(
            hmm,
            self._counts,
            corpus.estimator.pseudocount,
            corpus.center,
            corpus.scale,
        )


def _location_and_scale(values):
    """Mean and variance of each feature, whatever its unit."""
    if (unseen := np.isnan(values).all(axis=0)).any():
        raise ValueError(
            f"Feature {unseen.argmax()} of X is never observed: it is NaN throughout."
        )
    center, variance = np.nanmean(values, axis=0), np.nanvar(values, axis=0)
    # A feature that never moves still gets a width, next to nothing.
    still = np.sqrt(variance) <= 1e-13 * np.abs(center)
    size = np.where(center == 0, 1.0, np.abs(center))
    return center, np.where(still, 1e-9 * size**2, variance)
