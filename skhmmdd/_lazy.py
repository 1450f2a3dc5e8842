"""Public names of a package, imported when they are first asked for."""

import ast
import sys
from importlib import import_module
from pkgutil import get_data


def lazy_names(package):
    """`__getattr__`, `__dir__` and `__all__` of a package, read from its stub.

    The stub `__init__.pyi` imports the names as the package itself would, and is what
    type checkers and editors see: a name is listed in one place.

    Parameters
    ----------
    package : str
        Its full name, `__name__` in its own `__init__.py`.
    """
    sources, public = {}, []
    for node in ast.parse(get_data(package, "__init__.pyi")).body:
        if isinstance(node, ast.ImportFrom):
            sources |= {alias.name: node.module for alias in node.names}
        elif isinstance(node, ast.Assign):
            public = ast.literal_eval(node.value)

    def __getattr__(name):
        if name not in sources:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if sources[name] == package:
            return import_module(f"{package}.{name}")
        value = getattr(import_module(sources[name]), name)
        # The next time it is found without a call.
        setattr(sys.modules[package], name, value)
        return value

    def __dir__():
        return sorted({*vars(sys.modules[package]), *sources})

    return __getattr__, __dir__, public
