"""What sparse encoding gives, and what a failure says about a file that is as large as before."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.engine.other_endings import other_endings, why_same_size
from tests.conftest import Project, Result, outcomes

ROOT = Path(__file__).parents[2]
BUDGET = """
version: 1
model: example_project/models/digits_cnn.keras
data: {train: example_project.data:train, test: example_project.data:test}
recipe: [prune: {sparsity: 0.8, epochs: 3}]
budget: {min_sparsity: 0.79, min_accuracy: 0.9}
variants:
  dense:
    budget: {max_bytes: 100 kB, max_gzip_bytes: 100 kB}
  sparse:
    recipe: [prune: {sparsity: 0.8, epochs: 3}, convert: {sparse: true}]
    budget: {max_bytes: 42 kB, max_accuracy_drop: 3 pp}
  sparse_float16:
    recipe:
      - prune: {sparsity: 0.8, epochs: 3}
      - convert: {sparse: true}
      - quantize: {scheme: float16}
    budget: {max_bytes: 29 kB}
  sparse_int8:
    recipe:
      - prune: {sparsity: 0.8, epochs: 3}
      - convert: {sparse: true}
      - quantize: {scheme: int8, io: int8, backend: converter}
    budget:
      max_bytes: 36 kB
      integer_only: true
      allowed_ops: [CONV_2D, FULLY_CONNECTED, SOFTMAX, DENSIFY, MAX_POOL_2D]
  dynamic:
    recipe:
      - prune: {sparsity: 0.8, epochs: 3}
      - quantize: {scheme: dynamic}
    budget: {max_bytes: 20 kB}
  never_pruned:
    recipe: [convert: {sparse: true}]
"""


SHRUNK = """
version: 1
model: blobs.tflite
data: {test: blobs:test}
budget: {max_bytes: 6 kB, max_accuracy_drop: 0.0, allowed_ops: [DENSIFY, FULLY_CONNECTED, SOFTMAX]}
variants:
  sparse: {recipe: [convert: {sparse: true}]}
"""


def test_a_tflite_that_its_user_pruned(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", SHRUNK)
    result = blobs.pytest("-v", env=blobs.refusing("tensorflow", "keras", "tf_keras"))
    assert outcomes(result.output) == {
        "blobs.budget.yaml::sparse::max_bytes": "PASSED",
        "blobs.budget.yaml::sparse::max_accuracy_drop": "PASSED",
        "blobs.budget.yaml::sparse::allowed_ops": "PASSED",
    }


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Result]:
    project = Project(tmp_path_factory.mktemp("sizes"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "example_project", project.root / "example_project", ignore=ignored)
    project.write("pytest.ini", "[pytest]\n")
    project.write("digits.budget.yaml", BUDGET)
    return project, project.pytest("-v", "--junitxml=junit.xml")


def measured(project: Project, limit: str) -> dict[str, float]:
    """Return what a limit measured, by variant."""
    return {
        case.attrib["classname"].rpartition(".")[2]: float(found.attrib["value"])
        for case in ElementTree.parse(project.root / "junit.xml").iter("testcase")
        for found in case.iter("property")
        if case.get("name") == limit and found.get("name") == "measured"
    }


@pytest.mark.tensorflow
def test_sparse_encoding_takes_bytes_and_nothing_else(gated: tuple[Project, Result]) -> None:
    project, result = gated
    found = outcomes(result.output)
    assert {name.partition("::")[2] for name in found if found[name] == "FAILED"} == {
        "dense::max_bytes",
        "sparse_int8::allowed_ops",
        "dynamic::max_bytes",
    }
    for limit in ("min_accuracy", "min_sparsity"):
        values = measured(project, limit)
        assert values["sparse"] == values["dense"]
    sizes = measured(project, "max_bytes")
    assert sizes["sparse_float16"] < sizes["sparse_int8"] < sizes["sparse"] < sizes["dense"] / 3


@pytest.mark.tensorflow
def test_a_dense_model_is_not_shipped_as_sparse(gated: tuple[Project, Result]) -> None:
    _, result = gated
    result.has(
        "ERROR at setup of never_pruned::min_sparsity",
        "digits.budget.yaml:33:14: recipe[0] > convert: too few zeros for sparse encoding: "
        "the sparsest kernel has 0% zeros",
        "prune first",
    )


def explained(result: Result, item: str) -> str:
    """Return the text of a failure, but for what differs between two runs."""
    text = result.output.partition(f"_ {item} _")[2].partition("\n")[2]
    return re.sub(r"(?m)^(  artifact |\[gw).*\n", "", text.partition("\n_")[0].partition("\n=")[0])


@pytest.mark.tensorflow
def test_a_failure_says_what_would_make_the_file_smaller(gated: tuple[Project, Result]) -> None:
    project, result = gated
    sparse = measured(project, "max_bytes")["sparse"]
    gzip = measured(project, "max_gzip_bytes")["dense"]
    assert explained(result, "dense::max_bytes") == (
        "max_bytes: 141 kB is 40.6 kB (40.6 %) over the limit of 100 kB\n"
        "\n"
        "  measured    141 kB (140,560 B)  the .tflite as it is\n"
        "  why         pruning leaves the file as it is: zeros are stored like any other value\n"
        f"  gzip        {gzip:,.0f} B  what max_gzip_bytes limits\n"
        f"  sparse      {sparse:,.0f} B  convert: {{sparse: true}}\n"
        "  dynamic     40,024 B  quantize: {scheme: dynamic}\n"
        "  float16     72,736 B  quantize: {scheme: float16}\n"
        "  int8        41,336 B  quantize: {scheme: int8}\n"
        "  largest     64,512 B (45.9 %)  digits_cnn/conv2d_2/Conv2D\n"
        "              50,176 B (35.7 %)  digits_cnn/dense/MatMul\n"
        "              18,432 B (13.1 %)  digits_cnn/conv2d_1/Conv2D\n"
        "  limit       digits.budget.yaml:8:14\n"
        "  what helps  a smaller recipe (`modelbudget recipes` lists them), "
        "or a smaller architecture"
    )
    result.has(
        "max_bytes: 40.0 kB is 20.0 kB (100.1 %) over the limit of 20 kB",
        "measured 40.0 kB (40,024 B)",
        "why pruning leaves the file as it is: zeros are stored like any other value\n gzip 1",
        "B what max_gzip_bytes limits\n largest",
    )


@pytest.mark.tensorflow
def test_the_other_forms_are_cached_and_cross_xdist(gated: tuple[Project, Result]) -> None:
    project, result = gated
    without = project.refusing("tensorflow", "keras", "tf_keras")
    again = project.pytest("-n1", "digits.budget.yaml::dense", env=without)
    assert explained(again, "dense::max_bytes") == explained(result, "dense::max_bytes")


@pytest.mark.tensorflow
def test_one_other_operator_is_named(gated: tuple[Project, Result]) -> None:
    _, result = gated
    result.has(
        "allowed_ops: 1 other operator: RESHAPE",
        "limit digits.budget.yaml:26:7",
        "what helps another `scheme` or `io` in `quantize`",
    )


BOTH = "pruning and clustering leave the file as it is: zeros and repeated values are stored"
SCHEMES = ["dynamic", "float16", "int8"]


@pytest.mark.parametrize(
    ("recipe", "why", "names"),
    [
        ("quantize", "", []),
        ("prune_channels", "", []),
        ("prune, convert: {sparse: true}", "", []),
        ("prune", "pruning leaves the file as it is: zeros are stored", ["sparse", *SCHEMES]),
        ("cluster", "clustering leaves the file as it is: repeated values are stored", SCHEMES),
        ("prune, cluster, convert", BOTH, ["sparse", *SCHEMES]),
        ("prune, cluster, quantize_aware", BOTH, ["sparse"]),
        ("prune, cluster, quantize: {scheme: dynamic}", BOTH, []),
    ],
)
def test_what_is_explained(tmp_path: Path, recipe: str, why: str, names: list[str]) -> None:
    file = tmp_path / "m.budget.yaml"
    head = "version: 1\nmodel: m:f\ndata: {train: m:data}\nbudget: {max_bytes: 1}\n"
    file.write_text(f"{head}recipe: [{recipe}]\n")
    [budget] = load(file)
    assert why_same_size(budget.recipe) == (f"{why} like any other value" if why else "")
    assert [each.name for each in other_endings(budget.recipe, budget.span)] == names
