from dataclasses import replace

from pytest_modelbudget.report.failure_text import explain
from pytest_modelbudget.report.terminal import table
from tests.report.rows import DROP, FLOAT32, INT8, NOT_BUILT, UNMEASURED


def test_the_table_has_a_block_for_each_variant() -> None:
    rows = [FLOAT32, INT8, DROP, UNMEASURED.unmeasured("no data"), NOT_BUILT]
    assert "\n".join(line.text for line in table(rows)) == (
        "  limit              measured  allowed          margin\n"
        "digits.budget.yaml float32 (cached, 1.23 s)\n"
        "  max_bytes           6,300 B  6,400 B  +100 B (1.6 %)\n"
        "digits.budget.yaml int8 (built, 0.01 s)\n"
        "  max_bytes           6,300 B  6,400 B  +100 B (1.6 %)\n"
        "  max_accuracy_drop  0.750 pp   0.5 pp       -0.250 pp  EXCEEDED\n"
        "  min_accuracy                                          UNMEASURED\n"
        "kws.budget.yaml\n"
        "  max_gzip_bytes                                        NOT BUILT"
    )


def test_what_changed_is_a_table_of_its_own() -> None:
    grown = replace(INT8, figure="bytes", value=6300, accepted=6000)
    rows = [
        replace(grown, name="max_bytes_growth", grew_most="+300 B conv"),
        replace(DROP, variant="float32", figure="accuracy", value=0.98, accepted=0.9825),
        grown,
        replace(INT8, name="max_gzip_bytes", figure="gzip_bytes", value=900, accepted=1000),
    ]
    assert [line.text for line in table([rows[-1]])][-3:] == [
        "  changed     accepted  measured   change",
        "digits.budget.yaml int8",
        "  gzip_bytes   1.00 kB  0.900 kB  -10.0 %",
    ]
    *_, head, int8, size, deflated, float32, accuracy = [line.text for line in table(rows)]
    assert [head, int8, size, deflated, float32, accuracy] == [
        "  changed     accepted  measured     change  grew most",
        "digits.budget.yaml int8",
        "  bytes        6.00 kB   6.30 kB     +5.0 %  +300 B conv",
        "  gzip_bytes   1.00 kB  0.900 kB    -10.0 %",
        "digits.budget.yaml float32",
        "  accuracy      0.9825    0.9800  -0.002500",
    ]


def test_a_column_is_as_wide_as_its_head() -> None:
    assert "\n".join(line.text for line in table([NOT_BUILT])) == (
        "  limit           measured  allowed  margin\n"
        "kws.budget.yaml\n"
        "  max_gzip_bytes                             NOT BUILT"
    )


def test_what_does_not_hold_is_an_alarm() -> None:
    rows = [FLOAT32, DROP, UNMEASURED.unmeasured("no data"), NOT_BUILT]
    alarms = [line.text.split()[0] for line in table(rows) if line.alarm]
    assert alarms == ["max_accuracy_drop", "min_accuracy", "max_gzip_bytes"]


def test_variants_stay_together_however_workers_mix_them() -> None:
    mixed = list(table([FLOAT32, INT8, replace(FLOAT32, name="max_gzip_bytes"), DROP]))
    sorted_ = list(table([FLOAT32, replace(FLOAT32, name="max_gzip_bytes"), INT8, DROP]))
    assert mixed == sorted_


def test_skipped_layers_are_reported_once_for_a_variant() -> None:
    skipped = "skipped by prune: too small (a)\nskipped by cluster: too small (a, b)"
    rows = [NOT_BUILT, replace(INT8, layers_skipped=skipped), replace(DROP, layers_skipped=skipped)]
    assert [line.text for line in table(rows)][3:6] == [
        "digits.budget.yaml int8 (built, 0.01 s)",
        "  skipped by prune: too small (a)",
        "  skipped by cluster: too small (a, b)",
    ]


def test_where_the_bytes_are_is_reported_once_for_a_variant() -> None:
    parts = "kernel variables 3,000 B, assets 776 B"
    rows = [NOT_BUILT, replace(INT8, parts=parts), replace(DROP, parts=parts)]
    assert [line.text for line in table(rows)][3:5] == [
        "digits.budget.yaml int8 (built, 0.01 s)",
        "  bytes: kernel variables 3,000 B, assets 776 B",
    ]


def test_who_quantized_is_told_once_for_a_variant_behind_skipped_layers() -> None:
    skipped, quantized = "skipped by prune: too small (a)", "quantized by the LiteRT quantizer"
    row = replace(INT8, layers_skipped=skipped, quantized=quantized)
    assert [line.text for line in table([row, replace(DROP, quantized=quantized)])][1:4] == [
        "digits.budget.yaml int8 (built, 0.01 s)",
        f"  {skipped}",
        f"  {quantized}",
    ]


def test_what_could_not_be_recorded_is_told_once_for_a_variant() -> None:
    git = replace(INT8, unrecorded="the program git")
    rows = [git, replace(DROP, unrecorded="the program git"), replace(FLOAT32, variant="qat")]
    assert [line.text for line in table([*rows, replace(git, unrecorded="the network")])][1:4] == [
        "digits.budget.yaml int8 (built, 0.01 s)",
        "  made again in every session: it depends on the program git, the network",
        "  (name a file or folder that changes with it in depends_on)",
    ]
    assert not [line for line in table([FLOAT32, NOT_BUILT]) if "every session" in line.text]


def test_a_note_about_test_data_is_shown_once_below_the_table() -> None:
    noted = replace(DROP, note="test set too small (limit: 0.5 pp)", test_data="digits:test")
    rows = [noted, replace(noted, variant="qat"), replace(noted, test_data="other:test"), INT8]
    assert [line.text for line in table(rows)][-2:] == [
        "digits:test: test set too small (limit: 0.5 pp), and for 1 more of its limits",
        "other:test: test set too small (limit: 0.5 pp)",
    ]


def test_a_remark_is_shown_with_its_variant() -> None:
    row = replace(INT8, remark="slower than the float model: 1.70 times its latency")
    assert [line.text for line in table([row])][1:3] == [
        "digits.budget.yaml int8 (built, 0.01 s)",
        "  slower than the float model: 1.70 times its latency",
    ]
    exceeded = replace(row, outcome="exceeded", margin=-100)
    assert "\n  note        slower than the float model: 1.70" in explain(exceeded)
