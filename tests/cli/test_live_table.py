import pytest

from pytest_modelbudget.budgetfile.presets import PRESETS
from pytest_modelbudget.cli.live_table import LiveTable
from pytest_modelbudget.explore.measured import MeasuredVariant
from pytest_modelbudget.report.row import Row
from pytest_modelbudget.units.format import natural_unit
from pytest_modelbudget.units.table import BaseUnit


def row(
    name: str, unit: BaseUnit, measured: float, low: float | None = None, high: float | None = None
) -> Row:
    return Row(
        budget="",
        variant="",
        name=name,
        place="",
        outcome="measured",
        unit=unit,
        written_unit=natural_unit(measured, unit),
        measured=measured,
        low=low,
        high=high,
    )


@pytest.mark.parametrize("columns", [80, 160])
def test_an_error_with_many_digits_fits_the_terminal_and_its_columns(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    rows = (
        row("bytes", "bytes", 140e6),
        row("gzip_bytes", "bytes", 129),
        row("accuracy", "score", 0.001228, 0.0011, 0.001362),
        row("accuracy_drop", "score", -0.00000816, -0.00001234, 0.00001234),
        row("latency", "seconds", 0.0000089, 0.0000088, 0.0000091),
    )
    table = LiveTable([*PRESETS], "mse")
    for name in PRESETS:
        table.add(MeasuredVariant(name, rows))
    widths = {len(line) for line in capsys.readouterr().out.splitlines()}
    assert len(widths) == 1
    assert max(widths) <= columns
