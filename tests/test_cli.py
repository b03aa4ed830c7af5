import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from pytest_modelbudget.budgetfile.load import load
from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.cli import COMMANDS, main, parser
from tests.conftest import BLOBS, MODELBUDGET, Project, Result

WRONG = "version: 1\nmodel: blobs.tflite\nrecipe: int9\nbudget: {max_byte: 5}\n"
ANY_MODEL = "version: 1\nmodel: m:m\ndata: {train: m:d}\nbudget: {max_bytes: 1}\n"
PROBLEMS = (
    "wrong.budget.yaml:3:9: recipe: ",
    "wrong.budget.yaml:4:10: budget: unknown key 'max_byte'; did you mean 'max_bytes'?\n",
)


def modelbudget(project: Project, *words: str) -> Result:
    return project.forked(MODELBUDGET, *words)


def test_check_counts_what_is_right(blobs: Project) -> None:
    result = modelbudget(blobs, "check", "blobs.budget.yaml")
    assert result == Result(0, "1 file, 2 variants: no problem found\n")
    assert not (blobs.root / ".modelbudget").exists()


def test_a_reader_that_has_read_enough_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, MODELBUDGET, "recipes"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.stderr == b""


def test_check_shows_every_problem(blobs: Project) -> None:
    blobs.write("wrong.budget.yaml", WRONG)
    result = modelbudget(blobs, "check", "wrong.budget.yaml")
    assert result.exitcode == 1
    result.has(*PROBLEMS, "2 problems in 1 file\n")
    assert "Traceback" not in result.output


def test_check_looks_for_budget_files_below_a_folder(blobs: Project) -> None:
    blobs.write("below/this/wrong.budget.yml", WRONG)
    blobs.write("below/other.yaml", "no budget")
    shutil.copy(blobs.root / "blobs.tflite", blobs.root / "below" / "this")
    everywhere = modelbudget(blobs, "check")
    assert everywhere.exitcode == 1
    everywhere.has("below/this/wrong.budget.yml:3:9: ", "2 problems in 2 files\n")
    assert modelbudget(blobs, "check", ".") == everywhere
    assert modelbudget(blobs, "check", "below").output.endswith("2 problems in 1 file\n")


def test_check_names_what_pytest_does_not_collect(blobs: Project) -> None:
    blobs.write("below/X.Budget.YAML", WRONG)
    below = BLOBS.replace("blobs.tflite", "../../../blobs.tflite")
    blobs.write("below/build/deep/x.budget.yaml", below)
    blobs.write("node_modules/x.budget.yaml", WRONG)
    (blobs.root / "below" / "build" / "deep" / "env").mkdir()
    blobs.write("below/build/deep/env/pyvenv.cfg", "")
    blobs.write("below/build/deep/env/x.budget.yaml", WRONG)
    result = modelbudget(blobs, "check", "blobs.budget.yaml", "below")
    assert result == Result(
        0,
        "warning: below/X.Budget.YAML looks like a budget file and is not collected, because its "
        "name does not match *.budget.yaml or *.budget.yml; rename it, or add its name to "
        "modelbudget_files\n"
        "warning: below/build/deep/x.budget.yaml is not collected, because pytest skips the folder "
        "below/build; move the file, change norecursedirs, or write --ignore=below/build if this "
        "is intended\n"
        "2 files, 4 variants: no problem found\n",
    )
    strict = modelbudget(blobs, "check", "-W", "error", "blobs.budget.yaml", "below")
    assert strict == Result(1, result.output)
    assert modelbudget(blobs, "check", "-W", "error", "blobs.budget.yaml").exitcode == 0
    assert modelbudget(blobs, "check", "-W", "error", "below/build/deep").exitcode == 0


NAMES = """
version: 1
model: blob.keras
data: {test: blobs:tests, train: {call: blob:train}}
metric: blobs:f1_score
imports: [blobs, blobbs]
latency: {target: blobs:board}
baseline: old/blobs.tflite
variants:
  one: {recipe: [prune: {schedule: blobs:slowly}, blobs:stage], budget: {max_bytes: 1 MB}}
  two: {recipe: [distill: {student: pupil.h5}], budget: {max_bytes: 1 MB}}
"""


def test_check_names_what_does_not_exist(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", NAMES.lstrip())
    (blobs.root / "old").mkdir()
    blobs.write("blobs.keras", "")
    result = modelbudget(blobs, "check")
    here, has = blobs.root, "blobs.py has centers, samples, test, calibration"
    at = "blobs.budget.yaml:{}: ".format
    assert result.exitcode == 1
    assert result.output.splitlines() == [
        f"{at('2:8')}model: {here}/blob.keras does not exist; did you mean blobs.keras?",
        f"{at('3:14')}data > test: module blobs has no tests; did you mean test?",
        f"{at('3:41')}data > train > call: module blob was not found; did you mean blobs?",
        f"{at('4:9')}metric: module blobs has no f1_score; {here}/{has}",
        f"{at('5:18')}imports[1]: module blobbs was not found; did you mean blobs?",
        f"{at('6:19')}latency > target: module blobs has no board; {here}/{has}",
        f"{at('7:11')}baseline: {here}/old/blobs.tflite does not exist; correct the path; it is "
        "relative to this file",
        f"{at('9:36')}variants > one > recipe[0] > schedule: module blobs has no slowly; "
        f"{here}/{has}",
        f"{at('9:51')}variants > one > recipe[1] > blobs:stage: module blobs has no stage; "
        f"{here}/{has}",
        f"{at('10:37')}variants > two > recipe[0] > student: {here}/pupil.h5 does not exist; "
        "correct the path; it is relative to this file",
        "10 problems in 1 file",
    ]


def test_pytest_names_what_does_not_exist_as_check_does(blobs: Project) -> None:
    blobs.write("blobs.budget.yaml", NAMES.lstrip())
    result = blobs.pytest("--collect-only", env=blobs.refusing("numpy", "tensorflow"))
    assert result.exitcode == 2
    problems = modelbudget(blobs, "check").output.splitlines()[:-1]
    assert len(problems) == 10
    result.has(*problems, "1 error in ")


def test_check_finds_modules_of_each_folder_that_may_be_rootdir(blobs: Project) -> None:
    text = (blobs.root / "blobs.budget.yaml").read_text().replace("blobs.tflite", "../blobs.tflite")
    blobs.write("part/blobs.budget.yaml", text)
    blobs.write("part/setup.cfg", "")
    assert modelbudget(blobs, "check", "part").exitcode == 0
    blobs.write("part/blobs.budget.yaml", text.replace("blobs:test", "blobs:tests"))
    modelbudget(blobs, "check", "part").has("data > test: module blobs has no tests; did you mean")


def test_check_names_a_model_that_is_not_of_its_kind(blobs: Project) -> None:
    (blobs.root / "saved").mkdir()
    (blobs.root / "folder.keras").mkdir()
    budget = "version: 1\nmodel: {}\nbudget: {{max_bytes: 1 kB}}\n"
    blobs.write("a.budget.yaml", budget.format("saved"))
    blobs.write("b.budget.yaml", budget.format("folder.keras"))
    (blobs.root / "blobs.budget.yaml").unlink()
    assert modelbudget(blobs, "check").output == (
        f"a.budget.yaml:2:8: model: {blobs.root}/saved is not a SavedModel; name a folder with a "
        "saved_model.pb, or a .keras, .h5 or .tflite file\n"
        f"b.budget.yaml:2:8: model: {blobs.root}/folder.keras is a folder; name a .keras file\n"
        "2 problems in 2 files\n"
    )
    (blobs.root / "saved" / "saved_model.pb").touch()
    assert modelbudget(blobs, "check", "a.budget.yaml").exitcode == 0


def test_check_names_a_file_once(blobs: Project) -> None:
    result = modelbudget(blobs, "check", ".", "blobs.budget.yaml")
    assert result.output == "1 file, 2 variants: no problem found\n"


def test_check_of_a_path_that_is_not_there_fails(project: Project) -> None:
    result = modelbudget(project, "check", "missing.budget.yaml")
    assert result == Result(
        1,
        "missing.budget.yaml:1:1: the file cannot be read: No such file or directory\n"
        "1 problem in 1 file\n",
    )


def test_check_that_finds_nothing_fails(project: Project) -> None:
    (project.root / "empty").mkdir()
    result = modelbudget(project, "check", "empty")
    assert result == Result(1, "no budget file found in empty\n")


def test_recipes_are_what_the_presets_expand_to(project: Project) -> None:
    result = modelbudget(project, "recipes")
    assert result.exitcode == 0
    head, *blocks = result.output.split("\n\n")
    assert head == (
        "# Each preset by its name, then the stages and parameters that it stands for.\n"
        "# Write either form of `recipe:` in a budget file."
    )
    forms = [block.split("\n# stands for\n") for block in blocks]
    assert [name for name, _ in forms] == [f"recipe: {name}" for name in PRESETS]
    for name, stages in forms:
        for number, written in enumerate((name, stages)):
            project.write(f"{number}.budget.yaml", f"{ANY_MODEL}{written}\n")
        one, other = (load(project.root / f"{number}.budget.yaml")[0] for number in (0, 1))
        stages_of = [[each.stage for each in budget.recipe] for budget in (one, other)]
        assert stages_of[0] == stages_of[1]


def test_the_schema_takes_what_check_takes_and_no_more(project: Project) -> None:
    result = modelbudget(project, "schema")
    assert result.exitcode == 0
    schema = json.loads(result.output)
    Draft202012Validator.check_schema(schema)
    assert Draft202012Validator(schema).is_valid(yaml.safe_load(BLOBS))
    assert not Draft202012Validator(schema).is_valid(yaml.safe_load(WRONG))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with one entry, made by a real run."""
    root = tmp_path_factory.mktemp("filled")
    shutil.copy(Path(__file__).parent / "models" / "blobs.tflite", root)
    gate = Project(root)
    gate.write("blobs.budget.yaml", "version: 1\nmodel: blobs.tflite\nbudget: {max_bytes: 7 kB}\n")
    assert gate.pytest("--rootdir=.").exitcode == 0
    return root / ".modelbudget"


@pytest.fixture
def cached(project: Project, filled: Path) -> Project:
    shutil.copytree(filled, project.root / ".modelbudget")
    return project


def entry(project: Project) -> Path:
    [folder] = (project.root / ".modelbudget" / "entries").glob("*/*/*")
    return folder


def test_cache_info_counts_entries_and_bytes(cached: Project) -> None:
    files = [file for file in (cached.root / ".modelbudget").rglob("*") if file.is_file()]
    size_bytes = sum(file.stat().st_size for file in files)
    result = modelbudget(cached, "cache", "info")
    assert result == Result(0, f".modelbudget: 1 entry, {size_bytes:,} B\n")


def test_a_cache_that_is_not_there_is_empty(project: Project) -> None:
    result = modelbudget(project, "cache", "info", "--budget-cache", "nowhere")
    assert result == Result(0, "nowhere: 0 entries, 0 B\n")
    assert not (project.root / "nowhere").exists()


def test_cache_verify_names_what_is_damaged(cached: Project) -> None:
    assert modelbudget(cached, "cache", "verify") == Result(0, ".modelbudget: 1 entry, 0 damaged\n")
    model = entry(cached) / "model.tflite"
    model.write_bytes(model.read_bytes()[:-1])
    assert modelbudget(cached, "cache", "verify") == Result(
        1,
        f"{entry(cached).parent.name}: damaged; it is rebuilt when it is needed\n"
        ".modelbudget: 1 entry, 1 damaged\n",
    )


def test_cache_prune_deletes_entries_that_were_not_used_for_some_days(cached: Project) -> None:
    used_s = time.time() - 40 * 24 * 3600
    os.utime(entry(cached), (used_s, used_s))
    assert modelbudget(cached, "cache", "prune", "--days", "50") == Result(
        0, ".modelbudget: deleted 0 entries that were not used for 50 days\n"
    )
    assert modelbudget(cached, "cache", "prune") == Result(
        0, ".modelbudget: deleted 1 entry that was not used for 30 days\n"
    )
    assert modelbudget(cached, "cache", "info").output.startswith(".modelbudget: 0 entries, ")


@pytest.mark.parametrize("words", [(), ("chek",), ("cache",), ("cache", "prune", "--days", "x")])
def test_a_wrong_call_is_exit_code_2_with_the_usage(
    project: Project, words: tuple[str, ...]
) -> None:
    result = modelbudget(project, *words)
    assert result.exitcode == 2
    result.has("usage: modelbudget", "error: ")


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        (
            (),
            [
                "check validate budget files without running anything",
                "recipes print the presets and the stages that they stand for",
                "schema print the JSON Schema of budget files, or of a document for programs",
                "cache show, verify or prune the cache directory",
            ],
        ),
        (
            ("cache", "prune"),
            ["delete entries that were not used for this many days (default: 30)"],
        ),
    ],
)
def test_help_says_what_each_command_does(
    project: Project, words: tuple[str, ...], lines: list[str]
) -> None:
    result = modelbudget(project, *words, "--help")
    assert result.exitcode == 0
    result.has(*lines)


@pytest.mark.parametrize("command", ["", *COMMANDS, "cache info", "cache prune"])
def test_the_help_has_examples_that_can_be_run_and_fits_80_columns(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    examples = [line.split("  ")[1] for line in lines if line.startswith("  modelbudget ")]
    assert examples
    for example in examples:
        words = re.split(" [|>] ", example)[0].split()[1:]
        if "--help" not in words:
            assert parser().parse_args(words).command in COMMANDS
