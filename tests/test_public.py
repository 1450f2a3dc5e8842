"""That what a user can call is annotated and documented, whole.

How good the annotations are is for mypy to say, of `typing_sample.py`.
"""

import inspect
import pydoc
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import skhmmdd
from skhmmdd import theory

PUBLIC = {f"skhmmdd.{name}": getattr(skhmmdd, name) for name in skhmmdd.__all__}
PUBLIC |= {f"skhmmdd.theory.{name}": getattr(theory, name) for name in theory.__all__}

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
CHECKS = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"]["numpydoc_validation"]


def members_of(thing):
    """The package's own methods and properties of a class, by name, as functions."""
    found = {}
    for name in dir(thing) if inspect.isclass(thing) else ():
        member = inspect.getattr_static(thing, name)
        if isinstance(member, property):
            member = member.fget
        member = getattr(member, "__func__", member)
        if inspect.isfunction(member) and member.__module__.startswith("skhmmdd"):
            found[name] = member
    return found


def is_result(thing):
    return inspect.isclass(thing) and issubclass(thing, tuple)


@pytest.mark.parametrize("name", PUBLIC)
def test_annotations(name):
    thing = PUBLIC[name]
    functions = [
        member
        for method, member in members_of(thing).items()
        if method == "__init__" or not method.startswith("_")
    ]
    for function in functions if inspect.isclass(thing) else [thing]:
        signature = inspect.signature(function)
        bare = [
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.annotation is parameter.empty
            and parameter.name not in ("self", "cls")
        ]
        assert not bare, f"{function.__qualname__} has bare parameters: {bare}"
        assert signature.return_annotation is not signature.empty, function.__qualname__


@pytest.mark.parametrize("name", PUBLIC)
def test_signatures_are_short_enough_to_read(name):
    """`help` shows the names of types, not the unions that they stand for."""
    thing = PUBLIC[name]
    functions = {name: thing}
    if inspect.isclass(thing):
        functions = members_of(thing)
    for method, function in functions.items():
        if method.startswith("_") and method != "__init__":
            continue
        signature = inspect.signature(function)
        parameters = signature.parameters.values()
        annotations = [signature.return_annotation, *(p.annotation for p in parameters)]
        longest = max(map(inspect.formatannotation, annotations), key=len)
        assert len(longest) < 60, f"{method}: {longest}"
        # A few words for each, where there are many.
        assert len(str(signature)) < max(200, 45 * len(parameters)), (
            f"{method}{signature}"
        )


def test_help_of_fit_names_its_types():
    shown = pydoc.render_doc(skhmmdd.BaumWelch.fit, renderer=pydoc.plaintext)
    shown = " ".join(shown.split())  # newer Python breaks the lines
    assert "X: 'Corpus', y: 'object' = None, sample_weight: 'ArrayLike | None'" in shown
    assert "Union[" not in shown


@pytest.mark.parametrize("name", PUBLIC)
def test_annotated_attributes_appear_only_in_fit(name):
    for attribute in getattr(PUBLIC[name], "__annotations__", ()):
        if attribute.endswith("_"):
            assert not hasattr(PUBLIC[name], attribute)


@pytest.mark.parametrize("name", PUBLIC)
def test_documented_attributes_are_annotated(name):
    scraper = pytest.importorskip("numpydoc.docscrape")
    thing = PUBLIC[name]
    known = {
        attribute
        for kind in getattr(thing, "__mro__", ())
        for attribute in (*getattr(kind, "__annotations__", ()), *vars(kind))
    }
    section = scraper.NumpyDocString(inspect.getdoc(thing)).get("Attributes")
    documented = {one for entry in section for one in entry.name.split(", ")}
    assert documented <= known


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings(name):
    checker = pytest.importorskip("numpydoc.validate")
    thing, excused = PUBLIC[name], set(CHECKS["checks"])
    assert "all" in excused, "the rest are the exceptions to it"
    # The fields of a result are in its Attributes, and what makes it has the example.
    of_result = {"PR01", "EX01"} if is_result(thing) else set()
    faults = [
        (code, message)
        for code, message in checker.validate(name)["errors"]
        if code not in excused | of_result
    ]
    for method in members_of(thing):
        if not method.startswith("_"):
            faults += [
                (method, code, message)
                for code, message in checker.validate(f"{name}.{method}")["errors"]
                if code not in excused | {"EX01"}
            ]
    assert not faults


def test_the_marker_of_a_typed_package_ships():
    assert files("skhmmdd").joinpath("py.typed").is_file()
