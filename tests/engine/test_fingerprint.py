from pathlib import Path

import pytest

from pytest_modelbudget.budgetfile.types import CallSource, FileSource
from pytest_modelbudget.engine.fingerprint import Fingerprints, of_globs


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


def fingerprint(root: Path, call: str = "shop.models:build", **args: object) -> str:
    source = CallSource.model_validate({"call": call, "args": args})
    return Fingerprints((str(root),)).of_source(source).sha256


@pytest.mark.parametrize("name", ["__init__", "models", "layers", "sizes"])
def test_a_change_in_what_a_module_imports_counts(package: Path, name: str) -> None:
    before = fingerprint(package)
    file = package / "shop" / f"{name}.py"
    file.write_text(file.read_text() + "# changed\n")
    assert fingerprint(package) != before


def test_a_change_elsewhere_does_not_count(package: Path) -> None:
    before = fingerprint(package)
    (package / "shop" / "unrelated.py").write_text("X = 2\n")
    assert fingerprint(package) == before


def test_name_and_arguments_count(package: Path) -> None:
    prints = {
        fingerprint(package),
        fingerprint(package, "shop.models:other"),
        fingerprint(package, alpha=0.5),
        fingerprint(package, alpha=0.35),
    }
    assert len(prints) == 4


def test_nothing_is_imported_to_know_who_needs_tensorflow(package: Path) -> None:
    prints = Fingerprints((str(package),))
    assert prints.of_source(CallSource(call="shop.models:build")).tensorflow
    assert not prints.of_source(CallSource(call="shop.data:test")).tensorflow


def test_code_that_does_not_parse_or_exist_still_has_a_fingerprint(package: Path) -> None:
    assert fingerprint(package, "shop.broken:f") != fingerprint(package, "shop.missing:f")


def test_folders_without_an_init_are_packages(tmp_path: Path) -> None:
    module = tmp_path / "src" / "nets" / "model.py"
    module.parent.mkdir(parents=True)
    module.write_text("def build(): ...\n")
    before = fingerprint(tmp_path, "src.nets.model:build")
    module.write_text("def build(): return 1\n")
    assert fingerprint(tmp_path, "src.nets.model:build") != before


@pytest.mark.parametrize("name", ["site-packages", "dist-packages"])
def test_what_is_installed_in_another_environment_is_no_project_code(
    package: Path, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    before = fingerprint(package)
    system = tmp_path_factory.mktemp("system") / name
    system.mkdir()
    package.joinpath("shop").rename(system / "shop")
    installed = fingerprint(system)
    (system / "shop" / "models.py").write_text("changed")
    assert fingerprint(system) == installed != before


def test_a_checkout_may_lie_anywhere(
    package: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    package.joinpath("shop").rename(elsewhere / "shop")
    moved = fingerprint(elsewhere)
    elsewhere.joinpath("shop").rename(package / "shop")
    assert fingerprint(package) == moved


def test_a_file_counts_by_its_bytes_and_a_folder_by_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "weights").write_text("1")

    def of(path: Path) -> str:
        return Fingerprints(()).of_source(FileSource(path=path)).sha256

    prints = [of(folder), of(folder / "weights"), of(tmp_path / "missing")]
    (folder / "weights").write_text("2")
    prints += [of(folder), of(folder / "weights")]
    assert len(set(prints)) == 5


def test_globs_see_a_change_in_any_file(tmp_path: Path) -> None:
    budgets = tmp_path / "budgets"
    budgets.mkdir()
    weights = tmp_path / "models" / "w.h5"
    weights.parent.mkdir()
    weights.write_text("1")
    before = of_globs(["../models/*.h5"], budgets)
    assert before == of_globs(["../models/**/*.h5"], budgets)
    weights.write_text("2")
    assert of_globs(["../models/*.h5"], budgets) != before


def test_packages_without_an_init_file_count_too(tmp_path: Path) -> None:
    file = tmp_path / "space" / "deeper" / "models.py"
    file.parent.mkdir(parents=True)
    file.write_text("def build(): ...\n")
    before = fingerprint(tmp_path, "space.deeper.models:build")
    file.write_text("def build(): return 1\n")
    assert fingerprint(tmp_path, "space.deeper.models:build") != before
