"""``modelbudget init`` as its user runs it, here on a ``.tflite``: without TensorFlow."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.cli import main
from tests.conftest import MODELBUDGET, Project, Result, outcomes
from tests.gate.test_signatures import add_worst
from tests.models import blobs
from tests.workers.flatbuffers import edited

FILE = "budgets/blobs.budget.yaml"
QUICK = ("--variants", "dynamic")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the data of ``blobs.tflite`` as files."""
    folder = tmp_path_factory.mktemp("data")
    for name, (x, y) in {"test": blobs.test(), "calibration": blobs.calibration()}.items():
        np.savez(folder / name, x=x, y=y)
    return folder


@pytest.fixture
def trained(project: Project, data: Path) -> Project:
    """Return a project with a float ``.tflite`` and its data, as a person has them."""
    (project.root / "pytest.ini").unlink()
    shutil.copy(Path(__file__).parent / "models" / "blobs.tflite", project.root)
    shutil.copytree(data, project.root, dirs_exist_ok=True)
    return project


def init(project: Project, *words: str) -> Result:
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # the interrupted command loads all plugins
    return project.forked(MODELBUDGET, "init", *words, env=own)


def entries(project: Project) -> dict[Path, int]:
    """Return the files of the cache; one that is written again has another number."""
    found = project.root.glob(".modelbudget/entries/*/*/*")
    return {path: path.stat().st_ino for path in found}


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from pytest_modelbudget.cli import main

def interrupt():
    while not any(Path(".modelbudget").glob("entries/*/*/*")):
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells in the background ignore it
threading.Thread(target=interrupt, daemon=True).start()
sys.exit(main(sys.argv[1:]))
"""


def interrupted(project: Project, *words: str) -> Result:
    """Interrupt ``init``, with all plugins, when the first result is stored."""
    return project.forked("-c", INTERRUPTED, "init", *words)


def test_two_commands_from_a_model_to_a_gate(trained: Project) -> None:
    """The first one is interrupted, and continues when it is run again."""
    words = ("blobs.tflite", "--test", "test.npz", "--variants", "float32,dynamic,int8,prune")
    first = interrupted(trained, *words)
    assert first.exitcode == 130, first.output
    assert first.output.endswith(
        "interrupted: nothing was written; run the same command again to continue\n"
    )
    assert not (trained.root / "budgets").exists()
    kept = entries(trained)
    assert kept

    result = init(trained, *words)

    assert result.exitcode == 0, result.output
    assert entries(trained).items() > kept.items()
    result.has(
        "metric: accuracy (--metric names another)",
        "guessed from classification: no loss, outputs of shape (4,), integer labels from 0 to 3",
        "skipped: int8: needs --calibration or --train",
        "skipped: prune: needs a Keras model, and blobs.tflite is a .tflite",
        "bytes gzip accuracy drop latency",
        "float32 6.30 kB 928 B 0.9650 (0.9421\u20130.9790)",
        "dynamic 3.27 kB 741 B 0.9650 (0.9421\u20130.9790) 0 pp",
        f"{FILE} has float32, dynamic; now run pytest",
    )
    text = (trained.root / FILE).read_text()
    assert "model: ../blobs.tflite\n" in text
    assert "  test: ../test.npz\n" in text
    assert re.search(r"max_bytes: 3.44 kB +# measured 3.27 kB\n", text), "5 % of headroom"
    drop = r"max_accuracy_drop: 0.96 pp +# measured 0 pp \(-0.951 to 0.951 pp\)\n"
    assert re.search(drop, text), "what these samples can resolve"
    before = entries(trained)
    gate = trained.pytest("-v")
    assert gate.exitcode == 0, gate.output
    found = outcomes(gate.output)
    assert len(found) == 7
    assert set(found.values()) == {"PASSED"}
    assert "built" not in gate.output
    assert entries(trained) == before


def test_every_preset_is_tried_and_those_that_do_not_help_are_left_out(trained: Project) -> None:
    """The model is one that only the signature which is named gives a good score."""
    edited(trained.root / "blobs.tflite", add_worst)
    words = ("blobs.tflite", "--test", "test.npz")
    assert init(trained, *words) == Result(
        1,
        f"{trained.root}/blobs.tflite has 2 signatures: worst, classify; "
        "add --signature with the one to gate\n",
    )
    result = init(trained, *words, "--signature", "classify")
    assert result.exitcode == 0, result.output
    why = "quantize: the LiteRT quantizer cannot quantize one of several signatures"
    result.has(
        "skipped: int8, int16x8: needs --calibration or --train",
        "skipped: prune, cluster, qat, prune_int8, prune_cluster_qat: needs a Keras model, and "
        "blobs.tflite is a .tflite",
        "float32",
        "0.9650",
        f"dynamic not measured: recipe > dynamic > {why}",
        f"float16 not measured: recipe > float16 > {why}",
        f"int4 not measured: recipe > int4 > {why}",
        f"{FILE} has float32; now run pytest",
    )
    written = (trained.root / FILE).read_text()
    assert "\nsignature: classify\n" in written
    assert trained.pytest("-k", "not latency").exitcode == 0
    text = " ".join(written.replace("# ", "").split())
    for name in ("dynamic", "float16", "int4"):
        assert f"Not here: {name}: recipe > {name} > {why}" in text


def test_records_and_chosen_variants(trained: Project) -> None:
    """Another metric than the guessed one is named."""
    words = ("--test=test.npz", "--calibration=calibration.npz", "-o", "x.budget.yaml")
    options = ("--json", "--headroom=50%", "--variants=float32,int8,qat", "--metric=f1")
    result = init(trained, "blobs.tflite", *words, *options)
    assert result.exitcode == 0, result.output
    start, float32, int8, end = map(json.loads, result.output.splitlines())
    assert start == {
        "metric": "f1",
        "guessed_from": "",
        "skipped": {"qat": "needs a Keras model, and blobs.tflite is a .tflite"},
    }
    assert float32["figures"]["bytes"]["measured"] == 6300
    assert "accuracy_drop" not in float32["figures"]
    assert int8["figures"]["bytes"]["measured"] == 3648
    drop = int8["figures"]["accuracy_drop"]
    assert (drop["measured"], drop["low"], drop["high"]) == (0, 0, 0)
    assert int8["figures"]["latency_ratio"]["low"] > 0
    assert end == {
        "file": str(trained.root / "x.budget.yaml"),
        "variants": ["float32", "int8"],
    }
    text = (trained.root / "x.budget.yaml").read_text()
    assert "  calibration: calibration.npz\n" in text
    assert "metric: f1\n" in text
    assert "max_accuracy_drop: 49 pp" in text, "50 % of the score"
    one, other = load(trained.root / "x.budget.yaml")
    assert [limit.name for limit in one.limits] == ["max_bytes", "max_gzip_bytes", "min_accuracy"]
    assert one.limits[0].bound == 9450
    assert [limit.name for limit in other.limits][2:] == ["max_accuracy_drop", "max_latency_ratio"]


def test_without_a_test_set_only_what_needs_none_is_written(trained: Project) -> None:
    result = init(trained, "blobs.tflite", *QUICK)
    assert result.exitcode == 0, result.output
    result.has("without --test, no score is measured", "dynamic 3.27 kB 741 B")
    text = (trained.root / FILE).read_text()
    assert "data:\n" not in text
    assert "Add `test:` below" in text
    [budget] = load(trained.root / FILE)
    assert [limit.name for limit in budget.limits] == [
        "max_bytes",
        "max_gzip_bytes",
        "max_latency_ratio",
    ]


def test_a_template_explains_itself(project: Project) -> None:
    result = init(project)
    assert result.exitcode == 0
    result.has("budgets/model.budget.yaml is a template")
    file = project.root / "budgets" / "model.budget.yaml"
    assert len(load(file)) == 2
    text = file.read_text()
    again = init(project)
    assert again == Result(
        1,
        "budgets/model.budget.yaml exists; write --force to replace it, or -o with another\n",
    )
    file.write_text("mine")
    assert init(project, "--force").exitcode == 0
    assert file.read_text() == text


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["nets.tflite"], "MODEL: nets.tflite does not exist"),
        (["blobs.txt"], "MODEL: 'blobs.txt' is not a model; write blobs:txt or a path"),
        (["blobs.tflite", "--test", "tset.npz"], "--test: tset.npz does not exist"),
        (
            ["blobs.tflite", "--test", "keys.npz"],
            "keys.npz lacks x and y; it contains images, labels; name the samples x and the labels "
            "y: d = numpy.load('keys.npz'); numpy.savez('keys.npz', x=d['images'], y=d['labels'])",
        ),
        (["blobs.tflite", "-o", "b.yaml"], "-o b.yaml: pytest would not collect it; write -o b.bu"),
        (["blobs.tflite", "-o", "build/b.budget.yaml"], "pytest skips the folder build; name "),
        (["blobs.tflite", "-o", "blobs.tflite/b.budget.yaml"], "cannot be written"),
        (
            ["-o", "full.budget.yaml", "--force"],
            "full.budget.yaml cannot be written: No space left on device; what was measured is ",
        ),
        (["blobs.tflite", "--time", "soon"], "--time: expected a duration such as 2 ms"),
        (["blobs.tflite", "--headroom", "5"], "--headroom: expected a share such as 1%"),
        (["blobs.tflite", "--variants", "int9"], "--variants: int9 is not a preset; known are fl"),
    ],
)
def test_what_is_wrong_is_one_line_before_anything_is_measured(
    trained: Project,
    words: list[str],
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.savez(trained.root / "keys.npz", images=np.zeros((2, 16)), labels=np.zeros(2))
    (trained.root / "full.budget.yaml").symlink_to("/dev/full")
    monkeypatch.chdir(trained.root)
    assert main(["init", *words]) == 1
    output = capsys.readouterr()
    assert error in output.err
    assert len(output.err.splitlines()) == 1
    assert not output.out
    assert not (trained.root / ".modelbudget").exists()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["blobs.tflite", "--imports", "no_such_lib"],
            "no_such_lib, imported for custom layers: module no_such_lib was not found; modules ",
        ),
        (
            ["blobs.tflite", "--test", "nets:test"],
            "--test: module nets was not found; modules are ",
        ),
        (["blobs.tflite", "--metric", "acuracy"], "--metric: expected a metric or package"),
        (
            ["blobs.tflite", "--variants", "qat"],
            "no preset can be applied: qat needs a Keras model, and blobs.tflite is a .tflite",
        ),
        (["broken.tflite"], "broken.tflite"),
        (["blobs.tflite", "--test", "wide.npz"], "input x needs samples of shape (16,), but x"),
        (["blobs.tflite", "--test", "none.npz"], "there are no samples"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_nothing_is_written(
    trained: Project, words: list[str], error: str
) -> None:
    (trained.root / "broken.tflite").write_bytes(b"\0\0\0\0TFL3 broken")
    np.savez(trained.root / "wide.npz", x=np.zeros((9, 3), np.float32), y=np.zeros(9, np.int64))
    np.savez(trained.root / "none.npz", x=np.zeros((0, 16), np.float32), y=np.zeros(0, np.int64))
    result = init(trained, *words)
    assert result.exitcode == 1
    assert error in result.output.splitlines()[-1]
    assert "Traceback" not in result.output
    assert not (trained.root / "budgets").exists()


def test_a_cache_that_cannot_be_written_is_said_with_what_init_can_do(trained: Project) -> None:
    (trained.root / ".modelbudget").write_text("a file")
    result = init(trained, "blobs.tflite", *QUICK)
    assert result == Result(
        1,
        f"the cache directory {trained.root}/.modelbudget cannot be written: Not a directory; name "
        "another with `modelbudget_cache = DIR` in pytest.ini\n",
    )


def test_the_help_has_examples(project: Project) -> None:
    result = init(project, "--help")
    assert result.exitcode == 0
    result.has("modelbudget init model.keras --test test.npz\n", "a template with comments")
    assert len(PRESETS) == 11
