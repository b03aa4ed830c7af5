import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_modelbudget.errors import BudgetFileError
from pytest_modelbudget.ledger.accepted_budgets import refuse_shared_ledger
from pytest_modelbudget.ledger.ledger_file import (
    EMPTY,
    UNNAMED,
    Ledger,
    LedgerFigure,
    LedgerVariant,
    ledger_path,
    render,
)
from pytest_modelbudget.ledger.ledger_reader import read_ledger

MACHINE, DATA = "3f2a9c1b0d4e", "1d0de7d37305"
LEDGER = Ledger(
    version=1,
    environments={MACHINE: {"litert": "2.3.0", "cpu": "AMD EPYC"}},
    data={DATA: f"{DATA}f875"},
    variants={
        "int8": LedgerVariant(
            artifact="ab12",
            figures={
                "latency@3f2a9c1b0d4e": LedgerFigure(
                    accepted=1.2e-5, low=1.1e-5, high=1.3e-5, anchor=1e-5
                ),
                "bytes": LedgerFigure(accepted=40_100, anchor=39_000, environment=MACHINE),
                "accuracy": LedgerFigure(
                    accepted=0.9825,
                    anchor=1,
                    metric="accuracy",
                    data=DATA,
                    environment=MACHINE,
                    artifact="cd34",
                ),
            },
        )
    },
)
TEXT = """\
{
  "version": 1,
  "environments": {
    "3f2a9c1b0d4e": {"cpu": "AMD EPYC", "litert": "2.3.0"}
  },
  "data": {
    "1d0de7d37305": "1d0de7d37305f875"
  },
  "variants": {
    "int8": {
      "artifact": "ab12",
      "figures": {
        "accuracy": {"accepted": 0.9825, "anchor": 1, "metric": "accuracy", \
"data": "1d0de7d37305", "environment": "3f2a9c1b0d4e", "artifact": "cd34"},
        "bytes": {"accepted": 40100, "anchor": 39000, "environment": "3f2a9c1b0d4e"},
        "latency@3f2a9c1b0d4e": {"accepted": 1.2e-05, "low": 1.1e-05, "high": 1.3e-05, \
"anchor": 1e-05}
      }
    }
  }
}
"""
AGAIN = "restore the file from git, or delete it and accept again with pytest --budget-update"

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
EXACT = st.builds(LedgerFigure, accepted=NUMBERS, anchor=NUMBERS, environment=NAMES)
NOISY = st.builds(LedgerFigure, accepted=NUMBERS, low=NUMBERS, high=NUMBERS, anchor=NUMBERS)
SCORES = st.builds(LedgerFigure, accepted=NUMBERS, anchor=NUMBERS, metric=NAMES, data=NAMES)
FIGURES = st.fixed_dictionaries(
    {}, optional={"bytes": EXACT, "macs": EXACT, "accuracy": SCORES, "latency@ab": NOISY}
)
LEDGERS = st.builds(
    Ledger,
    version=st.just(1),
    environments=st.dictionaries(NAMES, st.dictionaries(NAMES, NAMES, max_size=3), max_size=3),
    data=st.dictionaries(NAMES, NAMES, max_size=3),
    variants=st.dictionaries(
        NAMES, st.builds(LedgerVariant, artifact=NAMES, figures=FIGURES), max_size=5
    ),
)


def written(folder: Path, text: str) -> Path:
    path = folder / "digits.ledger.json"
    path.write_text(text)
    return path


def problems(folder: Path, text: str) -> list[str]:
    path = written(folder, text)
    with pytest.raises(BudgetFileError) as error:
        read_ledger(path)
    return [str(each).removeprefix(f"{path}:") for each in error.value.problems]


def test_a_ledger_has_one_line_for_each_figure(tmp_path: Path) -> None:
    assert render(LEDGER) == TEXT
    assert read_ledger(written(tmp_path, TEXT)) == LEDGER


def test_empty_tables_have_two_lines_so_that_git_merges_what_is_inserted() -> None:
    assert render(EMPTY) == (
        '{\n  "version": 1,\n  "environments": {\n  },\n  "data": {\n  },\n'
        '  "variants": {\n  }\n}\n'
    )


@given(LEDGERS)
def test_every_ledger_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, ledger: Ledger
) -> None:
    path = written(tmp_path_factory.getbasetemp(), render(ledger))
    assert read_ledger(path) == ledger


@given(LEDGERS)
def test_everything_is_sorted_and_nothing_depends_on_the_order_before(ledger: Ledger) -> None:
    turned = Ledger.model_validate(
        {
            name: dict(reversed(value.items())) if isinstance(value, dict) else value
            for name, value in ledger
        }
    )
    assert render(turned) == render(ledger)
    for table in ("environments", "data", "variants"):
        assert list(json.loads(render(ledger))[table]) == sorted(getattr(ledger, table))


def test_there_may_be_no_ledger(tmp_path: Path) -> None:
    assert read_ledger(tmp_path / "x.ledger.json") is None


CONFLICT = "<<<<<<< HEAD\n  a\n=======\n  b\n>>>>>>> other\n"
BAD = [
    ("", f"1:1: not JSON: Expecting value; {AGAIN}"),
    ("[]", f"1:1: a ledger is an object, got an empty list; {AGAIN}"),
    ("{}", f"1:1: version is missing; {AGAIN}"),
    ("[" * 100_000, f"1:1: not a ledger: it is nested too deeply; {AGAIN}"),
    (
        TEXT.replace('    "int8"', f'{CONFLICT}    "int8"'),
        "10:1: a merge conflict begins here: <<<<<<<; keep one side, then accept again with "
        "pytest --budget-update",
    ),
    (
        TEXT.replace('"version": 1', '"version": 2'),
        "2:14: version 2 was written by a later version of pytest-modelbudget; install "
        "that version",
    ),
    (
        TEXT.replace('"version": 1', '"version": "1"'),
        f"2:14: version: expected 1, got '1'; {AGAIN}",
    ),
    (TEXT.replace("  },\n", "  }\n", 1), f"6:3: not JSON: Expecting ',' delimiter; {AGAIN}"),
    (
        TEXT.replace('"bytes"', '"accuracy"'),
        '14:9: variants > int8 > figures: the key "accuracy" appears twice; it is already on '
        "line 13; delete one of them",
    ),
    (
        TEXT.replace("40100", "NaN"),
        "14:31: variants > int8 > figures > bytes > accepted: expected a finite number, got nan; "
        f"{AGAIN}",
    ),
    (
        TEXT.replace("40100", "1e999"),
        "14:31: variants > int8 > figures > bytes > accepted: expected a finite number, got inf; "
        f"{AGAIN}",
    ),
    (
        TEXT.replace("40100", "true"),
        "14:31: variants > int8 > figures > bytes > accepted: expected a number, got true; "
        f"{AGAIN}",
    ),
    (
        TEXT.replace('"bytes"', '"byte"'),
        "14:9: variants > int8 > figures > byte: unknown figure 'byte'; did you mean 'bytes'?",
    ),
    (
        TEXT.replace("latency@3f2a9c1b0d4e", "latency"),
        "15:9: variants > int8 > figures > latency: expected latency@environment, got latency; "
        f"{AGAIN}",
    ),
    (
        TEXT.replace('"metric": "accuracy", ', ""),
        f"13:9: variants > int8 > figures > accuracy: 'metric' and 'data' are missing; {AGAIN}",
    ),
    (
        TEXT.replace('"artifact": "ab12"', '"digest": "ab12"'),
        f"10:13: variants > int8: 'artifact' is missing; {AGAIN}",
    ),
    (
        TEXT.replace('"environments"', '"machines"'),
        f"1:1: 'environments' is missing; {AGAIN}",
    ),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_every_problem_of_a_ledger_has_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems(tmp_path, text)


def test_a_ledger_that_is_not_text_or_no_file_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.ledger.json"
    path.write_bytes(b'{"version": 1, "\xff"}')
    with pytest.raises(BudgetFileError, match="the ledger is not UTF-8: byte 16 is wrong"):
        read_ledger(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(BudgetFileError, match="the ledger cannot be read: Is a directory"):
        read_ledger(path)


def test_an_environment_that_a_merge_lost_costs_its_description_only(tmp_path: Path) -> None:
    start, end = TEXT.index('    "3f2a'), TEXT.index('  },\n  "data"')
    ledger = read_ledger(written(tmp_path, TEXT[:start] + TEXT[end:]))
    assert ledger is not None
    assert ledger.variants == LEDGER.variants


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("digits.budget.yaml", "digits.ledger.json"),
        ("digits.v2.budget.yml", "digits.v2.ledger.json"),
        ("gate.yaml", "gate.ledger.json"),
    ],
)
def test_the_ledger_is_beside_the_budget_file(name: str, expected: str) -> None:
    assert ledger_path(Path("budgets", name)) == Path("budgets", expected)


def test_two_budget_files_do_not_share_a_ledger(tmp_path: Path) -> None:
    for name in ("a.budget.yaml", "b.budget.yaml"):
        (tmp_path / name).touch()
    refuse_shared_ledger(tmp_path / "a.budget.yaml")
    (tmp_path / "a.budget.yml").touch()
    with pytest.raises(BudgetFileError) as error:
        refuse_shared_ledger(tmp_path / "a.budget.yaml")
    assert str(error.value).endswith(
        "a.budget.yaml:1:1: a.budget.yml has the same ledger a.ledger.json; rename one of the two "
        "budget files"
    )


def test_no_variant_can_have_the_name_of_the_unnamed_one() -> None:
    assert UNNAMED == "(model)"
