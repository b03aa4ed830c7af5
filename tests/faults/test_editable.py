"""Packages that setuptools installs in editable mode as an import hook (PEP 660).

Such a package lies in no folder of the search path: a finder in ``sys.meta_path`` knows where.
"""

import re
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Project, first_on_path

pytestmark = pytest.mark.faults

HEAD = '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
# The folder has another name than the package, so that no path can stand for it.
PACKAGE = '[project]\nname = "kept"\nversion = "1"\n[tool.setuptools]\npackages = ["kept"]\n'
MAPPED = PACKAGE + '[tool.setuptools.package-dir]\nkept = "code"\n'
# A package without an __init__.py: the hook is in ``sys.path_hooks``.
NAMESPACE = MAPPED.replace('["kept"]', '["kept.part"]').replace("kept =", '"kept.part" =')
BUILD = "import sys; from setuptools import build_meta as b; b.build_editable(sys.argv[1])"


def install(project: Project, source: str) -> dict[str, str]:
    """Install the project in a folder as pip does, and return the environment to use it in."""
    site = project.root.with_name("env") / "site-packages"
    shutil.rmtree(site, ignore_errors=True)
    built = project.root.with_name("wheels")
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    done = Project(project.root / source).run("-c", BUILD, str(built))
    assert done.exitcode == 0, done.output
    [wheel] = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert list(site.glob("__editable__*finder.py")), "setuptools made no import hook"
    hooks = project.root.with_name("hooks")
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(f"import site\nsite.addsitedir({str(site)!r})\n")
    return first_on_path(hooks)


def samples(project: Project, env: dict[str, str]) -> tuple[int, int]:
    """Return over how many samples the accuracy was measured, and how many results are stored."""
    result = project.pytest("--junitxml=j.xml", "-k", "float32 and min_accuracy", env=env)
    assert result.exitcode == 0, result.output
    [count] = re.findall(r"over (\d+) samples", (project.root / "j.xml").read_text())
    return int(count), len(list(project.root.glob(".modelbudget/entries/*/*/*")))


@pytest.fixture
def kept(built: Project) -> Project:
    code = "import blobs, kept.part\ndef test():\n    x, y = blobs.test()\n"
    code += "    return x[:kept.part.COUNT], y[:kept.part.COUNT]\n"
    built.write("data.py", code)
    built.edit("blobs.budget.yaml", "blobs:test", "data:test")
    return built


def write(project: Project, source: str, config: str, count: int) -> Path:
    project.write(f"{source}/pyproject.toml", HEAD + config)
    if config != NAMESPACE:
        project.write(f"{source}/code/__init__.py", "")
        return project.write(f"{source}/code/part.py", f"COUNT = {count}\n")
    return project.write(f"{source}/code/__init__.py", f"COUNT = {count}\n")


def test_changes_behind_an_import_hook_are_noticed(kept: Project) -> None:
    write(kept, "../one", MAPPED, 390)
    env = install(kept, "../one")
    first = samples(kept, env)
    assert first[0] == 390
    assert samples(kept, env) == first, "nothing changed, and something was made again"

    write(kept, "../one", MAPPED, 380)
    assert samples(kept, env)[0] == 380

    write(kept, "../two", MAPPED, 370)
    env = install(kept, "../two")
    assert samples(kept, env)[0] == 370

    kept.write("kept/__init__.py", "")
    kept.write("kept/part.py", "COUNT = 360\n")
    assert samples(kept, env)[0] == 360


def test_changes_in_a_namespace_behind_an_import_hook_are_noticed(kept: Project) -> None:
    write(kept, "../one", NAMESPACE, 390)
    env = install(kept, "../one")
    assert samples(kept, env)[0] == 390
    write(kept, "../one", NAMESPACE, 380)
    assert samples(kept, env)[0] == 380
