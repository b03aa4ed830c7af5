import sys
from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.types import CallSource, FileSource
from pytest_modelbudget.engine.fingerprint import Fingerprint, Fingerprints, of_files
from pytest_modelbudget.protocol.digests import digest
from pytest_modelbudget.protocol.project import Project


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "shop/__init__.py": "",
        "shop/models.py": "from shop import layers\nfrom .sizes import WIDTH\ndef build(): ...\n",
        "shop/layers.py": "def f():\n    import tensorflow\n",
        "shop/sizes.py": "WIDTH = 3\n",
        "shop/data.py": "import numpy\n",
        "shop/unrelated.py": "X = 1\n",
        "shop/broken.py": "def (:\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return tmp_path


def project(root: Path) -> Project:
    return Project(rootdir=root, sys_path=(str(root),))


def fingerprint(root: Path, call: str = "shop.models:build", **args: object) -> str:
    source = CallSource.model_validate({"call": call, "args": args})
    return Fingerprints(project(root)).of_source(source).sha256


def test_code_counts_by_where_it_is_and_not_by_its_content(package: Path) -> None:
    """What it reads, itself included, is recorded while it runs."""
    before = fingerprint(package)
    (package / "shop" / "models.py").write_text("def build(): return 1\n")
    assert fingerprint(package) == before
    (package / "shop" / "models.py").rename(package / "models.py")
    (package / "shop" / "models").mkdir()
    (package / "models.py").rename(package / "shop" / "models" / "__init__.py")
    assert fingerprint(package) != before


@pytest.mark.parametrize(
    ("name", "text", "call"),
    [
        ("shop/__init__.py", "from .sizes import WIDTH\n", "shop:f"),
        ("shop/__init__.py", "from . import sizes\n", "shop:f"),
        ("shop/__init__.py", "from .sizes import WIDTH\n", "shop.data:test"),
        ("shop/deep/net.py", "from ..sizes import WIDTH\n", "shop.deep.net:f"),
        ("shop/deep/net.py", "from .. import sizes\n", "shop.deep.net:f"),
        ("shop/deep/net.py", "import shop.sizes\n", "shop.deep.net:f"),
    ],
)
def test_imports_are_found_wherever_they_are_written_from(
    package: Path, name: str, text: str, call: str
) -> None:
    (package / "shop" / "deep").mkdir()
    (package / name).write_text(text)
    (package / "shop" / "sizes.py").write_text("import tensorflow\n")
    assert Fingerprints(project(package)).of_source(CallSource(call=call)).tensorflow


def test_name_and_arguments_count(package: Path) -> None:
    prints = {
        fingerprint(package),
        fingerprint(package, "shop.models:other"),
        fingerprint(package, alpha=0.5),
        fingerprint(package, alpha=0.35),
    }
    assert len(prints) == 4


def test_nothing_is_imported_to_know_who_needs_tensorflow(package: Path) -> None:
    prints = Fingerprints(project(package))
    assert prints.of_source(CallSource(call="shop.models:build")).tensorflow
    assert not prints.of_source(CallSource(call="shop.data:test")).tensorflow


def test_code_that_does_not_parse_or_exist_still_has_a_fingerprint(package: Path) -> None:
    assert fingerprint(package, "shop.broken:f") != fingerprint(package, "shop.missing:f")


def test_packages_without_an_init_file_are_found(tmp_path: Path) -> None:
    file = tmp_path / "space" / "deeper" / "models.py"
    file.parent.mkdir(parents=True)
    file.write_text("import tensorflow\n")
    source = CallSource(call="space.deeper.models:build")
    assert Fingerprints(project(tmp_path)).of_source(source).tensorflow


def test_a_checkout_may_lie_anywhere(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    package.joinpath("shop").rename(elsewhere / "shop")
    moved = fingerprint(elsewhere)
    elsewhere.joinpath("shop").rename(package / "shop")
    assert fingerprint(package) == moved


def test_modules_are_found_below_rootdir_without_another_search_path(package: Path) -> None:
    only_rootdir = Fingerprints(Project(rootdir=package, sys_path=()))
    found = only_rootdir.of_modules(["shop.layers"])
    assert found.sha256 == digest([("shop.layers", "shop/layers.py")])
    assert found.tensorflow


def test_a_module_outside_rootdir_counts_by_its_absolute_path(package: Path) -> None:
    (package / "inner").mkdir()
    inner = Project(rootdir=package / "inner", sys_path=(str(package),))
    found = Fingerprints(inner).of_modules(["shop.layers"])
    assert found.sha256 == digest([("shop.layers", str(package / "shop" / "layers.py"))])


@pytest.mark.parametrize("name", ["numpy", "numpy.linalg", "json", "json.decoder", "not_there"])
def test_the_place_of_a_module_that_is_not_of_the_project_does_not_count(
    package: Path, name: str
) -> None:
    (package / "json").mkdir()
    (package / "json" / "__init__.py").touch()
    (package / "json" / "decoder.py").write_text("import tensorflow\n")
    where = (str(package), *sys.path)
    found = Fingerprints(Project(rootdir=package, sys_path=where)).of_modules([name])
    assert found == Fingerprint(digest([(name, None)]))


def test_a_file_counts_by_its_bytes_and_a_folder_by_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "weights").write_text("1")

    def of(path: Path) -> str:
        return Fingerprints(project(tmp_path)).of_source(FileSource(path=path)).sha256

    prints = [of(folder), of(folder / "weights"), of(tmp_path / "missing")]
    (folder / "weights").write_text("2")
    prints += [of(folder), of(folder / "weights")]
    assert len(set(prints)) == 5


def test_a_folder_behind_a_symbolic_link_counts(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "w").write_text("1")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "variables").symlink_to(tmp_path / "weights")

    def now() -> str:
        source = FileSource(path=tmp_path / "model")
        return Fingerprints(project(tmp_path)).of_source(source).sha256

    before = now()
    (tmp_path / "weights" / "w").write_text("2")
    assert now() != before


def test_the_names_of_the_files_in_a_folder_count(tmp_path: Path) -> None:
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "weights").write_text("1")
    before = Fingerprints(project(tmp_path)).of_source(FileSource(path=folder))
    (folder / "weights").rename(folder / "renamed")
    assert Fingerprints(project(tmp_path)).of_source(FileSource(path=folder)) != before


def test_files_that_are_depended_on_count_by_their_names_below_the_budget_file(
    tmp_path: Path,
) -> None:
    for name in ["a/deep/w.h5", "b/deep/w.h5", "c/w.h5"]:
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("1")
    of_a, of_b, of_c = (of_files(["**/*.h5"], tmp_path / name) for name in "abc")
    assert of_a == of_b
    assert of_a != of_c
    assert of_files(["../a/deep/w.h5"], tmp_path / "c") not in {of_a, of_c}


def test_a_change_in_a_file_that_is_depended_on_counts(tmp_path: Path) -> None:
    (tmp_path / "w.h5").write_text("1")
    before = of_files(["*.h5"], tmp_path)
    assert before == of_files(["w.h5"], tmp_path)
    (tmp_path / "w.h5").write_text("2")
    assert of_files(["*.h5"], tmp_path) != before
