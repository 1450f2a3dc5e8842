"""What TokenEncoder encodes comes back, whatever the tokens and their container."""

import numpy as np
import pandas as pd
from campaign import holds_for, note
from hypothesis import strategies as st

from skhmmdd import TokenEncoder

# Accents that combine, a lone surrogate, a character beyond 16 bits, blanks and nulls.
LETTERS = st.sampled_from("abcA \x00\n\u00e9e\u0301\ud800\ufffd\U0001f600\U0010ffff")
TOKENS = st.one_of(
    st.text(LETTERS, max_size=3),
    st.integers(-(2**60), 2**60),
    st.tuples(st.integers(0, 3), st.text(LETTERS, max_size=1)),
    st.booleans(),
    st.floats(allow_nan=False, width=16),
)


@holds_for(
    st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=6),
    quick=15,
    campaign=400,
)
def test_strings(case):
    encoder = TokenEncoder().fit(case)
    assert set(encoder.vocabulary_) == set("".join(case))
    forms = case, tuple(case), np.array(case, object), pd.Series(case, dtype=object)
    for form in forms:
        symbols = encoder.transform(form)
        assert encoder.inverse_transform(symbols) == case
    assert [len(s) for s in symbols] == [len(text) for text in case]
    note("TokenEncoder", "strings")


@holds_for(
    st.lists(st.lists(TOKENS, min_size=1, max_size=6), min_size=1, max_size=5),
    quick=15,
    campaign=400,
)
def test_lists(case):
    encoder = TokenEncoder().fit(case)
    flat = [token for sequence in case for token in sequence]
    assert encoder.n_symbols_ == len(set(flat)) == len(encoder.vocabulary_)
    symbols = encoder.transform(case)
    back = encoder.inverse_transform(symbols)
    # Equal tokens are one: 1, 1.0 and True.
    assert [list(s) for s in back] == case
    again = encoder.transform(back)
    assert all((a == b).all() for a, b in zip(symbols, again, strict=True))
    note("TokenEncoder", "lists")


@st.composite
def token_tables(draw):
    n, width = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    cell = draw(st.sampled_from([st.text("abc", max_size=2), st.integers(0, 4)]))
    rows = st.lists(cell, min_size=width, max_size=width)
    return draw(st.lists(rows, min_size=n, max_size=n)), draw(st.booleans())


@holds_for(token_tables(), quick=15, campaign=300)
def test_tables(case):
    rows, gaps = case
    table = np.array(rows, dtype=object)
    if gaps:
        table[0, -1] = None
    encoder = TokenEncoder().fit(table)
    symbols = encoder.transform(table)
    assert symbols.shape == table.shape
    assert ((symbols == -1) == (table == None)).all()  # noqa: E711
    back = encoder.inverse_transform(symbols)
    assert (back == table).all()
    framed = pd.DataFrame(table)
    assert (TokenEncoder().fit_transform(framed) == symbols).all()
    note("TokenEncoder", "tables")
