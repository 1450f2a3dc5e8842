"""Frozen models of growing size, the small ones seeding the large."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from numbers import Integral
from typing import Any, Self, overload

import numpy as np
from sklearn.utils import check_random_state

from skhmmdd._progress import Progress
from skhmmdd._typing import Corpus, RandomState, StrPath
from skhmmdd.hmm.models._emission_family import tilt_rows
from skhmmdd.hmm.models._families import Pretrained
from skhmmdd.hmm.pretraining._baum_welch import BaumWelch
from skhmmdd.hmm.pretraining._family_files import load_family, save_family


class HMMFamily(Sequence[Pretrained]):
    """Frozen models of growing size, as `pretrain_family` makes them.

    A read-only sequence: it goes wherever a list of models goes, such as the
    `param_range` of a :class:`~skhmmdd.DoubleDescentCurve`.

    Parameters
    ----------
    models : iterable of weights that `BaumWelch` makes
        From the smallest to the largest.
    log_likelihoods : iterable of float, default=()
        Of the corpus under each, in nats.

    Attributes
    ----------
    models : tuple of frozen weights
    log_likelihoods : tuple of float
    n_states : tuple of int
        Number of states of each.

    Examples
    --------
    >>> from skhmmdd import HMMFamily, make_hmm
    >>> family = HMMFamily([make_hmm(k, 3, random_state=0) for k in (2, 4, 8)])
    >>> family
    HMMFamily(n_states=[2, 4, 8])
    >>> family[1]
    CategoricalHMM(n_states=4, n_symbols=3)
    """

    models: tuple[Pretrained, ...]
    log_likelihoods: tuple[float, ...]

    def __init__(
        self,
        models: Iterable[Pretrained],
        log_likelihoods: Iterable[float] = (),
    ) -> None:
        self.models = tuple(models)
        self.log_likelihoods = tuple(float(value) for value in log_likelihoods)

    def __len__(self) -> int:
        return len(self.models)

    @overload
    def __getitem__(self, index: int) -> Pretrained: ...
    @overload
    def __getitem__(self, index: slice) -> HMMFamily: ...
    def __getitem__(self, index: int | slice) -> Pretrained | HMMFamily:
        if isinstance(index, slice):
            return HMMFamily(self.models[index], self.log_likelihoods[index])
        return self.models[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HMMFamily):
            return NotImplemented
        return (self.models, self.log_likelihoods) == (
            other.models,
            other.log_likelihoods,
        )

    def __hash__(self) -> int:
        return hash((self.models, self.log_likelihoods))

    def __repr__(self) -> str:
        sizes = [str(size) for size in self.n_states]
        if len(sizes) > 8:
            sizes[3:-3] = ["..."]
        return f"HMMFamily(n_states=[{', '.join(sizes)}])"

    @property
    def n_states(self) -> tuple[int, ...]:
        """Number of states of each model."""
        return tuple(model.n_states for model in self.models)

    def save(self, folder: StrPath) -> None:
        """Write the family into a folder, as one file of plain arrays.

        Parameters
        ----------
        folder : str or path-like
            Made if it is not there. An older family in it is replaced in one step.

        Raises
        ------
        OSError
            If the file cannot be written; an older family is as it was.
        TypeError
            If a model is neither a CategoricalHMM nor a GaussianHMM.
        """
        save_family(folder, self.models, self.log_likelihoods)

    @classmethod
    def load(cls, folder: StrPath) -> Self:
        """Read a family that `save` wrote; nothing in the file is executed.

        Parameters
        ----------
        folder : str or path-like
            The folder.

        Returns
        -------
        HMMFamily

        Raises
        ------
        ValueError
            If a file is damaged or the folder holds anything else.
        OSError
            If it cannot be opened.
        """
        return cls(*load_family(folder))


def pretrain_family(
    corpus: Corpus,
    n_states: Iterable[int],
    *,
    split: bool = True,
    max_iter: int = 12,
    tol: float = 0.0,
    n_jobs: int | None = None,
    verbose: int = 0,
    random_state: RandomState = None,
    **options: Any,
) -> HMMFamily:
    r"""Pretrain frozen models of growing size on one corpus.

    Parameters
    ----------
    corpus : sequences, or re-iterable of batches of them
        As `BaumWelch.fit` takes it.
    n_states : sequence of int
        The sizes, each in [1, inf) and larger than the one before.
    split : bool, default=True
        Whether a model starts from the one before it, with the states that are
        visited most split in two; a random start takes its place where that does not
        raise the log-likelihood. False starts each at random.
    max_iter : int, default=12
        EM iterations of each model, in [1, inf).
    tol : float, default=0.0
        As in BaumWelch; 0 runs all `max_iter` iterations.
    n_jobs : int, default=None
        Workers over blocks of sequences, as in BaumWelch: threads, unless a
        :func:`joblib.parallel_config` names others, such as "loky" (processes here)
        or "dask". The results do not depend on it.
    verbose : int, default=0
        1 tells on the standard error stream how far it is and how long it may take
        yet, and prints a line for each run of EM; 2 prints one for each iteration.
    random_state : int, RandomState instance or None, default=None
        Draws the starts.
    **options
        Other parameters of BaumWelch, such as `n_symbols` or `covariance_type`.

    Returns
    -------
    HMMFamily
        The models as a sequence, with `save(folder)` and `HMMFamily.load(folder)`.

    Raises
    ------
    ValueError
        If the sizes do not grow.

    See Also
    --------
    BaumWelch : Pretrains one model.
    DoubleDescentCurve : Takes the family as a `param_range`.

    Notes
    -----
    A state that is split gives two with half its incoming probability each and
    an emission set off by a random tenth, so the larger model begins near the
    likelihood of the smaller.

    Examples
    --------
    >>> from skhmmdd import CategoricalHMM, pretrain_family
    >>> rows = [[0.9, 0.1], [0.1, 0.9]]
    >>> X, _ = CategoricalHMM([1, 0], rows, rows).sample(50, 20, random_state=0)
    >>> family = pretrain_family(X, [1, 2, 4], random_state=0)
    >>> family
    HMMFamily(n_states=[1, 2, 4])
    >>> family[1]
    CategoricalHMM(n_states=2, n_symbols=2)
    """
    sizes = list(n_states)
    if not sizes or not all(isinstance(k, Integral) and k >= 1 for k in sizes):
        raise ValueError(f"n_states must hold integers in [1, inf), got {n_states!r}.")
    if any(b <= a for a, b in pairwise(sizes)):
        raise ValueError(f"n_states must grow, got {n_states!r}.")
    rng = check_random_state(random_state)
    models: list[Pretrained] = []
    log_likelihoods: list[float] = []

    def fitted(k, init=None):
        model = BaumWelch(
            int(k),
            init=init,
            max_iter=max_iter,
            tol=tol,
            n_jobs=n_jobs,
            verbose=verbose,
            random_state=rng,
            **options,
        ).fit(corpus)
        return model.log_likelihoods_[-1], model.hmm_

    # What an E-step of short sequences was seen to cost, up to a factor.
    work = np.cumsum([2000 + 100 * k + k**2 for k in sizes])
    progress = Progress(len(sizes), verbose, "sizes", "pretrain_family", 0.0)
    for i, k in enumerate(sizes):
        found = None
        if split and models:
            found = fitted(k, split_states(models[-1], k, rng))
        if found is None or found[0] <= log_likelihoods[-1]:
            drawn = fitted(k)
            found = drawn if found is None or drawn[0] > found[0] else found
        log_likelihoods.append(found[0])
        models.append(found[1])
        progress.update(i + 1, share=work[i] / work[-1])
    return HMMFamily(models, log_likelihoods)


def split_states(
    hmm: Pretrained, n_states: int, random_state: RandomState = None
) -> Pretrained:
    """Weights of `n_states` states that give nearly the likelihood of fewer.

    Parameters
    ----------
    hmm : EmissionFamily
    n_states : int
        In [hmm.n_states, inf).
    random_state : int, RandomState instance or None, default=None
        Sets the copies of a state off from each other.

    Returns
    -------
    EmissionFamily
    """
    rng = check_random_state(random_state)
    visits = hmm.startprob
    for _ in range(20):
        visits = 0.1 * hmm.startprob + 0.9 * visits @ hmm.transmat
    copies = np.ones(hmm.n_states, dtype=int)
    for _ in range(n_states - hmm.n_states):
        copies[np.argmax(visits / copies)] += 1
    of = np.repeat(np.arange(hmm.n_states), copies)
    startprob = tilt_rows(hmm.startprob[of] / copies[of], rng)
    transmat = tilt_rows(hmm.transmat[np.ix_(of, of)] / copies[of], rng)
    return type(hmm)(startprob, transmat, *hmm._split(of, rng))
