"""Spellings and syllable counts of English words."""

from __future__ import annotations

import gzip
from importlib import resources
from typing import Any, Literal, overload

import numpy as np
from sklearn.utils import Bunch

from skhmmdd._typing import Ints, Names


def read_shipped(name: str, dtype: Any, *texts: str) -> Bunch:
    """A shipped table of words and numbers, described by shipped texts."""
    folder = resources.files("skhmmdd.datasets").joinpath("data")
    path = folder.joinpath(name)
    table = gzip.decompress(path.read_bytes()).decode("ascii")
    # Neither column can hold a comma, so a csv reader would only be slower.
    fields = table.replace("\n", ",").split(",")[:-1]
    return Bunch(
        data=np.array(fields[2::2], dtype=object),
        target=np.array(fields[3::2]).astype(dtype),
        feature_names=fields[:1],
        target_names=fields[1:2],
        DESCR="\n".join(folder.joinpath(t).read_text(encoding="utf-8") for t in texts),
        filename=str(path),
    )


@overload
def load_syllables(
    *, return_X_y: Literal[False] = False, as_frame: bool = False
) -> Bunch: ...
@overload
def load_syllables(
    *, return_X_y: Literal[True], as_frame: Literal[False] = False
) -> tuple[Names, Ints]: ...
@overload
def load_syllables(*, return_X_y: bool = False, as_frame: bool = False) -> Any: ...
def load_syllables(*, return_X_y: bool = False, as_frame: bool = False) -> Any:
    """Load English words with their syllable counts, for regression or classification.

    117,493 spellings of the letters a to z from the CMU Pronouncing Dictionary, each
    with the number of vowels in its first pronunciation. Nothing is downloaded. The
    spellings are sequences as :class:`~skhmmdd.features.TokenEncoder` takes them.

    =================   =================
    Samples             117,493
    Sequence lengths    1 to 28
    Alphabet            26 letters
    Targets             integers, 0 to 12
    =================   =================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` and `target` are pandas Series, and `frame` is a DataFrame.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray or Series of shape (117493,)
            The words, sorted, as an array of Python strings (dtype object).
        target : ndarray or Series of shape (117493,)
            The number of syllables in each word (dtype int64).
        feature_names : list of str
            ``["word"]``.
        target_names : list of str
            ``["syllables"]``.
        frame : DataFrame of shape (117493, 2) or None
            Words and counts. None unless `as_frame` is True.
        DESCR : str
            How the data was derived, and its licence.
        filename : str
            The path of the data file.

    (data, target) : tuple if ``return_X_y`` is True
        The words and their counts.

    Notes
    -----
    Words are in alphabetical order: shuffle them before you split.

    The data is copyright Carnegie Mellon University, under a BSD-style licence that
    is part of `DESCR`.

    Examples
    --------
    >>> from skhmmdd.datasets import load_syllables
    >>> syllables = load_syllables()
    >>> syllables.data[:4]
    array(['a', 'aaa', 'aaberg', 'aachen'], dtype=object)
    >>> syllables.target[:4]
    array([1, 3, 2, 2])
    """
    found = read_shipped("syllables.csv.gz", np.int64, "README.md", "LICENSE.cmudict")
    found.frame = None
    if as_frame:
        import pandas as pd

        (word,), (count,) = found.feature_names, found.target_names
        # As object, the words are Python strings in every version of pandas.
        found.frame = pd.DataFrame({word: found.data, count: found.target})
        found.frame = found.frame.astype({word: object})
        found.data, found.target = found.frame[word], found.frame[count]
    return (found.data, found.target) if return_X_y else found
