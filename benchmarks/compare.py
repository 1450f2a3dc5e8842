"""Run the tasks and print one Markdown table; started by `run.py`."""

import argparse
import contextlib
import datetime
import os
import platform
import sys
import warnings
from importlib import import_module, metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

TASKS = (
    "filtering",
    "single",
    "long",
    "repeated",
    "em",
    "pretraining",
    "fisher",
    "threads",
    "memory",
    "corpus",
    "heads",
    "widths",
    "descent",
    "values",
    "neighbors",
    "ranks",
    "pruning",
    "softmax",
    "closed_forms",
    "evidence",
    "curve",
)
PACKAGES = (
    *("skhmmdd", "numpy", "scipy", "scikit-learn"),
    *("hmmlearn", "pomegranate", "torch", "dynamax", "jax"),
)
COLUMNS = (
    *("floor", "skhmmdd", "hmmlearn posteriors", "hmmlearn forward", "hmmlearn"),
    *("dynamax", "pomegranate", "scikit-learn"),
    *("expected counts", "finite differences"),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, head = [], heading(options.quick)
    for name in options.tasks:
        module = import_module(f"tasks.{name}")
        for row in module.rows(options.quick):
            print(f"{row.task}: {row.seconds}", file=sys.stderr, flush=True)
            rows.append(row)
    report = "\n".join([*head, *table(rows), "", *remarks(), ""])
    print(report)
    if options.write:
        (HERE / "RESULTS.md").write_text(report, encoding="utf-8")


def heading(quick):
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(f"{package} missing")
    kind = " (quick)" if quick else ""
    return [
        f"# Benchmarks{kind}",
        "",
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} cores, "
        f"{platform.system()}, Python {platform.python_version()}; "
        + ", ".join(versions)
        + "."
        + load(),
        "",
    ]


def load():
    """How busy the machine is otherwise: what a reader of medians should know."""
    if not hasattr(os, "getloadavg"):
        return ""
    return f" Load average before the run: {os.getloadavg()[0]:.1f}."


def processor():
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.processor() or platform.machine()


def table(rows):
    columns = [c for c in COLUMNS if any(c in row.seconds for row in rows)]
    notes = any(row.note for row in rows)
    head = ["task", *columns, *(["remark"] if notes else [])]
    yield f"| {' | '.join(head)} |"
    yield f"| --- |{' ---: |' * len(columns)}{' --- |' if notes else ''}"
    for row in rows:
        ours = row.seconds["skhmmdd"]
        cells = [row.task]
        for column in columns:
            cells.append(cell(column, row.seconds.get(column), ours))
        if notes:
            cells.append(row.note)
        yield f"| {' | '.join(cells)} |"


def cell(column, seconds, ours):
    if seconds is None:
        return ""
    text = f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.1f} s"
    if column == "skhmmdd":
        return f"**{text}**"
    ratio = seconds / ours
    digits = 2 if ratio < 2 else 1 if ratio < 20 else 0
    return f"{text} ({ratio:,.{digits}f})"


def remarks():
    yield (
        "Medians of repeats in which the contenders take turns, each timed right after "
        "an untimed run of its own, on one thread unless said otherwise; in brackets, "
        "how many times the time of skhmmdd. Compilation and conversion of inputs are "
        "left out. The floor is the bare matrix products of a task in their best block "
        "size, without emissions, scaling or results. hmmlearn runs its faster "
        '`implementation="scaling"`: *posteriors* is `score_samples`, the only call '
        "that gives a distribution of the state at each step, *forward* is `score`, "
        "its forward pass alone. dynamax and pomegranate compute in single precision. "
        "An empty cell: not measured, missing, or no such thing."
    )


if __name__ == "__main__":
    main()
