"""Modules and callables, found by reading: what is certainly missing, and what may be there."""

import sys
from pathlib import Path

import pytest

from pytest_modelbudget.protocol.named_code import NamedCode, import_folder
from tests.conftest import Project

Missing = tuple[str, str] | None


def missing(project: Project, reference: str, *imports: str, path: str = "src") -> Missing:
    return NamedCode([str(project.root / path)], project.root).missing(reference, imports)


DEFINED = {
    "a function": "def build(): ...",
    "an asynchronous function": "async def build(): ...",
    "a class": "class build: ...",
    "a decorated function": "import functools\n@functools.cache\ndef build(): ...",
    "an assignment": "build = lambda: 1",
    "an annotated assignment": "build: object = int",
    "an unpacked tuple": "a, (build, *c) = 1, (2, 3)",
    "a condition": "if False:\n    def build(): ...",
    "a failed import": "try:\n    from fast import build\nexcept ImportError:\n    build = None",
    "an import": "from a.b import c as build",
    "a module": "import build.part",
    "a loop": "for build in []: ...",
    "a with statement": "with open('x') as build: ...",
    "a walrus": "print(build := 1)",
    "a comprehension": "x = [y for y in [] if (build := y)]",
    "a match": "match 1:\n    case {'a': [*_, build]}: ...",
    "the rest of a mapping": "match 1:\n    case {**build}: ...",
    "a global statement": "def make():\n    global build\n    build = 1",
    "a star import": "from x import *",
    "__getattr__": "def __getattr__(name): ...",
    "globals": "globals()['build'] = 1",
    "vars": "import sys\nvars(sys.modules[__name__]).update(build=1)",
    "setattr": "import sys\nsetattr(sys.modules[__name__], 'build', 1)",
    "exec": "exec('build = 1')",
    "a syntax error": "def (",
    "a submodule": "",
}


@pytest.mark.parametrize("case", DEFINED)
def test_a_name_that_a_module_may_have_is_not_missing(project: Project, case: str) -> None:
    project.write("src/models/__init__.py", DEFINED[case])
    if case == "a submodule":
        project.write("src/models/build.py", "")
    assert missing(project, "models:build") is None
    assert missing(project, "models:build.later") is None


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("", "define it in {path}"),
        ("def bild(): ...", "did you mean bild?"),
        ("def train(): ...\nclass Model:\n    def build(self): ...", "{path} has train, Model"),
        ("def make():\n    build = 1\n    def build(): ...", "{path} has make"),
        ("def _make(): build", "define it in {path}"),
    ],
)
def test_a_name_that_a_module_cannot_have_is_missing(
    project: Project, code: str, hint: str
) -> None:
    path = project.write("src/models.py", code)
    found = missing(project, "models:build.later")
    assert found == ("module models has no build", hint.format(path=path))


def test_a_part_of_a_package_that_is_missing(project: Project) -> None:
    project.write("src/shop/__init__.py", "")
    project.write("src/shop/digits.py", "def build(): ...")
    assert missing(project, "shop.digits:build") is None
    found = ("module shop.digit was not found", "did you mean shop.digits?")
    assert missing(project, "shop.digit:build") == found
    folder = project.root / "src" / "shop"
    where = f"modules are searched for in {folder}"
    assert missing(project, "shop.qqqq.a:build") == ("module shop.qqqq was not found", where)
    project.write("src/shop/__init__.py", "import sys\nsys.modules[f'{__name__}.qqqq'] = sys")
    assert missing(project, "shop.qqqq:build") is None


def test_a_module_that_is_missing(project: Project) -> None:
    project.write("src/digits.py", "")
    assert missing(project, "digit") == ("module digit was not found", "did you mean digits?")
    where = f"modules are searched for in {project.root}/src"
    assert missing(project, "qqqq:build") == ("module qqqq was not found", where)
    about = NamedCode([str(project.root)], project.root, "rootdir is here").missing("qqqq:b", ())
    hint = f"modules are searched for in {project.root}; rootdir is here"
    assert about == ("module qqqq was not found", hint)


@pytest.mark.parametrize("reference", ["json:qqqq", "numpy:qqqq", "numpy.qqqq:b", "keras:qqqq"])
def test_installed_modules_are_not_read(project: Project, reference: str) -> None:
    assert NamedCode(sys.path, project.root).missing(reference, ()) is None


def test_a_module_below_root_that_is_not_on_the_path_may_be_found(project: Project) -> None:
    project.write("lib/models.py", "def build(): ...")
    assert missing(project, "models:build") is None
    assert missing(project, "models:bild") == ("module models has no bild", "did you mean build?")
    project.write("tests/models.py", "")  # either may be the one that is imported
    assert missing(project, "models:bild") is None


def test_a_module_that_another_one_may_hide_is_not_judged(project: Project) -> None:
    project.write("src/models.py", "def build(): ...")
    project.write("tests/models.py", "def bild(): ...")
    assert missing(project, "models:bild") is not None  # the folder of the budget file comes first
    elsewhere = str(project.root / "src")
    code = NamedCode([str(project.root / "budgets"), elsewhere], project.root)
    assert code.missing("models:bild", ()) is None


@pytest.mark.parametrize(
    "changes", ["import sys\nsys.path.insert(0, '/x')", "import site; site.addsitedir('x')"]
)
def test_code_that_changes_the_path_leaves_all_open(project: Project, changes: str) -> None:
    project.write("src/setup_path.py", changes)
    assert missing(project, "qqqq:build") is not None
    assert missing(project, "qqqq:build", "setup_path") is None
    project.write("tests/conftest.py", changes)
    assert missing(project, "qqqq:build") is None


def test_modules_beside_a_budget_file_are_imported_from_outside_of_its_package(
    tmp_path: Path,
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert import_folder(tmp_path / "a" / "b" / "x.budget.yaml") == str(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "__init__.py").touch()
    assert import_folder(tmp_path / "a" / "b" / "x.budget.yaml") == str(tmp_path / "a")
