"""Print each CPython at hand that can run the package, oldest first: version, path.

One a minor version, released, with the GIL, and able to make an environment. They are
looked for under the names `python3` and `python3.x` on the PATH, and among pyenv's
versions, which need not be on it.
"""

import os
import re
import subprocess
from pathlib import Path

OLDEST = (3, 11)
ASK = """
import ensurepip, sys, sysconfig, venv
is_cpython = sys.implementation.name == "cpython"
has_gil = not sysconfig.get_config_var("Py_GIL_DISABLED")
if is_cpython and has_gil and sys.version_info.releaselevel == "final":
    print(*sys.version_info[:2])
"""


def candidates():
    """Paths that may be a Python: those on the PATH first."""
    folders = [Path(name) for name in os.environ.get("PATH", "").split(os.pathsep)]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    folders += sorted(pyenv.glob("versions/3.*/bin"), key=numbers, reverse=True)
    for folder in folders:
        yield folder / "python3"
        if folder.is_dir():
            yield from (
                p for p in folder.iterdir() if re.fullmatch(r"python3\.\d+", p.name)
            )


def numbers(path):
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


def minor_version(path):
    """`(3, minor)` of what starts at the path; None if it is not one to use."""
    try:
        answer = subprocess.run([path, "-c", ASK], capture_output=True, text=True)
    except OSError:
        return None
    # A shim of pyenv whose version is not switched on says so, and fails.
    words = answer.stdout.split() if answer.returncode == 0 else []
    return tuple(map(int, words)) if words else None


found = {}
for path in candidates():
    if path.is_file() and (version := minor_version(path)):
        found.setdefault(version, path)
for version, path in sorted(found.items()):
    if version >= OLDEST:
        print(".".join(map(str, version)), path)
