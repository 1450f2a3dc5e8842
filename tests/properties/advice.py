"""An audit of what summaries say: their sentences against the risk on other rows.

    PYTHONPATH=. python tests/properties/advice.py --tables 320 --seed 1

draws labelled tables of every kind, has a curve and a forecast of each put into words,
and holds every sentence against the risk on rows that neither has seen. It prints how
many sentences there were of each kind, and which of them failed.
"""

import argparse
import re
import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from sklearn import datasets
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from skhmmdd import (
    BaumWelch,
    DoubleDescentCurve,
    HeadClassifier,
    HeadRegressor,
    HMMFeatureTransformer,
    LeadingColumns,
    TokenEncoder,
    forecast_risk,
    load_syllables,
    load_valence,
    make_hmm_classification,
    make_hmm_regression,
    make_linear_gaussian_hmm,
    make_markov_reward_process,
    width_path,
)

# An advised width may have this much more risk than the best of all widths.
TOLERATED = 1.5
# Kinds of sentences that claim safety; the others are checked for what they say.
SAFETY = ("best at", "choose", "take", "nothing to avoid", "surely within")

# Rows of a pool: so many, that what is left beside the labels judges well.
_POOL = 2000


class Table(NamedTuple):
    """A labelled set, and rows of the same distribution to judge by.

    Attributes
    ----------
    name : str
        Where it is from, and what was done to it.
    X, y : ndarray of shape (n_rows, n_columns), (n_rows,)
        All rows; nested columns.
    labelled : ndarray of int of shape (n_labels,)
        The rows whose labels are spent, some perhaps twice.
    held_out : ndarray of int
        Rows that share nothing with those.
    groups : ndarray of int of shape (n_rows,) or None
        Which rows belong together.
    classes : bool
        Whether `y` holds classes.
    """

    name: str
    X: np.ndarray
    y: np.ndarray
    labelled: np.ndarray
    held_out: np.ndarray
    groups: np.ndarray | None
    classes: bool


def random_features(X, width, seed):
    """Random ReLU features of standardised columns."""
    rng = np.random.RandomState(seed)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    weights = rng.standard_normal((X.shape[1], width)) / np.sqrt(X.shape[1])
    return np.maximum(X @ weights + 0.5 * rng.standard_normal(width), 0)


def _bundled(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return X, y, name != "diabetes"


def _spellings():
    words, counts = load_syllables(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(words))[: 2 * _POOL]
    codes = TokenEncoder().fit_transform(words[order])
    models = [
        BaumWelch(24, max_iter=8, tol=0, random_state=seed).fit(codes[_POOL:]).hmm_
        for seed in range(10)
    ]
    features = [
        HMMFeatureTransformer(
            model, 23, readout="identity", pooling="sum"
        ).fit_transform(codes[:_POOL])
        for model in models
    ]
    return np.hstack(features), counts[order[:_POOL]].astype(float), False


def _embeddings():
    words = load_valence(embeddings=True)
    order = np.random.RandomState(0).permutation(len(words.target))[:_POOL]
    return words.embeddings[order].astype(float), words.target[order], False


def _beliefs(preset, n_classes=None):
    options = {"preset": preset, "random_state": 0}
    if n_classes:
        X, y, truth = make_hmm_classification(_POOL, n_classes=n_classes, **options)
    else:
        X, y, truth = make_hmm_regression(_POOL, **options)
    features = HMMFeatureTransformer(truth.hmm, 400, random_state=0)
    return features.fit_transform(X), y, n_classes is not None


def _linear_gaussian():
    X, y, _ = make_linear_gaussian_hmm(_POOL, n_features=300, random_state=0)
    return X, y[:, 0], False


def _rewards():
    X, rewards, _, _ = make_markov_reward_process(
        400, _POOL, random_state=0, n_features=300
    )
    noise = np.random.RandomState(0).standard_normal(len(rewards))
    return X, rewards + 0.3 * noise, False


def _gaussian(decay):
    rng = np.random.RandomState(3)
    X = rng.standard_normal((_POOL, 300)) * np.geomspace(1, decay, 300)
    return X, X[:, :40] @ rng.standard_normal(40) + rng.standard_normal(_POOL), False


def _together():
    """Groups of four rows alike."""
    rng = np.random.RandomState(4)
    centres = np.repeat(rng.standard_normal((_POOL // 4, 250)), 4, axis=0)
    X = np.sqrt(0.9) * centres + np.sqrt(0.1) * rng.standard_normal((_POOL, 250))
    shared = np.repeat(rng.standard_normal(_POOL // 4), 4)
    return X, X[:, :20] @ rng.standard_normal(20) + shared, False


_SOURCES = {
    "diabetes": lambda: _bundled("diabetes"),
    "digits": lambda: _bundled("digits"),
    "iris": lambda: _bundled("iris"),
    "wine": lambda: _bundled("wine"),
    "breast cancer": lambda: _bundled("breast_cancer"),
    "spellings": _spellings,
    "embeddings": _embeddings,
    "beliefs, second descent": lambda: _beliefs("second_descent"),
    "beliefs, first minimum": lambda: _beliefs("first_minimum"),
    "classes of beliefs": lambda: _beliefs("second_descent", 3),
    "linear-Gaussian": _linear_gaussian,
    "rewards": _rewards,
    "Gaussian": lambda: _gaussian(1.0),
    "Gaussian, decaying": lambda: _gaussian(0.03),
    "groups": _together,
}
SOURCES = tuple(_SOURCES)
_MAPPED = ("diabetes", "iris", "wine", "breast cancer")

FAULTS = (
    *("none", "none", "none", "duplicated rows", "constant columns"),
    *("repeated columns", "dependent columns", "heteroscedastic", "heavy tails"),
)


@cache
def _pool(source):
    return _SOURCES[source]()


def make_table(source, fault, n_labels, seed):
    """A table of one source with one fault.

    Parameters
    ----------
    source : str
        One of `SOURCES`.
    fault : str
        One of `FAULTS`.
    n_labels : int
    seed : int

    Returns
    -------
    Table
    """
    X, y, classes = _pool(source)
    rng = np.random.RandomState(seed)
    if source in _MAPPED or (source == "digits" and seed % 2):
        X = random_features(X, 300, seed)
    elif source == "digits":
        X = X[:, rng.permutation(X.shape[1])]
    X, y = _spoil_columns(X, fault, rng), y.copy()
    if not classes:
        y = _spoil_targets(X, y.astype(float), fault, rng)
    groups = None
    if source == "groups":
        groups = np.arange(len(X)) // 4
        order = np.concatenate(rng.permutation(np.arange(len(X)).reshape(-1, 4)))
    else:
        order = rng.permutation(len(X))
    n_labels = min(n_labels, len(X) // 2)
    labelled, held_out = order[:n_labels], order[n_labels:]
    if groups is not None:
        held_out = held_out[~np.isin(groups[held_out], groups[labelled])]
    if fault == "duplicated rows":
        labelled = np.sort(np.r_[labelled[: (n_labels + 1) // 2]].repeat(2))[:n_labels]
    name = source if fault == "none" else f"{source}, {fault}"
    return Table(name, X, y, labelled, held_out, groups, classes)


def _spoil_columns(X, fault, rng):
    if fault == "constant columns":
        X = np.insert(X, rng.randint(X.shape[1], size=X.shape[1] // 4), 1.0, axis=1)
    elif fault == "repeated columns":
        X = X[:, np.sort(rng.randint(X.shape[1], size=X.shape[1]))]
    elif fault == "dependent columns":
        few = rng.standard_normal((X.shape[1] // 3, X.shape[1]))
        X = X[:, : len(few)] @ few / np.sqrt(len(few))
    return X


def _spoil_targets(X, y, fault, rng):
    spread = y.std()
    if fault == "heteroscedastic":
        size = np.linalg.norm(X - X.mean(axis=0), axis=1)
        size = np.exp(2 * (size - size.mean()) / size.std())
        y += spread * size / np.sqrt(np.mean(size**2)) * rng.standard_normal(len(y))
    elif fault == "heavy tails":
        y += 0.5 * spread * rng.standard_t(2.5, len(y))
    return y


# What is said ----------------------------------------------------------------------


class Verdict(NamedTuple):
    """One sentence of one summary, and whether it came true.

    Attributes
    ----------
    table : str
    source : {"curve", "forecast"}
    kind : str
        One of `SAFETY`, or "danger zone", "peak", "threshold", "expected risk".
    true : bool or None
        None where the summary says itself that it is too close to call.
    ratio : float
        The risk that follows over that of the best width; of an expected risk, what was
        said over what came true.
    words : str
    """

    table: str
    source: str
    kind: str
    true: bool | None
    ratio: float
    words: str


def said_widths(text, widths):
    """Which widths each claim of safety of a summary leads to, by kind."""
    said = {}
    if found := re.search(r"Best: \S+ at (\S+?)[,.] ", text):
        said["best at"] = widths == float(found[1])
    if found := re.search(r"Take (\S+?)[.:] ", text):
        said["take"] = widths == float(found[1])
    if "nothing here has to be avoided" in text:
        said["nothing to avoid"] = np.ones(len(widths), dtype=bool)
    if found := re.search(r"Choose a width ([^.:,]*)[.,]", text):
        said["choose"] = _named(found[1].split(" or "), widths)
    if found := re.search(r"Surely within \S+ times of the lowest: ([^.]*)\.", text):
        parts = re.split(", | and ", found[1].removesuffix(" and others"))
        said["surely within"] = _named(parts, widths)
    for word, end in (("large", -1), ("small", 0)):
        if f"Choose a {word} width" in text:
            said["choose"] = widths == widths[end]
    return said


def _named(parts, widths):
    """The widths of parts such as "above 8", "below 3", "from 4 to 6", "of 4"."""
    chosen = np.zeros(len(widths), dtype=bool)
    for part in parts:
        numbers = [float(one) for one in re.findall(r"\d\S*", part)]
        if part.startswith("above"):
            chosen |= widths > numbers[0]
        elif part.startswith("below"):
            chosen |= widths < numbers[0]
        else:
            chosen |= (widths >= numbers[0]) & (widths <= numbers[-1])
    return chosen


def judge(table, source, text, widths, truth):
    """Hold a summary against what came true.

    Parameters
    ----------
    table : str
    source : {"curve", "forecast"}
    text : str
        The summary.
    widths : ndarray of shape (n_widths,)
    truth : ndarray of shape (n_widths, n_sets)
        Risks on rows held out. A forecast is of their mean, a curve of their median
        over training sets. A width is worse than another if it is so by more than what
        these sets leave to chance.

    Returns
    -------
    list of Verdict
    """
    text = text.replace("\n  ", " ").replace("\n", " ")
    middle = np.mean if source == "forecast" else np.median
    risk = middle(truth, axis=1)
    best = int(np.argmin(risk))
    above = truth - truth[best]
    error = above.std(axis=1, ddof=1) / np.sqrt(truth.shape[1])
    surely_above = above.mean(axis=1) > 2 * error
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(risk > 0, risk / risk[best], 1.0)
    close = "Too close to call" in text
    verdicts = []

    def add(kind, true, ratio, words):
        verdicts.append(Verdict(table, source, kind, true, float(ratio), words))

    for kind, chosen in said_widths(text, widths).items():
        times, is_hedged = TOLERATED, close
        if found := re.search(r"Surely within (\S+) times", text):
            # That is no matter of doubt.
            if kind == "surely within":
                times, is_hedged = float(found[1]), False
        worse = chosen & (ratio > times) & surely_above
        true = None if is_hedged else not worse.any()
        add(kind, true, ratio[chosen].max(), text[text.index("Best:") :])
    if found := re.search(r"Danger zone: (\S+) to (\S+),", text):
        inside = (widths >= float(found[1])) & (widths <= float(found[2]))
        add("danger zone", ratio[inside].max() > TOLERATED, ratio[inside].max(), text)
    if found := re.search(r"Peak: \S+ at (\S+), (\S+) times", text):
        here = ratio[widths == float(found[1])].max()
        add("peak", here > TOLERATED or float(found[2]) < 2 * TOLERATED, here, text)
    if found := re.search(r"Best: (\S+) at (\S+?)[,.] (.*?)Danger zone", text):
        told = re.search(r"expect (\S+?)\. ", found[3])
        expected = float(told[1] if told else found[1])
        came = risk[widths == float(found[2])][0]
        if came > 0:
            share = expected / came
            add("expected risk", TOLERATED > share > 1 / TOLERATED, share, text)
    return verdicts


# What came true ---------------------------------------------------------------------

_HELD_OUT, _SETS = 1000, 8


class Measured(NamedTuple):
    """What sentences on one table are judged by, whatever they say.

    Attributes
    ----------
    table : Table
        Its rows are those of `X` and `y` that are labelled, and no others.
    widths : ndarray of int
        The widths of `truth`.
    truth : ndarray of shape (n_widths, n_sets)
        Risk of heads trained on these rows, on sets of rows held out.
    curve : DoubleDescentCurve or None
        Fitted to these rows; None where they are too few to split.
    curve_truth : ndarray of shape (n_complexities, n_sets) or None
        Its risks with fresh rows in both sets.
    """

    table: Table
    widths: np.ndarray
    truth: np.ndarray
    curve: DoubleDescentCurve | None
    curve_truth: np.ndarray | None


def forecast_of(table):
    """The forecast from the labelled rows of a table."""
    rows = table.labelled
    groups = None if table.groups is None else table.groups[rows]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of copies
        return forecast_risk(
            table.X[rows], table.y[rows], classifier=table.classes, groups=groups
        )


def measure(table, rng):
    """Risks on other rows, for a forecast and for a curve.

    Parameters
    ----------
    table : Table
    rng : RandomState

    Returns
    -------
    Measured
    """
    rows = table.labelled
    widths = forecast_of(table).widths
    truth = risk_of_rows(table, widths)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # classes rarer than folds
            curve, curve_truth = _measure_curve(table, rng)
    except ValueError as error:
        # Too few of a class, or of groups, to split
        if not re.search("n_splits|least populated|should be greater", str(error)):
            raise
        curve = curve_truth = None
    own = table._replace(
        X=table.X[rows],
        y=table.y[rows],
        labelled=np.arange(len(rows)),
        held_out=np.empty(0, dtype=int),
        groups=None if table.groups is None else table.groups[rows],
    )
    return Measured(own, widths, truth, curve, curve_truth)


def risk_of_rows(table, widths):
    """Risk of heads on the labelled rows, (n_widths, n_sets)."""
    X, y, rows = table.X, table.y, table.labelled
    parts = np.array_split(table.held_out[:_HELD_OUT], _SETS)
    if table.classes:
        curve = DoubleDescentCurve(
            make_pipeline(LeadingColumns(), HeadClassifier()),
            "leadingcolumns__n_components",
            widths,
            cv=[(rows, part) for part in parts],
        )
        return curve.fit(X, y).test_risk_
    paths = [
        width_path(X[rows], y[rows], X[part], y[part], widths=widths) for part in parts
    ]
    return np.stack([path.test_risk for path in paths], axis=1)


def _measure_curve(table, rng):
    """A curve from the labelled rows, and its risks with fresh rows."""
    rows, n = table.labelled, len(table.labelled)
    head = HeadClassifier() if table.classes else HeadRegressor()
    if table.classes:
        risk = str(rng.choice(["squared_error", "zero_one_error", "accuracy"]))
    else:
        risk = str(rng.choice(["squared_error", "squared_error", "absolute_error"]))
        risk = "r2" if rng.rand() < 0.1 else risk
    cv, train_size = [(5, None), (10, 0.7), (5, 0.8)][rng.randint(3)]
    if table.groups is not None:
        cv, train_size = GroupKFold(5), None
    scored = risk in ("accuracy", "r2")
    widths = np.geomspace(1, table.X.shape[1], 14 if scored else 28)
    near = 0.8 * n * np.array([0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.5, 2])
    widths = np.unique(np.r_[widths, near].astype(int))
    widths = widths[(widths >= 1) & (widths <= table.X.shape[1])]
    curve = DoubleDescentCurve(
        make_pipeline(LeadingColumns(), head),
        "leadingcolumns__n_components",
        widths,
        cv=cv,
        train_size=train_size,
        risk=risk,
        random_state=rng.randint(2**31),
    )
    known = {} if table.groups is None else {"groups": table.groups[rows]}
    curve.fit(table.X[rows], table.y[rows], **known)
    fresh = DoubleDescentCurve(
        curve.estimator,
        curve.param_name,
        widths,
        cv=[_fresh_split(table, curve.n_train_, seed) for seed in range(_SETS)],
        risk=risk,
    ).fit(table.X, table.y)
    return curve, fresh.test_risk_


def _fresh_split(table, n_train, seed):
    """A training set of a size, with the same fault, and rows to test on."""
    rng = np.random.RandomState(seed)
    if table.groups is not None:
        order = rng.permutation(table.groups.max() + 1)
        n_groups = n_train // 4
        train, test = order[:n_groups], order[n_groups:][: _HELD_OUT // 4]
        return tuple(
            np.flatnonzero(np.isin(table.groups, part)) for part in (train, test)
        )
    order = rng.permutation(len(table.y))
    train, test = order[:n_train], order[n_train:][:_HELD_OUT]
    if "duplicated rows" in table.name:
        train = train[: n_train // 2].repeat(2)
    return train, test


def measure_tables(n_tables, seed):
    """Draw tables, and measure what their sentences are judged by.

    Parameters
    ----------
    n_tables : int
    seed : int

    Yields
    ------
    Measured
    """
    for number in range(n_tables):
        rng = np.random.RandomState([seed, number])
        source = SOURCES[number % len(SOURCES)]
        fault = FAULTS[rng.randint(len(FAULTS))]
        n_labels = int(np.exp(rng.uniform(np.log(20), np.log(300))))
        table = make_table(source, fault, n_labels, rng.randint(2**31))
        table = table._replace(name=f"{number}: {table.name}, {len(table.labelled)}")
        if table.classes:
            counts = np.unique(table.y[table.labelled], return_counts=True)[1]
            if len(counts) < 2 or counts.min() < 2:
                continue
        yield measure(table, rng)


def audit(measured):
    """Verdicts on the summaries of tables.

    Parameters
    ----------
    measured : iterable of Measured

    Returns
    -------
    list of Verdict
    """
    verdicts = []
    for table, widths, truth, curve, curve_truth in measured:
        forecast = forecast_of(table)
        verdicts += judge(table.name, "forecast", forecast.summary(), widths, truth)
        if curve is not None:
            name = f"{table.name}, {curve.risk}"
            said = curve.complexity_, curve_truth
            verdicts += judge(name, "curve", curve.summary(), *said)
    return verdicts


def read_or_measure(n_tables, seed, folder):
    """What `measure_tables` gives, kept in a folder, as it takes most of the time."""
    kept = Path(folder) / f"{n_tables}-{seed}.joblib"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(list(measure_tables(n_tables, seed)), kept, compress=3)
    return joblib.load(kept)


def report(verdicts):
    """Counts by kind, and what failed, as lines."""
    lines = [f"{'sentence':<26}{'said':>6}{'true':>6}{'false':>6}{'too close':>11}"]
    counts = Counter((one.source, one.kind, one.true) for one in verdicts)
    for source, kind in sorted({(one.source, one.kind) for one in verdicts}):
        true, false, close = (counts[source, kind, is_] for is_ in (True, False, None))
        lines.append(
            f"{f'{source}, {kind}':<26}{true + false + close:>6}{true:>6}{false:>6}"
            f"{close:>11}"
        )
    for source in ("curve", "forecast"):
        shares = [
            one.ratio
            for one in verdicts
            if one.kind == "expected risk" and one.source == source
        ]
        lines.append(
            f"{source}: expected risk over what came true, median "
            f"{np.median(shares):.2f}"
        )
    # Of what is too close to call: was the best as good as any, after all?
    for source in ("curve", "forecast"):
        close = [
            one.ratio <= TOLERATED
            for one in verdicts
            if (one.source, one.kind, one.true) == (source, "best at", None)
        ]
        lines.append(
            f"{source}: {len(close)} too close to call; in {sum(close)} of them the "
            f"best was within {TOLERATED:g} times of all others"
        )
    lines += [
        f"FALSE {one.source}, {one.kind}, {one.ratio:.2f}: {one.table}. {one.words}"
        for one in failures(verdicts)
    ]
    return lines


def failures(verdicts):
    """Claims of safety that were false."""
    return [one for one in verdicts if one.kind in SAFETY and one.true is False]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=320)
    parser.add_argument("--seed", type=int, nargs="+", default=[1])
    parser.add_argument(
        "--keep", metavar="FOLDER", help="where risks are kept, to judge again"
    )
    options = parser.parse_args()
    verdicts = []
    for seed in options.seed:
        measured = (
            read_or_measure(options.tables, seed, options.keep)
            if options.keep
            else measure_tables(options.tables, seed)
        )
        verdicts += audit(measured)
    print("\n".join(report(verdicts)))
