"""A result is served only while all that it was made from is as it was.

Each row is a kind of change: what the user's function does, and what changes afterwards, at once,
so that every clock still shows the same tick.
"""

import os
import shutil
import sqlite3
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.stages import Distill
from pytest_modelbudget.budgetfile.types import CallSource, Data, FileSource, Training
from pytest_modelbudget.engine.processes import WorkerError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.jobs import files_read
from pytest_modelbudget.protocol.surroundings import Surroundings
from pytest_modelbudget.workers.userdata.recording import Recording
from tests.faults.conftest import Lab

pytestmark = pytest.mark.faults

Act = Callable[[Lab], object]


def write(name: str, text: str = "changed = 1\n") -> Act:
    return lambda lab: lab.write(name, text)


def remove(name: str) -> Act:
    return lambda lab: (lab.root / name).unlink()


def both(*acts: Act) -> Act:
    return lambda lab: [act(lab) for act in acts]


def save(name: str, value: float) -> Act:
    return lambda lab: np.save(lab.root / name, np.full(3, value))


def savez(name: str, value: float) -> Act:
    return lambda lab: np.savez(lab.root / name, x=np.full(3, value))


def link(name: str, target: str) -> Act:
    def act(lab: Lab) -> None:
        (lab.root / name).unlink(missing_ok=True)
        (lab.root / name).symlink_to(lab.root / target)

    return act


def table(name: str, value: int) -> Act:
    def act(lab: Lab) -> None:
        with sqlite3.connect(lab.root / name) as connection:
            connection.execute("create table if not exists t (v)")
            connection.execute("insert into t values (?)", [value])
        connection.close()

    return act


def hdf5(value: int) -> Act:
    def act(lab: Lab) -> None:
        import h5py  # TensorFlow's, and slow

        with h5py.File(lab.root / "in.h5", "w") as file:
            file["x"] = [value]

    return act


def archive(name: str, text: str, member: str = "inside.py") -> Act:
    def act(lab: Lab) -> None:
        with zipfile.ZipFile(lab.root / name, "w") as file:
            file.writestr(member, text)

    return act


def library(module: str, name: str = "fast.so", more: bytes = b"") -> Act:
    """Make ``name`` the extension module of Python that is called ``module``, and ``more``."""
    [built] = Path(sysconfig.get_path("stdlib"), "lib-dynload").glob(f"{module}.*.so")

    def act(lab: Lab) -> None:
        (lab.root / name).write_bytes(built.read_bytes() + more)

    return act


def search(*names: str) -> Act:
    def act(lab: Lab) -> None:
        lab.sys_path = (*(str(lab.root / name) for name in names), *sys.path)

    return act


def same_stamp(name: str, text: str) -> Act:
    """Write other content of the same size, and put the time of the last change back."""

    def act(lab: Lab) -> None:
        path = lab.root / name
        before = path.stat()
        assert before.st_size == len(text)
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return act


@dataclass(frozen=True)
class Case:
    """What ``data.test`` does before it returns its samples, what was there, and what changes."""

    reads: str
    before: Act
    change: Act


def reading(code: str, name: str = "in.txt") -> Case:
    return Case(code, write(name, "1\n"), write(name, "2\n"))


def importing(code: str, name: str = "other.py") -> Case:
    return Case(code, write(name, "value = 1\n"), write(name, "value = 2\n"))


def listing(code: str) -> Case:
    return Case(code, write("samples/one.txt", ""), write("samples/two.txt", ""))


FILES = {
    "open": reading("open('in.txt').read()"),
    "open for reading and writing": reading("open('in.txt', 'r+').read()"),
    "open with bytes": reading("open(b'in.txt').read()"),
    "open with an absolute path": reading("open(os.path.abspath('in.txt')).read()"),
    "io.open": reading("import io; io.open('in.txt').read()"),
    "io.FileIO": reading("import io; io.FileIO('in.txt').read()"),
    "codecs.open": reading("import codecs; codecs.open('in.txt', 'rb').read()"),
    "os.open": reading("os.read(os.open('in.txt', os.O_RDONLY), 9)"),
    "os.open in a folder": reading(
        "os.read(os.open('in.txt', os.O_RDONLY, dir_fd=os.open('.', os.O_RDONLY)), 9)"
    ),
    "Path.read_text": reading("pathlib.Path('in.txt').read_text()"),
    "Path.read_bytes": reading("pathlib.Path('in.txt').read_bytes()"),
    "Path.open": reading("pathlib.Path('in.txt').open().read()"),
    "after chdir": reading("os.chdir('sub'); open('in.txt').read()", "sub/in.txt"),
    "in a thread": reading(
        "import threading as t; w = t.Thread(target=lambda: open('in.txt').read()); "
        "w.start(); w.join()"
    ),
    "linecache": reading("import linecache; linecache.getlines('in.txt')"),
    "fileinput": reading("import fileinput; list(fileinput.input('in.txt'))"),
    "mmap": reading(
        "import mmap; f = open('in.txt'); mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)"
    ),
    "csv": reading("import csv; list(csv.reader(open('in.txt')))"),
    "json": reading("import json; json.load(open('in.txt'))"),
    "yaml": reading("import yaml; yaml.safe_load(open('in.txt'))"),
    "tomllib": Case(
        "import tomllib; tomllib.load(open('in.toml', 'rb'))",
        write("in.toml", "a = 1\n"),
        write("in.toml", "a = 2\n"),
    ),
    "configparser": Case(
        "import configparser; configparser.ConfigParser().read('in.ini')",
        write("in.ini", "[a]\nb=1\n"),
        write("in.ini", "[a]\nb=2\n"),
    ),
    "ElementTree": Case(
        "import xml.etree.ElementTree as e; e.parse('in.xml')",
        write("in.xml", "<a/>"),
        write("in.xml", "<b/>"),
    ),
    "exec": Case(
        "exec(open('code.txt').read())", write("code.txt", "a = 1"), write("code.txt", "a = 2")
    ),
    "runpy.run_path": importing("import runpy; runpy.run_path('other.py')"),
    "numpy.load": Case("np.load('x.npy')", save("x.npy", 1), save("x.npy", 2)),
    "numpy.load npz": Case("np.load('x.npz')['x']", savez("x.npz", 1), savez("x.npz", 2)),
    "numpy.load mapped": Case(
        "np.load('x.npy', mmap_mode='r')", save("x.npy", 1), save("x.npy", 2)
    ),
    "numpy.memmap": Case(
        "np.memmap('x.npy', mode='r', dtype='u1')", save("x.npy", 1), save("x.npy", 2)
    ),
    "numpy.fromfile": Case("np.fromfile('x.npy', 'u1')", save("x.npy", 1), save("x.npy", 2)),
    "numpy.loadtxt": reading("np.loadtxt('in.txt')"),
    "h5py": Case("import h5py; h5py.File('in.h5')['x'][:]", hdf5(1), hdf5(2)),
    "zipfile": Case(
        "import zipfile; zipfile.ZipFile('a.zip').read('inside.py')",
        archive("a.zip", "1"),
        archive("a.zip", "2"),
    ),
    "sqlite3": Case(
        "import sqlite3; sqlite3.connect('t.db').execute('select * from t').fetchall()",
        table("t.db", 1),
        table("t.db", 2),
    ),
    "sqlite3 by a URI": Case(
        "import sqlite3; sqlite3.connect('file:t.db?mode=ro', uri=True).execute('select 1')",
        table("t.db", 1),
        table("t.db", 2),
    ),
    "a shared library": Case(
        "import ctypes; ctypes.CDLL(os.path.abspath('fast.so'))",
        library("_heapq"),
        library("_bisect"),
    ),
    "a file that is removed": Case("open('in.txt').read()", write("in.txt"), remove("in.txt")),
    "a file that was not there": Case(
        "try:\n        open('in.txt')\n    except FileNotFoundError: pass",
        lambda _: None,
        write("in.txt"),
    ),
    "a link to another file": Case(
        "open('link').read()",
        both(write("one", "1"), write("two", "2"), link("link", "one")),
        link("link", "two"),
    ),
    "a file behind a linked folder": Case(
        "open('link/in.txt').read()",
        both(write("real/in.txt", "1"), link("link", "real")),
        write("real/in.txt", "2"),
    ),
}

OUTSIDE = f"stale-{os.getpid()}"
FILES |= {
    "made where it was missing": Case(
        "try: open('in.txt').read()\n    except FileNotFoundError: open('in.txt', 'w').write('1')",
        lambda _: None,
        write("in.txt", "2"),
    ),
    "made where exists says so": Case(
        "os.path.exists('in.txt') or open('in.txt', 'w').write('1')",
        lambda _: None,
        write("in.txt", "2"),
    ),
    "moved to where exists says so": Case(
        "p = pathlib.Path('in.txt')\n    if not p.exists():\n"
        "        open('part', 'w').write('1'); os.replace('part', p)",
        lambda _: None,
        write("in.txt", "2"),
    ),
}
OF_THE_PROJECT = {
    "importlib.resources": Case(
        "import importlib.resources as r; r.files('kit').joinpath('in.txt').read_text()",
        both(write("kit/__init__.py", ""), write("kit/in.txt", "1")),
        write("kit/in.txt", "2"),
    ),
    "content of the same size and time": Case(
        "open('in.txt').read()", write("in.txt", "1"), same_stamp("in.txt", "2")
    ),
    "the model's own data in args": Case(
        "open(path).read()",
        both(write("in.txt", "1"), lambda lab: lab.args.update(path="in.txt")),
        write("in.txt", "2"),
    ),
    "in shared memory": Case(
        f"open('/dev/shm/{OUTSIDE}').read()",
        both(write(f"/dev/shm/{OUTSIDE}", "1"), lambda lab: lab.remove(f"/dev/shm/{OUTSIDE}")),
        write(f"/dev/shm/{OUTSIDE}", "2"),
    ),
    "missing in the folder for temporary files": Case(
        f"import tempfile; p = pathlib.Path(tempfile.gettempdir(), '{OUTSIDE}')\n"
        "    try: p.read_text()\n    except FileNotFoundError: pass",
        lambda lab: lab.remove(f"{tempfile.gettempdir()}/{OUTSIDE}"),
        lambda lab: lab.write(f"{tempfile.gettempdir()}/{OUTSIDE}", "2"),
    ),
}
LOOKS = (
    *("os.path.exists('in.txt')", "os.path.isfile('in.txt')", "os.path.lexists('in.txt')"),
    *("pathlib.Path('in.txt').exists()", "pathlib.Path('in.txt').is_file()"),
    *("os.access('in.txt', os.R_OK)", "os.path.isdir('in.txt')", "os.path.getsize('in.txt')"),
)
PRESENT = {f"{code}, gone": Case(code, write("in.txt"), remove("in.txt")) for code in LOOKS}
PRESENT |= {
    f"{code}, new": Case(code, lambda _: None, write("in.txt"))
    for code in LOOKS
    if "getsize" not in code
} | {
    "missing, and removed by its name in another folder": Case(
        "os.path.exists('in.txt'); import tempfile, shutil; d = tempfile.mkdtemp(); "
        "open(d + '/in.txt', 'w').close(); shutil.rmtree(d)",
        lambda _: None,
        write("in.txt"),
    )
}

MODULES = {
    "import": importing("import other"),
    "from import": importing("from other import value"),
    "importlib.import_module": importing("import importlib; importlib.import_module('other')"),
    "__import__": importing("__import__('other')"),
    "a module of a module": Case(
        "import outer",
        both(write("outer.py", "import other\n"), write("other.py", "a = 1\n")),
        write("other.py", "a = 2\n"),
    ),
    "an extension module that is built again": Case(
        "import native._lsprof as it; assert it.__file__.startswith(os.getcwd())",
        both(write("native/__init__.py", ""), library("_lsprof", "native/_lsprof.so")),
        library("_lsprof", "native/_lsprof.so", more=b"another build"),
    ),
    "the __init__ of a package": Case(
        "import kit.part",
        both(write("kit/__init__.py", "a = 1\n"), write("kit/part.py", "")),
        write("kit/__init__.py", "a = 2\n"),
    ),
    "a namespace package": importing("import space.other", "space/other.py"),
    "sys.path.insert": importing("sys.path.insert(0, 'lib'); import other", "lib/other.py"),
    "a name of the standard library": importing("import antigravity", "antigravity.py"),
    "a folder of plugins": Case(
        "import pkgutil; [__import__(m.name) for m in pkgutil.iter_modules(['plugins'])]",
        both(write("plugins/one.py", ""), search(".", "plugins")),
        write("plugins/two.py", ""),
    ),
    "spec_from_file_location": importing(
        "import importlib.util as u; s = u.spec_from_file_location('o', 'other.py'); "
        "s.loader.exec_module(u.module_from_spec(s))"
    ),
    "runpy.run_module": importing("import runpy; runpy.run_module('other')"),
    "a module before it on the path": Case(
        "import other",
        both(write("late/other.py", ""), search(".", "early", "late")),
        write("early/other.py", ""),
    ),
    "a package in the place of a module": Case(
        "import other", write("other.py", ""), write("other/__init__.py", "")
    ),
    "a module in the place of an installed one": Case(
        "import colorsys", lambda _: None, write("colorsys.py", "")
    ),
    "a module that was not there": Case(
        "try:\n        import fast\n    except ImportError: pass",
        lambda _: None,
        write("fast.py", ""),
    ),
    "a module in a zip": Case(
        "import inside",
        both(archive("lib.zip", "a = 1\n"), search(".", "lib.zip")),
        archive("lib.zip", "a = 2\n"),
    ),
    "other code of the same size and time": Case(
        "import other", write("other.py", "a = 1\n"), same_stamp("other.py", "a = 2\n")
    ),
    "code in the site-packages of another environment": Case(
        "import other",
        both(write("venv/site-packages/other.py", "a = 1\n"), search(".", "venv/site-packages")),
        write("venv/site-packages/other.py", "a = 2\n"),
    ),
    "the module of the function itself": Case(
        "pass", lambda _: None, lambda lab: lab.write("data.py", "import blobs as b\ntest = b.test")
    ),
}

FOLDERS = {
    "os.listdir": listing("os.listdir('samples')"),
    "os.listdir here": Case("os.listdir()", lambda _: None, write("new.txt")),
    "os.scandir": listing("list(os.scandir('samples'))"),
    "os.walk": listing("list(os.walk('samples'))"),
    "os.fwalk": listing("list(os.fwalk('samples'))"),
    "glob.glob": listing("import glob; glob.glob('samples/*.txt')"),
    "Path.iterdir": listing("list(pathlib.Path('samples').iterdir())"),
    "Path.glob": listing("list(pathlib.Path('samples').glob('*.txt'))"),
    "Path.rglob": Case(
        "list(pathlib.Path('samples').rglob('*.txt'))",
        write("samples/deep/one.txt", ""),
        write("samples/deep/two.txt", ""),
    ),
    "shutil.copytree": listing("import shutil; shutil.copytree('samples', 'copy')"),
    "a file that is gone from a folder": Case(
        "os.listdir('samples')",
        both(write("samples/one.txt"), write("samples/two.txt")),
        remove("samples/two.txt"),
    ),
    "a folder that the code would make": Case(
        "os.makedirs('samples', exist_ok=True); os.listdir('samples')",
        write("samples/one.txt"),
        write("samples/two.txt"),
    ),
    "a folder behind a link": Case(
        "os.listdir('link')",
        both(write("real/one.txt"), link("link", "real")),
        write("real/two.txt"),
    ),
}


HEAD = """\
import os, pathlib, sys
from concurrent.futures import ThreadPoolExecutor
import numpy as np
import blobs
"""


def function(name: str, folder: Path, code: str) -> str:
    """Return the source of a function that runs ``code`` in ``folder``."""
    return f"\ndef {name}(path=''):\n    os.chdir({str(folder)!r})\n    {code}\n"


def prepare(lab: Lab, reads: str, before: Act) -> None:
    before(lab)
    lab.write("data.py", HEAD + function("test", lab.root, f"{reads}\n    return blobs.test()"))
    lab.make()


@pytest.mark.parametrize("kind", [*OF_THE_PROJECT, *MODULES])
def test_a_change_is_noticed(lab: Lab, kind: str) -> None:
    case = {**OF_THE_PROJECT, **MODULES}[kind]
    prepare(lab, case.reads, case.before)
    assert lab.find() is not None

    case.change(lab)

    assert lab.find() is None


def test_each_change_is_noticed_among_others(lab: Lab) -> None:
    """Each case has a folder of its own, so that only what it reads there can tell the change."""
    cases = {**FILES, **PRESENT, **FOLDERS}
    places, source = [], HEAD
    for number, case in enumerate(cases.values()):
        place = copy(lab)
        place.root = lab.root / f"case_{number}"
        place.root.mkdir()
        case.before(place)
        places.append(place)
        source += function(place.root.name, place.root, case.reads)
    calls = "; ".join(f"{place.root.name}()" for place in places)
    lab.write("data.py", source + function("test", lab.root, f"{calls}\n    return blobs.test()"))
    lab.make()
    assert lab.find() is not None

    saved = lab.root.with_name("saved")
    for (kind, case), place in zip(cases.items(), places, strict=True):
        shutil.copytree(place.root, saved, symlinks=True)
        case.change(place)
        assert lab.find() is None, kind
        shutil.rmtree(place.root)
        saved.rename(place.root)
        assert lab.find() is not None, f"{kind}: all is as it was"


@pytest.mark.parametrize(
    ("code", "refused"),
    [
        ("open('in.txt').read(); open('in.txt', 'a').write('2')", False),
        ("raise MemoryError", False),
        ("open('missing')", False),
        ("raise ValueError", True),
        ("return None", True),
    ],
)
def test_an_accident_is_not_a_refusal(lab: Lab, code: str, refused: bool) -> None:
    with pytest.raises(WorkerError):
        prepare(lab, code, write("in.txt", "1"))
    assert lab.status.failure
    assert lab.status.failure.refused == refused


@pytest.mark.parametrize("change", [write("stands/a.txt", "2"), write("stands/b.txt")])
def test_what_depends_on_names_must_not_change_meanwhile(lab: Lab, change: Act) -> None:
    """A native reader has read the new content, and the result has the key of the old one."""
    lab.write("stands/a.txt", "1")
    lab.depends_on = ("stands",)
    monitored = lab.project()
    change(lab)
    lab.project = lambda: monitored  # type: ignore[method-assign]
    with pytest.raises(WorkerError, match="a file that depends_on names changed while this was"):
        prepare(lab, "pass", lambda _: None)


def test_files_that_the_budget_names_count_as_they_are_when_the_work_begins(lab: Lab) -> None:
    """TensorFlow reads them in native code, maybe after the session took their digests."""
    lab.write("saved/variables/one", "1")
    lab.write("train.npz", "1")
    job = BuildJob(
        stage=Distill(student=str(lab.root / "saved")),
        parent=None,
        model=CallSource(call="data:model"),
        data=Data(train=FileSource(path=lab.root / "train.npz")),
        training=Training(),
        seed=0,
        project=lab.project(),
    )
    recording = Recording(Surroundings(lab.project(), os.environ, [lab.store]))
    for path in files_read(job):
        recording.note_named(path)
    found = [each.path for each in recording.dependencies().files]
    assert found == ["train.npz", "saved/variables/one"]


VARIABLES = {
    "os.environ[]": "os.environ['STALE_SET']",
    "os.environ.get": "os.environ.get('STALE_SET')",
    "os.environ.get of an unset one": "os.environ.get('STALE_UNSET')",
    "os.getenv": "os.getenv('STALE_SET')",
    "in os.environ": "'STALE_UNSET' in os.environ",
    "setdefault": "os.environ.setdefault('STALE_UNSET', '1')",
    "after it was set": "os.environ['STALE_UNSET'] = '1'; os.environ['STALE_UNSET']",
    "os.path.expandvars": "os.path.expandvars('$STALE_SET')",
    "pop": "os.environ.pop('STALE_SET')",
    "in a module": "import settings",
    "environb": "os.environb[b'STALE_SET']",
    "in a thread": "ThreadPoolExecutor().submit(os.getenv, 'STALE_SET').result()",
}


@pytest.mark.parametrize("kind", VARIABLES)
def test_a_variable_that_was_read_counts(lab: Lab, kind: str) -> None:
    module = write("settings.py", "import os\nvalue = os.environ.get('STALE_SET')\n")
    prepare(lab, VARIABLES[kind], module)
    changed = "STALE_UNSET" if "UNSET" in VARIABLES[kind] else "STALE_SET"
    environ = dict(os.environ)
    assert lab.find(environ) is not None
    assert lab.find({**environ, "STALE_OTHER": "2"}) is not None
    assert lab.find({**environ, changed: "2"}) is None
    if changed in environ:
        del environ[changed]
        assert lab.find(environ) is None


@pytest.mark.parametrize(
    "code", ["dict(os.environ)", "[n for n in os.environ if n[:6] == 'STALE_']"]
)
def test_a_new_variable_counts_where_all_are_read(lab: Lab, code: str) -> None:
    prepare(lab, code, lambda _: None)
    environ = dict(os.environ)
    assert lab.find(environ) is not None
    assert lab.find({**environ, "PYTEST_CURRENT_TEST": "another"}) is not None
    assert lab.find({**environ, "STALE_OTHER": "2"}) is None


@pytest.mark.parametrize("code", ["open('in.txt')", "os.listdir()", "os.path.exists('in.txt')"])
def test_the_working_directory_counts_where_paths_are_relative(lab: Lab, code: str) -> None:
    lab.write("in.txt", "1")
    lab.write("other/in.txt", "1")
    lab.write("data.py", f"import os, blobs\ndef test():\n    {code}\n    return blobs.test()\n")
    lab.make()
    assert lab.find() is not None
    lab.working_folder = lab.root / "other"
    assert lab.find() is None


def test_the_working_directory_does_not_count_where_paths_are_absolute(lab: Lab) -> None:
    code = "ROOT = os.path.dirname(__file__)\ndef test():\n    os.listdir(ROOT)"
    lab.write("data.py", f"import os, blobs\n{code}\n    return blobs.test()\n")
    lab.make()
    lab.working_folder = lab.root.parent
    assert lab.find() is not None


def test_what_the_user_reads_of_the_system_counts(lab: Lab) -> None:
    prepare(lab, "open('/etc/hostname').read(); open('/proc/self/stat').read()", lambda _: None)
    assert [each.path for each in lab.dependencies().files if each.path[:1] == "/"] == [
        "/etc/hostname"
    ]


def test_the_version_of_an_installed_package_counts(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(lab, "import yaml", lambda _: None)
    assert lab.find() is not None
    package = Surroundings.package

    def newer(self: Surroundings, name: str) -> object:
        found = package(self, name)
        return found.model_copy(update={"version": "99.0"}) if name == "PyYAML" else found

    monkeypatch.setattr(Surroundings, "package", newer)
    assert lab.find() is None


UNRECORDED = {
    "a folder that is opened in a folder": (
        "os.makedirs('a/b', exist_ok=True); list(os.fwalk('a'))",
        "the file b in a folder that is not known",
    ),
    "a program": ("import subprocess; subprocess.run(['true'])", "the program true"),
    "a shell command": ("os.system('true')", "the command true"),
    "a process": (
        "os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)",
        "the program /bin/true",
    ),
    "the network": (
        "import socket; s = socket.socket(); s.settimeout(1)\n"
        "    try: s.connect(('127.0.0.1', 9))\n    except OSError: pass",
        "the network: ('127.0.0.1', 9)",
    ),
    "a program that an executor starts": (
        "import subprocess; ThreadPoolExecutor().submit(subprocess.run, ['true']).result()",
        "the program true",
    ),
    "a process of multiprocessing": (
        "import multiprocessing.util as m, signal; r, w = os.pipe()\n"
        "    os.waitpid(m.spawnv_passfds(b'/bin/true', ['true'], [w]), 0)",
        "a process of its own",
    ),
    "a library that reads in native code": (
        "open('lmdb.py', 'w').close(); import lmdb",
        "the files that lmdb opens",
    ),
    "a library that is imported when it is needed": (
        "import importlib; open('lmdb.py', 'w').close(); importlib.import_module('lmdb')",
        "the files that lmdb opens",
    ),
    "a client of a database": (
        "open('psycopg.py', 'w').close(); import psycopg",
        "the network: psycopg",
    ),
}


@pytest.mark.parametrize("kind", UNRECORDED)
def test_what_cannot_be_recorded_is_named_and_not_served_to_another_session(
    lab: Lab, kind: str
) -> None:
    code, what = UNRECORDED[kind]
    prepare(lab, code, lambda _: None)
    assert lab.dependencies().unrecorded == (what,)
    assert lab.find() is None
    lab.write("stands_for_it.txt", "1")
    lab.depends_on = ("*.txt",)
    lab.make()
    assert lab.find() is not None


def replace_with_copy(name: str) -> Act:
    def act(lab: Lab) -> None:
        shutil.copy(lab.root / name, lab.root / "copy")
        (lab.root / "copy").replace(lab.root / name)

    return act


def move(lab: Lab) -> None:
    elsewhere = lab.root.with_name("elsewhere")
    shutil.copytree(lab.root, elsewhere)
    shutil.rmtree(lab.root)
    lab.sys_path = tuple(path.replace(str(lab.root), str(elsewhere)) for path in lab.sys_path)
    lab.root = lab.working_folder = elsewhere


def test_a_folder_of_packages_that_the_code_adds_does_not_hide_what_is_installed(lab: Lab) -> None:
    """``setuptools`` adds such a folder to the search path when it is imported."""
    metadata = write("vendor/PyYAML-99.0.dist-info/METADATA", "Name: PyYAML\nVersion: 99.0\n")
    prepare(lab, "sys.path.insert(0, os.path.abspath('vendor')); import yaml", metadata)
    assert lab.find() is not None


SAME: dict[str, Act] = {
    "nothing": lambda _: None,
    "touch": lambda lab: (lab.root / "in.txt").touch(),
    "an older time": lambda lab: os.utime(lab.root / "in.txt", (0, 0)),
    "touched code": lambda lab: (lab.root / "other.py").touch(),
    "written again": write("in.txt", "1\n"),
    "code written again": write("other.py", "value = 1\n"),
    "replaced by a copy": replace_with_copy("in.txt"),
    "other permissions": lambda lab: (lab.root / "in.txt").chmod(0o600),
    "another owner": lambda lab: os.chown(lab.root / "in.txt", 12345, 12345),
    "a file that nobody reads": write("unread.txt"),
    "a module that nobody imports": write("unread.py"),
    "a change in a file that nobody reads": write("unread.txt", "2"),
    "a folder": lambda lab: (lab.root / "folder").mkdir(),
    "byte code": write("__pycache__/other.cpython-311.pyc"),
    "byte code in a listed folder": write("samples/__pycache__/x.pyc"),
    "a change in a file of a listed folder": write("samples/one.txt", "2"),
    "the cache of pytest": write("samples/.pytest_cache/x"),
    "a report in rootdir": write("junit.xml"),
    "a file that the code writes": write("out.txt", "other"),
    "a link to the same": both(
        lambda lab: (lab.root / "in.txt").rename(lab.root / "real.txt"), link("in.txt", "real.txt")
    ),
    "a later file of the same name further down": write("late/other.py", ""),
    "content of a file that was only looked for": write("there.txt", "2"),
    "a folder that the code makes": lambda lab: (lab.root / "made/new").mkdir(),
    "a clone elsewhere": move,
}


def test_what_is_no_change_rebuilds_nothing(lab: Lab) -> None:
    reads = (
        "open('in.txt').read(); import other; os.listdir('samples'); "
        "open('out.txt', 'w').write('1'); open('out.txt').read(); os.environ.get('STALE_SET'); "
        "os.path.exists('there.txt'); os.makedirs('made/sub', exist_ok=True); "
        "os.path.exists('made/sub/x'); os.path.exists('made/new'); import tempfile, shutil; "
        "d = tempfile.mkdtemp(); os.path.exists(d + '/x'); shutil.rmtree(d)"
    )
    before = both(
        write("in.txt", "1\n"),
        write("other.py", "value = 1\n"),
        write("samples/one.txt", "1"),
        write("there.txt", "1"),
        search(".", "late"),
    )
    prepare(lab, reads, before)
    for kind, act in SAME.items():
        act(lab)
        assert lab.find() is not None, kind
