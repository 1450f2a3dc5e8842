"""Names for the types of arguments and results."""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[Any]
Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.integer[Any]]
Names: TypeAlias = NDArray[np.object_]

# A float where every argument is a single number, else an array. As with NumPy's own
# functions no checker can tell which, and a union would have to be taken apart at every
# use.
FloatOrFloats: TypeAlias = Any

RandomState: TypeAlias = int | np.random.RandomState | None
StrPath: TypeAlias = str | PathLike[str]
CovarianceType: TypeAlias = Literal["diag", "full"]


class Frame(Protocol):
    """A dataframe, of pandas, polars or any library like them."""

    def __iter__(self) -> Iterator[Any]: ...

    @property
    def columns(self) -> Any: ...

    @property
    def shape(self) -> tuple[int, int]: ...


# One sequence a row, and the results are arrays; or one sequence an item, and the
# results are lists.
SequenceTable: TypeAlias = NDArray[np.number[Any] | np.bool_] | Frame
SequenceList: TypeAlias = Sequence[ArrayLike] | NDArray[np.object_]
SequencesLike: TypeAlias = SequenceTable | SequenceList
# Sequences, or an iterable of batches of them.
Corpus: TypeAlias = SequencesLike | Iterable[SequencesLike]
# Strings, sequences of tokens, or a table of tokens.
TokensLike: TypeAlias = Iterable[Any]
