"""The example project's own gate, cold in two places and warm again, with TensorFlow."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conftest import Project, Result, outcomes

pytestmark = pytest.mark.tensorflow
ROOT = Path(__file__).parents[2]
VARIANTS = 18
AGAIN = ("autoencoder", "mobilenet", "pruned_sparse")


def checkout(folder: Path) -> Project:
    for name in ("budgets", "example_project"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\n")
    return Project(folder)


def gate(project: Project, *options: str, **env: str) -> Result:
    return project.pytest("budgets", "-v", "--budget-artifacts", "dist", *options, env=env)


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    project = checkout(tmp_path_factory.mktemp("one"))
    result = gate(project, "--junitxml=junit.xml")
    assert len(outcomes(result.output)) >= VARIANTS, result.output
    return project, result


def shipped(project: Project) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (project.root / "dist").rglob("*.tflite")}


def test_every_limit_of_every_model_holds(cold: tuple[Project, Result]) -> None:
    project, result = cold
    assert result.exitcode == 0, result.output
    assert set(outcomes(result.output).values()) == {"PASSED"}
    assert len(shipped(project)) == VARIANTS


def test_junit_has_every_value(cold: tuple[Project, Result]) -> None:
    project, result = cold
    cases = list(ElementTree.parse(project.root / "junit.xml").iter("testcase"))
    assert len(cases) == len(outcomes(result.output))
    for case in cases:
        names = {each.get("name") for each in case.iter("property")}
        assert names >= {"measured", "limit", "unit", "margin", "outcome"}


def test_all_variants_of_one_model_share_its_conversion(cold: tuple[Project, Result]) -> None:
    project, _ = cold
    artifacts = list((project.root / ".modelbudget").glob("entries/*/*/*/model.tflite"))
    # One float conversion for each of 4 models, 12 variants quantized from those, and what the
    # 4 trained variants convert (4), encode (1) and quantize (3).
    assert len(artifacts) == 4 + 12 + 4 + 1 + 3


def test_variants_with_a_common_beginning_train_it_once(cold: tuple[Project, Result]) -> None:
    project, _ = cold
    trained = list((project.root / ".modelbudget").glob("entries/*/*/*/model.keras"))
    assert len(trained) == len(["prune", "cluster", "prune_channels", "distill"])


def test_a_cold_run_elsewhere_and_with_xdist_gives_the_same_bytes(
    cold: tuple[Project, Result], tmp_path: Path
) -> None:
    """The other stages that train are compared in ``tests/recipes/test_stages.py``."""
    project, result = cold
    elsewhere = checkout(tmp_path)
    again = gate(elsewhere, "-n2", "-k", " or ".join(AGAIN))
    assert again.exitcode == 0, again.output
    expected = shipped(project)
    found = shipped(elsewhere)
    assert found == {name: expected[name] for name in found}
    passed = re.findall(r"PASSED (\S+::\S+)", again.output)
    chosen = [item for item in outcomes(result.output) if any(name in item for name in AGAIN)]
    assert sorted(passed) == sorted(chosen)
    assert len(found) == len({item.rpartition("::")[0] for item in chosen})


def test_a_warm_run_never_imports_tensorflow(cold: tuple[Project, Result]) -> None:
    project, result = cold
    warm = gate(project, **project.refusing("tensorflow", "keras", "tf_keras"))
    assert outcomes(warm.output) == outcomes(result.output)
    assert "(built" not in warm.output


def test_a_changed_weights_file_rebuilds_what_depends_on_it(cold: tuple[Project, Result]) -> None:
    project, _ = cold
    weights = project.root / "example_project" / "models"
    shutil.copy(weights / "mobilenet_0.5.h5", weights / "mobilenet_0.35.h5")
    result = gate(project, "-k", "mobilenet and narrow and max_bytes")
    assert result.exitcode == 1
    result.has(
        "budgets/mobilenet.budget.yaml:", "example_project.mobilenet:trained raised ValueError"
    )
