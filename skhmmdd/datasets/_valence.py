"""Words, their valence, and what a frozen language model makes of them."""

from __future__ import annotations

import gzip
import io
from importlib import resources
from typing import Any, Literal, overload

import numpy as np
from sklearn.utils import Bunch

from skhmmdd._typing import Floats, Names
from skhmmdd.datasets._syllables import read_shipped


@overload
def load_valence(
    return_X_y: Literal[False] = False, embeddings: bool = False
) -> Bunch: ...
@overload
def load_valence(
    return_X_y: Literal[True], embeddings: Literal[False] = False
) -> tuple[Names, Floats]: ...
@overload
def load_valence(
    return_X_y: Literal[True], embeddings: Literal[True]
) -> tuple[Floats, Floats]: ...
@overload
def load_valence(return_X_y: bool = False, embeddings: bool = False) -> Any: ...
def load_valence(return_X_y: bool = False, embeddings: bool = False) -> Any:
    """Load English words with their mean valence and embeddings, for regression.

    4,000 words of the VADER lexicon, each with the mean of ten ratings of how pleasant
    it is, and its embedding by a frozen language model, all-MiniLM-L6-v2. Nothing
    is downloaded.

    =================   ==================================
    Samples             4,000
    Embedding           384 columns, of unit length
    Targets             real, -3.9 to 3.4, of variance 2.88
    =================   ==================================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch; ``(embeddings, target)``
        if `embeddings` is True.
    embeddings : bool, default=False
        If True, load the embeddings, too.

    Returns
    -------
    dataset : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (4000,)
            The words, sorted, as an array of Python strings (dtype object).
        target : ndarray of shape (4000,)
            The mean valence of each, from -4, most negative, to 4.
        embeddings : ndarray of shape (4000, 384) or None
            Their embeddings, kept in half precision and given in double. None unless
            asked for.
        feature_names : list of str
            ``["word"]``.
        target_names : list of str
            ``["valence"]``.
        DESCR : str
            How the data was derived, and the licences.
        filename : str
            The path of the file of the words.

    (data, target) : tuple if ``return_X_y`` is True
        The words, or their embeddings, and the valence.

    See Also
    --------
    as_encoder : The embeddings of other texts, by the model itself.
    LeadingColumns : Makes the width of the embeddings a parameter.

    Notes
    -----
    Words are in alphabetical order: shuffle them before you split. No two share an
    embedding.

    The lexicon is copyright C.J. Hutto, under the MIT licence; the model is under the
    Apache licence 2.0. Both are part of `DESCR`.

    References
    ----------
    C.J. Hutto and E. Gilbert, "VADER: A parsimonious rule-based model for sentiment
    analysis of social media text", ICWSM 2014.

    Examples
    --------
    >>> from skhmmdd.datasets import load_valence
    >>> valence = load_valence(embeddings=True)
    >>> valence.data[-3:], valence.target[-3:]
    (array(['zealot', 'zealous', 'zzz'], dtype=object), array([-1.9,  0.5, -1.2]))
    >>> valence.embeddings.shape
    (4000, 384)
    """
    texts = ("valence.md", "LICENSE.vader", "LICENSE.minilm")
    found = read_shipped("valence.csv.gz", np.float64, *texts)
    found.embeddings = None
    if embeddings:
        folder = resources.files("skhmmdd.datasets").joinpath("data")
        packed = folder.joinpath("valence_embeddings.npy.gz").read_bytes()
        rows = np.load(io.BytesIO(gzip.decompress(packed)), allow_pickle=False)
        found.embeddings = rows.astype(np.float64)
    if return_X_y:
        return (found.embeddings if embeddings else found.data), found.target
    return found
