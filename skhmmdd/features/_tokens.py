"""Strings and lists of tokens, turned into the symbol sequences of an HMM."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from scipy.sparse import issparse
from sklearn.base import OneToOneFeatureMixin, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._set_output import _wrap_data_with_container
from sklearn.utils.validation import check_array, check_is_fitted

from skhmmdd._base import (
    COLUMNS,
    SkhmmddEstimator,
    check_columns,
    fit_context,
    forget,
)
from skhmmdd._tables import (
    as_array,
    filled,
    is_missing,
    is_table,
    keep_index,
    object_array,
    with_alphabet,
)
from skhmmdd._typing import Array, Names, SequencesLike, TokensLike
from skhmmdd.features._token_codes import (
    as_vocabulary,
    measure,
    read_tokens,
    sequence_of,
    sort_tokens,
    spans,
    warn_of_single_tokens,
)

_MISSING = -1
_UNKNOWN = -2  # never leaves this module
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_N_SHOWN = 5  # unknown tokens named in an error message


class _SequenceTransformMixin:
    # scikit-learn wraps what `transform` and `fit_transform` give where they stand in
    # the body of a transformer or of TransformerMixin. As pandas output, sequences of
    # unequal length would come out as a frame with one column of arrays. Standing
    # here, left of TransformerMixin, the two choose for themselves.

    min_count: int
    _dtype: np.dtype[Any]
    _symbol_of: dict[Any, int]
    _unknown: int
    fit: Callable[..., Any]
    _check_table: Callable[..., Any]

    def fit_transform(self, X: TokensLike, y: object = None) -> Array:
        """Learn the vocabulary of `X`, and encode it.

        Parameters
        ----------
        X : list, 1-D object array or Series of sequences, or table of tokens
            As in `fit`.
        y : None
            Ignored.

        Returns
        -------
        symbols : ndarray of shape (n_sequences,) or (n_sequences, n_steps)
            As `transform` gives them.
        """
        return self.fit(X, y).transform(X)

    def transform(self, X: TokensLike) -> Array:
        """Encode sequences of tokens.

        Parameters
        ----------
        X : list, 1-D object array or Series of sequences, or table of tokens
            As in `fit`; it need not be of the kind that `fit` saw.

        Returns
        -------
        symbols : ndarray of shape (n_sequences,) or (n_sequences, n_steps)
            An object array of 1-D integer arrays, one for each sequence; or, for a
            table, a 2-D integer array (a DataFrame if `set_output` asks for one
            and `fit` saw a table).
        """
        check_is_fitted(self)
        read = read_tokens(X, self._check_table)
        symbol_of, unknown = self._symbol_of, self._unknown
        symbols = np.array(
            [
                symbol_of.get(t, _MISSING if is_missing(t) else unknown)
                for t in read.distinct
            ]
        )
        is_unknown = symbols == _UNKNOWN
        if is_unknown.any():
            first = sequence_of(np.argmax(is_unknown[read.codes]), read.lengths)
            tokens = [read.distinct[i] for i in np.flatnonzero(is_unknown)]
            more = ", ..." if len(tokens) > _N_SHOWN else ""
            raise ValueError(
                f"X holds {len(tokens)} tokens that are not in the vocabulary: "
                f"{', '.join(map(repr, tokens[:_N_SHOWN]))}{more}; the first sequence "
                f"with one is X[{first}]. `fit` did not see them, or fewer than "
                f"min_count={self.min_count} times. Set handle_unknown to 'missing' or "
                "'symbol' to allow them."
            )
        encoded = symbols.astype(self._dtype)[read.codes]
        if not read.is_rectangular:
            sequences = object_array([encoded[i:j] for i, j in spans(read.lengths)])
            return keep_index(sequences, X, self)
        encoded = encoded.reshape(len(read.lengths), -1)
        if read.kind == "table" and hasattr(self, "n_features_in_"):
            return _wrap_data_with_container("transform", encoded, X, self)
        return encoded


class TokenEncoder(
    _SequenceTransformMixin, OneToOneFeatureMixin, TransformerMixin, SkhmmddEstimator
):
    """Encode strings, or lists of tokens, as the symbol sequences of an HMM.

    `fit` learns the alphabet. `transform` replaces each token by its place in it,
    an integer from 0 to ``n_symbols_ - 1``, and each missing token by -1, which the
    models of this package marginalise out. The tokens of a string are its
    characters. One sample is one sequence.

    Parameters
    ----------
    handle_unknown : {"error", "missing", "symbol"}, default="error"
        What becomes of a token that is not in the vocabulary:

        - "error": a ``ValueError`` that names it;
        - "missing": it counts as not observed, -1;
        - "symbol": all such tokens share one symbol, ``len(vocabulary_)``. A
          `BaumWelch` that learns from the output reserves it (a table in a polars
          frame does not tell it to). How likely it is can be learned only where it
          also occurs in `fit`, see `min_count`; elsewhere the prior decides
          (`pseudocount`), and with no prior it is impossible.

    min_count : int, default=1
        Tokens that occur fewer times than this in `fit` are left out of the
        vocabulary. Must be in [1, inf).
    dtype : data-type, default=numpy.int32
        Signed integer type of the symbols.

    Attributes
    ----------
    vocabulary_ : ndarray of shape (n_tokens,)
        The known tokens in sorted order; ``vocabulary_[s]`` is the token of symbol
        `s`. Tokens that have no common order, as strings and numbers, are sorted by
        the name of their type, then by their `repr`.
    n_symbols_ : int
        Size of the alphabet: ``len(vocabulary_)``, and one more with
        ``handle_unknown="symbol"``.
    n_features_in_ : int
        Number of columns. Only if `fit` saw a table.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns. Only if `fit` saw a table with columns named by strings.

    See Also
    --------
    sklearn.preprocessing.OrdinalEncoder : Encodes each column by an alphabet of its
        own; here all steps of all sequences share one.

    Notes
    -----
    Sequences come in two forms. A list, a 1-D object array or a Series holds
    sequences of any lengths, and so does the output. A 2-D array or a DataFrame is a
    table with one sequence in each row; the output is 2-D and, as everywhere in
    scikit-learn, later tables must have the same columns. A list of lists of numbers
    of one length is read as a matrix, as NumPy does, but with no claim on the number
    of columns of later input; a 1-D object array is never read so.

    A frozen model reads symbols by the numbers of the encoder that it was pretrained
    with, and another `fit` may number them otherwise: in a pipeline before frozen
    weights wrap the fitted encoder in a :class:`~sklearn.frozen.FrozenEstimator`.

    Two tokens are the same when they are equal and have equal hashes, as in a `dict`:
    ``1``, ``1.0`` and ``True`` are one token. None, NaN, NaT, ``pandas.NA``, masked
    numbers and the empty cells of a table are missing tokens, never part of the
    vocabulary.

    Examples
    --------
    >>> from skhmmdd.features import TokenEncoder
    >>> encoder = TokenEncoder().fit(["hidden", "in", "the", "end"])
    >>> print(*encoder.vocabulary_)
    d e h i n t
    >>> encoder.n_symbols_
    6
    >>> encoder.transform(["tide", "den"])
    array([array([5, 3, 0, 1], dtype=int32), array([0, 1, 4], dtype=int32)],
          dtype=object)
    >>> encoder.inverse_transform([[5, 3, 0, 1], [0, 1, 4]])
    ['tide', 'den']

    Tokens can be anything hashable, and be missing:

    >>> words = [["to", "be", "or", None, "to", "be"], ["that", "is"]]
    >>> TokenEncoder().fit_transform(words)[0]
    array([ 4,  0,  2, -1,  4,  0], dtype=int32)

    A rare token can stand for all those never seen:

    >>> encoder = TokenEncoder(handle_unknown="symbol", min_count=2)
    >>> encoder.fit_transform([["a", "b", "a"], ["b", "c"]])[1]
    array([1, 2], dtype=int32)
    >>> encoder.transform([["d", "a"]])[0]
    array([2, 0], dtype=int32)
    """

    vocabulary_: Array
    n_symbols_: int
    n_features_in_: int
    feature_names_in_: Names

    _parameter_constraints: dict = {  # noqa: RUF012
        "handle_unknown": [StrOptions({"error", "missing", "symbol"})],
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "dtype": "no_validation",  # in fit, against the vocabulary
    }

    def __init__(
        self,
        *,
        handle_unknown: Literal["error", "missing", "symbol"] = "error",
        min_count: int = 1,
        dtype: DTypeLike = np.int32,
    ) -> None:
        self.handle_unknown = handle_unknown
        self.min_count = min_count
        self.dtype = dtype

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: TokensLike, y: object = None) -> Self:
        """Learn the vocabulary.

        Parameters
        ----------
        X : list, 1-D object array or Series of sequences, or table of tokens
            Strings, or lists or 1-D arrays of hashable tokens, some of which may be
            empty; or a 2-D array or DataFrame with one sequence in each row.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        forget(self, *COLUMNS)  # a list of sequences has none
        read = read_tokens(X, lambda X: self._check_table(X, reset=True))
        warn_of_single_tokens(read)
        counts = np.bincount(read.codes, minlength=len(read.distinct)).tolist()
        kept = [
            token
            for token, count in zip(read.distinct, counts, strict=True)
            if count >= self.min_count and not is_missing(token)
        ]
        if not kept:
            raise ValueError(
                "The vocabulary would be empty: no token of X is observed "
                f"min_count={self.min_count} times or more."
            )
        kept = sort_tokens(kept)
        n_symbols = len(kept) + (self.handle_unknown == "symbol")
        dtype = np.dtype(self.dtype)
        if dtype.kind != "i" or n_symbols - 1 > np.iinfo(dtype).max:
            raise ValueError(
                "dtype must be a signed integer type, as -1 is the missing token, and "
                f"hold {n_symbols} symbols; got {dtype}."
            )
        if self.handle_unknown == "symbol":
            # For pretraining to reserve a symbol that these sequences may not hold.
            dtype = with_alphabet(dtype, n_symbols)
        self._dtype = dtype
        self.vocabulary_ = as_vocabulary(kept)
        self.n_symbols_ = n_symbols
        self._symbol_of = {token: symbol for symbol, token in enumerate(kept)}
        self._unknown = {"error": _UNKNOWN, "missing": _MISSING, "symbol": len(kept)}[
            self.handle_unknown
        ]
        self._kind = read.kind
        return self

    def inverse_transform(
        self, X: SequencesLike
    ) -> list[str] | list[list[Any]] | Array:
        """Turn symbols back into tokens.

        Parameters
        ----------
        X : list or 1-D object array of sequences of int, or 2-D array of int
            Symbols from 0 to ``n_symbols_ - 1``, and -1 for missing ones.

        Returns
        -------
        sequences : list or ndarray
            If `fit` saw strings a list of strings, in which U+FFFD stands for missing
            and unknown characters. If `fit` saw a table and `X` is 2-D, an array of
            its shape. Otherwise a list of lists. Missing and unknown tokens are
            None, or NaN if the vocabulary is of floats.
        """
        check_is_fitted(self)
        X = as_array(X)
        is_2d = isinstance(X, np.ndarray) and X.ndim == 2
        sequences = [np.asanyarray(as_array(s)) for s in X]
        lengths = measure(sequences)
        # An empty list would make floats of them all.
        full = [s for s in sequences if len(s)]
        symbols = np.ma.concatenate(full or [np.empty(0, np.intp)])
        if symbols.dtype.kind not in "iu":
            raise ValueError(f"Symbols of X must be integers, got {symbols.dtype}.")
        is_bad = (symbols < _MISSING) | (symbols >= self.n_symbols_)
        is_bad = is_bad.filled(False)
        if is_bad.any():
            first = np.argmax(is_bad)
            raise ValueError(
                f"Symbols must be in [-1, {self.n_symbols_ - 1}], got {symbols[first]} "
                f"in X[{sequence_of(first, lengths)}]."
            )
        missing = np.nan if self.vocabulary_.dtype.kind == "f" else None
        # The last place serves -1; the one before it an unknown token's own symbol.
        table = np.full(
            len(self.vocabulary_) + 2,
            _REPLACEMENT if self._kind == "strings" else missing,
            dtype=object,
        )
        table[:-2] = self.vocabulary_.tolist()
        tokens = table[symbols.astype(np.intp).filled(_MISSING)]
        if self._kind == "strings":
            text = "".join(tokens)
            return [text[i:j] for i, j in spans(lengths)]
        if self._kind == "table" and is_2d:
            tokens = tokens.reshape(len(sequences), -1)
            is_exact = missing is not None or not any(t is None for t in tokens.flat)
            return tokens.astype(self.vocabulary_.dtype) if is_exact else tokens
        tokens = tokens.tolist()
        return [tokens[i:j] for i, j in spans(lengths)]

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> Names:
        """Names of the output's columns.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of a table that had none in `fit`.

        Returns
        -------
        names : ndarray of str objects
            The names of the table's columns; the one name "sequence" if `fit` saw a
            list of sequences.
        """
        check_is_fitted(self)
        if hasattr(self, "n_features_in_"):
            return super().get_feature_names_out(input_features)
        return np.array(["sequence"], dtype=object)

    def _check_table(self, X, reset=False):
        table = X if issparse(X) else filled(as_array(X), None)
        try:
            # An infinite number is a token like any other.
            table = check_array(table, dtype=None, ensure_all_finite=False)
            if table.dtype.kind == "V":
                raise ValueError(f"A token cannot be of type {table.dtype}.")
        except (ValueError, TypeError) as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"X is no list of sequences, and no table of tokens: {error}"
            ) from None
        if reset or hasattr(self, "n_features_in_"):
            check_columns(self, X if is_table(X) else table, reset=reset)
        return table

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = []
        return tags
