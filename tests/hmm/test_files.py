"""Files: what saving keeps and loading refuses; what crashes do, see test_faults.py."""

import json
import os
import socket
import stat
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from random_models import random_hmm

from skhmmdd import CategoricalHMM, GaussianHMM, HMMFamily, LinearGaussianHMM
from skhmmdd.hmm.models import _atomic
from skhmmdd.hmm.models._atomic import replacing
from skhmmdd.hmm.pretraining._checkpoints import Checkpoint
from skhmmdd.hmm.pretraining._em_loop import Run

posix = pytest.mark.skipif(os.name != "posix", reason="needs modes, links and locks")


def a_checkpoint(path, n_starts=3):
    names = CategoricalHMM._array_names
    return Checkpoint(path, "f" * 64, CategoricalHMM, names, n_starts)


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# Saving ---------------------------------------------------------------------------


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666])
def test_mode_is_kept(tmp_path, mode):
    path = tmp_path / "weights"
    path.write_bytes(b"")
    path.chmod(mode)
    if not os.access(path, os.W_OK):
        pytest.skip("what may not be written is refused, see below")
    random_hmm("categorical").save(path)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_mode_of_a_new_file_is_what_the_umask_leaves(tmp_path, umask):
    before = os.umask(umask)
    try:
        random_hmm("categorical").save(tmp_path / "weights")
        HMMFamily([random_hmm("diag")]).save(tmp_path / "family")
        a_checkpoint(tmp_path / "state").save(
            np.random.RandomState(0).get_state(), [], None, None
        )
    finally:
        os.umask(before)
    for name in ("weights", "family/family.npz", "state"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask


@posix
def test_nobody_else_reads_the_temporary(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    path.chmod(0o600)
    seen = []
    with replacing(path) as file:
        seen.append(stat.S_IMODE(os.fstat(file.fileno()).st_mode))
    assert seen == [0o600]


@posix
def test_symbolic_links(tmp_path):
    hmm, other = random_hmm("categorical"), random_hmm("categorical", seed=1)
    (tmp_path / "runs").mkdir()
    target = tmp_path / "runs" / "7"
    link = tmp_path / "latest"
    link.symlink_to(Path("runs") / "7")
    # Of a link that leads nowhere yet, and of one that leads to a file.
    for each in (hmm, other):
        each.save(link)
        assert link.is_symlink()
        assert not target.is_symlink()
        assert CategoricalHMM.load(target) == each
        assert CategoricalHMM.load(link) == each
    assert names_in(tmp_path) == ["latest", "runs"]
    assert names_in(tmp_path / "runs") == ["7"]
    # The end of a fit takes the file away, not the user's link.
    a_checkpoint(link).remove()
    assert link.is_symlink()
    assert not target.exists()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="loop"):
        hmm.save(tmp_path / "loop")


@posix
def test_planted_links_are_not_followed(tmp_path, monkeypatch):
    victim, path = tmp_path / "victim", tmp_path / "weights"
    victim.write_bytes(b"precious")
    # The fixed name of earlier versions, and a guess that came true.
    (tmp_path / "weights.part").symlink_to(victim)
    random_hmm("categorical").save(path)
    monkeypatch.setattr(_atomic.secrets, "token_hex", lambda n: "0" * 2 * n)
    planted = tmp_path / f".skhmmdd-{_atomic._HOST}-{'0' * 16}.part"
    planted.symlink_to(victim)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="weights"):
        random_hmm("categorical", seed=1).save(path)
    assert path.read_bytes() == before
    assert victim.read_bytes() == b"precious"
    assert planted.is_symlink()


def part_of(host, n=0):
    return f".skhmmdd-{host}-{n:016x}.part"


@posix
def test_strays_are_cleared_and_nothing_else(tmp_path):
    fcntl = pytest.importorskip("fcntl")
    here, elsewhere = _atomic._HOST, "0" * 8
    old = time.time() - 2 * 86_400
    dead, live, far, far_old = (
        tmp_path / part_of(host, i)
        for i, host in enumerate([here, here, elsewhere, elsewhere])
    )
    kept = ["weights.part", ".skhmmdd-notes", part_of(here)[1:], part_of(here) + "x"]
    for path in (dead, live, far, far_old, *(tmp_path / name for name in kept)):
        path.write_bytes(b"x")
    for path in (live, far_old, *(tmp_path / name for name in kept)):
        os.utime(path, (old, old))
    with open(live, "rb") as writer:
        fcntl.flock(writer, fcntl.LOCK_EX)
        random_hmm("categorical").save(tmp_path / "weights")
        assert live.exists()
    assert not dead.exists()
    assert far.exists()
    assert not far_old.exists()
    random_hmm("categorical").save(tmp_path / "weights")
    assert names_in(tmp_path) == sorted([*kept, far.name, "weights"])


@posix
def test_where_there_are_no_locks_age_tells(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def no_locks(*args):
        raise OSError(95, "Operation not supported")

    new, old = tmp_path / part_of(_atomic._HOST, 1), tmp_path / part_of(_atomic._HOST)
    for path in (new, old):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    monkeypatch.setattr(fcntl, "flock", no_locks)
    random_hmm("categorical").save(tmp_path / "weights")
    assert names_in(tmp_path) == [new.name, "weights"]
    monkeypatch.setattr(_atomic, "fcntl", None)
    os.utime(new, (0, 0))
    random_hmm("categorical").save(tmp_path / "weights")
    assert names_in(tmp_path) == ["weights"]


@posix
def test_a_writer_whose_file_was_cleared_before_its_lock_takes_another(
    tmp_path, monkeypatch
):
    fcntl = pytest.importorskip("fcntl")
    lock, cleared = fcntl.flock, []

    def late(file, how):
        if how == fcntl.LOCK_EX and not cleared:
            _atomic.clear_parts(str(tmp_path))
            cleared.append(names_in(tmp_path))
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    hmm = random_hmm("categorical")
    hmm.save(tmp_path / "weights")
    assert cleared == [[]]
    assert names_in(tmp_path) == ["weights"]
    assert CategoricalHMM.load(tmp_path / "weights") == hmm


def test_on_the_disk_before_it_takes_its_place(tmp_path, monkeypatch):
    told = []

    def trace(name, real):
        def traced(*args):
            told.append(name)
            return real(*args)

        monkeypatch.setattr(os, name, traced)

    trace("fsync", os.fsync)
    trace("replace", os.replace)
    random_hmm("categorical").save(tmp_path / "weights")
    assert told[:2] == ["fsync", "replace"]
    if os.name == "posix":
        assert told == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
def test_an_error_leaves_the_old_file_and_no_stray(tmp_path, monkeypatch, error):
    path = tmp_path / "weights"
    random_hmm("categorical").save(path)
    before = path.read_bytes()

    def fails(member, array, **options):
        member.write(b"half")
        raise error

    monkeypatch.setattr(np.lib.format, "write_array", fails)
    with pytest.raises(error):
        random_hmm("categorical", seed=1).save(path)
    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["weights"]


def test_what_cannot_be_written_is_named(tmp_path):
    hmm = random_hmm("categorical")
    (tmp_path / "file").write_bytes(b"")
    for path, error in [
        (tmp_path / "absent" / "weights", FileNotFoundError),
        (tmp_path, (IsADirectoryError, PermissionError)),
        (tmp_path / "file" / "weights", (NotADirectoryError, FileNotFoundError)),
    ]:
        with pytest.raises(error) as caught:
            hmm.save(path)
        assert caught.value.filename == str(path)
        assert repr(str(path)) in str(caught.value)
    with pytest.raises((NotADirectoryError, FileExistsError), match="file"):
        HMMFamily([hmm]).save(tmp_path / "file")
    assert names_in(tmp_path) == ["file"]


@posix
def test_devices_pipes_and_sockets_are_left_alone(tmp_path):
    hmm = random_hmm("categorical")
    os.mkfifo(tmp_path / "pipe")
    # Without a reader a pipe cannot be opened; with one it is no file.
    with pytest.raises(OSError, match="pipe"):
        hmm.save(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(ValueError, match=r"path must name a file.*pipe"):
        hmm.save(tmp_path / "pipe")
    os.close(reader)
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.open(tmp_path, os.O_RDONLY)
        server.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        with pytest.raises(OSError, match="socket"):
            hmm.save(tmp_path / "socket")
    (tmp_path / "null").symlink_to(os.devnull)
    with pytest.raises(ValueError, match=r"path must name a file.*null"):
        hmm.save(tmp_path / "null")
    assert names_in(tmp_path) == ["null", "pipe", "socket"]


def test_a_long_name_and_a_relative_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    hmm = random_hmm("categorical")
    for name in ("w" * 255, "weights"):
        hmm.save(name)
        assert CategoricalHMM.load(name) == hmm


# Loading --------------------------------------------------------------------------


def write(path, kind="CategoricalHMM", save=np.savez, **changes):
    """A file of weights by hand; a change to None leaves an array out."""
    arrays = {"format": "skhmmdd weights 1", "kind": kind}
    hmm = random_hmm("categorical")
    arrays |= hmm._arrays() | changes
    with open(path, "wb") as file:
        save(file, **{k: v for k, v in arrays.items() if v is not None})
    return hmm


def test_a_file_by_hand_loads(tmp_path):
    path = tmp_path / "weights"
    hmm = write(path)
    assert CategoricalHMM.load(path) == hmm
    # The other byte order is the same numbers, and so is the order of Fortran.
    write(path, transmat=np.asfortranarray(hmm.transmat).astype(">f8"))
    assert CategoricalHMM.load(path) == hmm
    # What the format does not name is never read.
    write(path, more=np.array([object()], dtype=object), other=np.zeros(3, "M8[s]"))
    assert CategoricalHMM.load(path) == hmm


GOOD = random_hmm("categorical").startprob
TRIPLE = np.zeros(3, [("a", "f8"), ("b", "i4")])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (None, "lacks the array 'startprob'"),
        (GOOD.astype(complex), "'startprob' holds '<c16'"),
        (GOOD.astype(np.float32), "'startprob' holds '<f4'"),
        (GOOD.astype(np.float16), "'startprob' holds '<f2'"),
        (np.array([1, 0, 0]), "'startprob' holds '<i"),
        (np.array([True, False, False]), "'startprob' holds '|b1'"),
        (np.array(["1", "0", "0"]), "'startprob' holds '<U1'"),
        (np.array([b"1", b"0", b"0"]), "'startprob' holds '|S1'"),
        (np.zeros(3, "M8[s]"), "'startprob' is not one of plain numbers"),
        (np.zeros(3, "m8[D]"), "'startprob' is not one of plain numbers"),
        (np.zeros(3, "V8"), "'startprob' holds '|V8'"),
        (TRIPLE, "'startprob' is not one of plain numbers"),
        (np.array([1.0, 0, None], dtype=object), "'startprob' is not one of plain"),
        (np.zeros(4), "transmat|startprob"),
        (GOOD * 2, "startprob must sum to one"),
        (np.full(3, np.nan), "startprob must hold probabilities"),
    ],
)
def test_other_arrays_are_refused(tmp_path, array, message):
    path = tmp_path / "weights"
    write(path, startprob=array)
    with pytest.raises(ValueError, match=message.replace("|b", r"\|b")) as caught:
        CategoricalHMM.load(path)
    assert repr(str(path)) in str(caught.value)


def in_archive(path, name, data, **info):
    """Put a member of any bytes in the place of one of a file by hand."""
    write(path, **{name: None})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"{name}.npy", data, **info)


def npy(header, numbers=b"", magic=b"\x93NUMPY\x01\x00"):
    header = header.encode("latin1")
    return magic + len(header).to_bytes(2, "little") + header + numbers


NUMBERS = GOOD.tobytes()
FAIR = "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x93NUMPY",
        npy(FAIR),
        npy(FAIR, NUMBERS[:-1]),
        npy(FAIR, NUMBERS + b"x"),
        npy(FAIR, NUMBERS, b"\x93NUMPY\x02\x00"),
        npy(FAIR, NUMBERS, b"\x93NUMPX\x01\x00"),
        npy(FAIR.replace("(3,)", "(3"), NUMBERS),
        npy(FAIR.replace("(3,)", "3"), NUMBERS),
        npy(FAIR.replace("(3,)", "(-3,)"), NUMBERS),
        npy(FAIR.replace("(3,)", "(3L,)"), NUMBERS),
        npy(FAIR.replace("(3,)", "(True, 3)"), NUMBERS),
        npy(FAIR.replace("(3,)", "(2**70,)"), NUMBERS),
        npy(FAIR.replace("(3,)", f"({'9' * 5000},)"), NUMBERS),
        npy(FAIR.replace("(3,)", f"({'1, ' * 100}3)"), NUMBERS),
        npy(FAIR.replace("(3,)", "(0, 999999999999999)")),
        npy(FAIR.replace("(3,)", "(999999999, 999999999, 999999999)"), NUMBERS),
        npy(FAIR.replace("<f8", "<f"), NUMBERS),
        npy(FAIR.replace("<f8", "f8"), NUMBERS),
        npy(FAIR.replace("<f8", "|O"), NUMBERS),
        npy(FAIR.replace("<f8", "<x8"), NUMBERS),
        npy(FAIR.replace("<f8", "<U0"), NUMBERS),
        npy("(" * 9000, NUMBERS),
        npy("{" + "'a': (" * 500, NUMBERS),
        npy("'\\", NUMBERS),
        npy("\x00" * 20, NUMBERS),
        npy("__import__('os').abort()", NUMBERS),
    ],
    ids=range(27),
)
def test_crafted_headers_are_refused(tmp_path, data):
    path = tmp_path / "weights"
    in_archive(path, "startprob", data)
    with pytest.raises(ValueError, match="startprob"):
        CategoricalHMM.load(path)
    in_archive(path, "startprob", npy(FAIR, NUMBERS))
    assert CategoricalHMM.load(path) == random_hmm("categorical")


@pytest.mark.parametrize(
    "text", [np.array(1.0), np.array(["a"]), np.array(b"a"), np.array("")]
)
@pytest.mark.parametrize("name", ["format", "kind"])
def test_other_labels_are_refused(tmp_path, name, text):
    path = tmp_path / "weights"
    write(path, **{name: text})
    with pytest.raises(ValueError, match="is not a readable file"):
        CategoricalHMM.load(path)


def test_a_code_point_that_is_none(tmp_path):
    path = tmp_path / "weights"
    header = "{'descr': '<U1', 'fortran_order': False, 'shape': (), }\n"
    in_archive(path, "kind", npy(header, b"\xff\xff\xff\x7f"))
    with pytest.raises(ValueError, match="is not a readable file"):
        CategoricalHMM.load(path)


def test_bombs_are_not_unpacked(tmp_path):
    path, n = tmp_path / "bomb", 300_000_000

    def peak(message):
        tracemalloc.start()
        try:
            if message:
                with pytest.raises(ValueError, match=message):
                    CategoricalHMM.load(path)
            else:
                CategoricalHMM.load(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def header(shape):
        return npy(FAIR.replace("(3,)", str(shape)))

    def deflated(name):
        """2.4 GB of zeros, cheaply: the size is told, and the start is there."""
        start = header((n,)) + bytes(2**20)
        in_archive(path, name, start, compress_type=zipfile.ZIP_DEFLATED)
        size = len(start).to_bytes(4, "little")
        whole = path.read_bytes()
        assert whole.count(size) >= 2
        path.write_bytes(
            whole.replace(size, (len(header((n,))) + 8 * n).to_bytes(4, "little"))
        )

    # A member that is needed, one that is not, and one that says it is longer.
    deflated("startprob")
    assert peak("'startprob' is compressed") < 2**20
    hmm = random_hmm("categorical")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("more.npy", header((2**27,)) + bytes(2**27))
        assert path.stat().st_size < 2**20
    with open(path, "r+b") as file:
        arrays = {"format": "skhmmdd weights 1", "kind": "CategoricalHMM"}
        with zipfile.ZipFile(file, "a") as archive:
            for name, array in (arrays | hmm._arrays()).items():
                with archive.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asarray(array))
    assert peak(None) < 2**20
    assert CategoricalHMM.load(path) == hmm
    in_archive(path, "startprob", header((n,)) + bytes(100))
    assert peak("'startprob' is not of its shape") < 2**20


def test_members_that_lie_on_each_other_are_read_no_longer_than_the_file(tmp_path):
    # A hundred names for the same bytes: the directory, where each is named, is small.
    path, n = tmp_path / "weights", 200_000
    big = np.zeros(n)
    with open(path, "wb") as file:
        np.savez(
            file,
            format="skhmmdd weights 1",
            kind="HMMFamily",
            kinds=["CategoricalHMM"] * 50,
            log_likelihoods=big,
        )
    with zipfile.ZipFile(path, "a") as archive:
        member = archive.getinfo("log_likelihoods.npy")
        for i in range(50):
            for name in CategoricalHMM._array_names:
                twin = zipfile.ZipInfo("log_likelihoods.npy")
                for slot in ("header_offset", "CRC", "file_size", "compress_size"):
                    setattr(twin, slot, getattr(member, slot))
                twin.filename = f"{i}_{name}.npy"
                archive.filelist.append(twin)
        archive._didModify = True
    (tmp_path / "family.npz").write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match=r"family.npz.*(longer|File name|verlapped)"):
        HMMFamily.load(tmp_path)


def test_what_cannot_be_opened_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"")
    for load, name, error in [
        (CategoricalHMM.load, "absent", FileNotFoundError),
        (CategoricalHMM.load, "folder", (IsADirectoryError, PermissionError)),
        (CategoricalHMM.load, "file/w", (NotADirectoryError, FileNotFoundError)),
        (HMMFamily.load, "absent", FileNotFoundError),
        (HMMFamily.load, "folder", FileNotFoundError),
        (HMMFamily.load, "file", (NotADirectoryError, FileNotFoundError)),
    ]:
        with pytest.raises(error) as caught:
            load(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)


def test_a_file_of_another_kind_says_so(tmp_path):
    HMMFamily([random_hmm("categorical")]).save(tmp_path)
    with pytest.raises(ValueError, match=r"holds a HMMFamily, not a .*HMMFamily.load"):
        CategoricalHMM.load(tmp_path / "family.npz")
    a_checkpoint(tmp_path / "state").save(
        np.random.RandomState(0).get_state(), [], None, None
    )
    with pytest.raises(ValueError, match=r"holds a BaumWelch checkpoint, not a \w+$"):
        GaussianHMM.load(tmp_path / "state")


# Checkpoints and families ---------------------------------------------------------


def saved_checkpoint(path):
    """What a checkpoint of three starts was given."""
    hmm, other = random_hmm("categorical"), random_hmm("categorical", seed=1)
    done = Run(None, (-9.0, -8.0), (-9.5, -8.5), (-1.0, -0.5), converged=True)
    kept = done._replace(hmm=hmm, best=other)
    run = Run(other, (-7.0,), (-7.5,), (-0.7,), best=other)
    given = np.random.RandomState(5).get_state(), [done], kept, run
    a_checkpoint(path).save(*given)
    return given


def assert_same_checkpoint(found, given):
    (algorithm, keys, *rest), *runs = found
    assert algorithm == given[0][0]
    assert_array_equal(keys, given[0][1])
    assert rest == list(given[0][2:])
    assert runs == list(given[1:])


@pytest.mark.parametrize(
    "changes",
    [
        {"n_done": np.array(2**62)},
        {"n_done": np.array(3)},
        {"n_done": np.array(-1)},
        {"n_done": np.array(0)},
        {"n_done": np.array(1.0)},
        {"rng_rest": np.array([-1.0, 0, 0])},
        {"rng_rest": np.array([1e9, 0, 0])},
        {"rng_rest": np.array([np.nan, 0, 0])},
        {"rng_rest": np.array([0, np.inf, 0])},
        {"rng_rest": np.zeros(2)},
        {"rng_keys": np.zeros(623, "u4")},
        {"rng_keys": np.zeros(624)},
        {"rng_algorithm": np.array("PCG64")},
        {"kept_is_there": np.array(False)},
        {"kept_hmm_startprob": np.zeros(0)},
        {"run_hmm_startprob": np.array([0.5, 0.6, 0.1])},
        {"run_hmm_transmat": np.zeros(0)},
        {"run_log_likelihoods": np.zeros(0)},
        {"run_log_posteriors": np.zeros(5)},
        {"run_held_out": np.zeros(7)},
        {"run_held_out": np.zeros((1, 1))},
        {"done0_is_there": np.array(False)},
        {"done0_converged": np.array([True])},
    ],
    ids=lambda changes: "".join(changes),
)
def test_crafted_checkpoints_are_refused(tmp_path, changes):
    path = tmp_path / "state"
    given = saved_checkpoint(path)
    assert_same_checkpoint(a_checkpoint(path).load(), given)
    with np.load(path) as arrays:
        found = dict(arrays)
    assert set(changes) <= set(found)
    with open(path, "wb") as file:
        np.savez(file, **found | changes)
    with pytest.raises(ValueError, match=r"The checkpoint .*state' cannot be read"):
        a_checkpoint(path).load()


def test_families(tmp_path):
    models = [random_hmm("categorical"), random_hmm("full"), random_hmm("diag", 1)]
    for family in (
        HMMFamily(models, [-3.5, np.pi, -0.0]),
        HMMFamily([]),
        HMMFamily(models),
    ):
        family.save(tmp_path)
        assert HMMFamily.load(tmp_path) == family
        assert names_in(tmp_path) == ["family.npz"]
    noise = np.eye(1)
    linear = LinearGaussianHMM(0.5 * noise, noise, noise, noise)
    with pytest.raises(TypeError, match="LinearGaussianHMM"):
        HMMFamily([linear]).save(tmp_path)
    assert HMMFamily.load(tmp_path) == HMMFamily(models)


@pytest.mark.parametrize(
    "changes",
    [
        {"kinds": np.array(["CategoricalHMM", "os"])},
        {"kinds": np.array("CategoricalHMM")},
        {"kinds": np.array([["CategoricalHMM"]])},
        {"kinds": np.array(["CategoricalHMM"] * 3)},
        {"kinds": np.zeros(2)},
        {"kinds": np.array(["GaussianHMM"] * 2)},
        {"log_likelihoods": np.zeros((2, 2))},
        {"1_startprob": np.zeros(0)},
        {"1_transmat": np.ones((3, 3))},
    ],
    ids=str,
)
def test_crafted_families_are_refused(tmp_path, changes):
    path = tmp_path / "family.npz"
    HMMFamily([random_hmm("categorical"), random_hmm("categorical", seed=1)]).save(
        tmp_path
    )
    with np.load(path) as arrays:
        found = dict(arrays)
    assert set(changes) <= set(found)
    np.savez(path, **found | changes)
    with pytest.raises(ValueError, match=r"family.npz' is not a readable file"):
        HMMFamily.load(tmp_path)


# Files that the first version of each format wrote --------------------------------

OLD = Path(__file__).parents[1] / "data" / "files_1"
START, TRANSMAT = [0.25, 0.75], [[0.5, 0.5], [0.125, 0.875]]
OLD_CATEGORICAL = CategoricalHMM(START, TRANSMAT, [[0.25, 0.75], [1, 0]])
OLD_DIAG = GaussianHMM(START, TRANSMAT, [-1.5, 2.0], [0.5, 3.0])
OLD_FULL = GaussianHMM(
    START, TRANSMAT, [[-1, 0], [1, 2]], [[[2, 0.5], [0.5, 1]], [[1, 0], [0, 4]]]
)
OLD_LINEAR = LinearGaussianHMM(
    [[0.5]], [[1.0]], [[2.0]], [[0.25]], start_mean=[1.0], start_cov=[[3.0]]
)


@pytest.mark.parametrize(
    ("name", "hmm"),
    [
        ("categorical", OLD_CATEGORICAL),
        ("diag", OLD_DIAG),
        ("full", OLD_FULL),
        ("linear", OLD_LINEAR),
    ],
)
def test_old_weights_load(name, hmm):
    assert type(hmm).load(OLD / f"{name}.npz") == hmm


def test_an_old_checkpoint_loads():
    done = Run(None, (-9.0, -8.0), (-9.5, -8.5), converged=True)
    kept = done._replace(hmm=OLD_CATEGORICAL, best=OLD_CATEGORICAL)
    run = Run(OLD_CATEGORICAL, (-7.0,), (-7.5,))
    given = np.random.RandomState(5).get_state(), [done], kept, run
    assert_same_checkpoint(a_checkpoint(OLD / "checkpoint").load(), given)


def copy_of_old_family(folder):
    for path in (OLD / "family").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())


def test_an_old_family_loads_and_is_replaced(tmp_path):
    copy_of_old_family(tmp_path)
    assert names_in(tmp_path) == [
        "000-2-states.npz",
        "001-2-states.npz",
        "family.json",
    ]
    old = HMMFamily.load(tmp_path)
    assert old == HMMFamily([OLD_CATEGORICAL, OLD_DIAG], [-12.5, -3.25])
    (tmp_path / "002-2-states.npz").write_bytes(b"not of the list")
    new = HMMFamily([random_hmm("categorical")])
    new.save(tmp_path)
    assert HMMFamily.load(tmp_path) == new
    assert names_in(tmp_path) == ["002-2-states.npz", "family.npz"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        '{"format": "other"}',
        '{"format": "skhmmdd family 1"}',
        f'{{"format": {"9" * 10_000}}}',
        " " * 2**21,
        b"\xff\xfe\x00",
        {"files": [1, 2]},
        {"files": ["000-2-states.npz"]},
        {"kinds": ["os", "CategoricalHMM"]},
        {"kinds": [[], {}]},
        {"log_likelihoods": ["x"]},
        {"log_likelihoods": [10**400]},
        {"log_likelihoods": 1},
    ],
    ids=range(16),
)
def test_bad_lists_of_old_are_refused(tmp_path, text):
    copy_of_old_family(tmp_path)
    path = tmp_path / "family.json"
    if isinstance(text, dict):
        text = json.dumps(json.loads(path.read_text("utf-8")) | text)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=r"family.json' does not list a family"):
        HMMFamily.load(tmp_path)


def test_a_list_of_old_opens_nothing_outside_its_folder(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    copy_of_old_family(inside)
    path = inside / "family.json"
    told = json.loads(path.read_text("utf-8"))
    OLD_CATEGORICAL.save(tmp_path / "outside")
    told["files"][0] = "../outside"
    path.write_text(json.dumps(told), "utf-8")
    with pytest.raises(FileNotFoundError, match=r"inside\Woutside"):
        HMMFamily.load(inside)
