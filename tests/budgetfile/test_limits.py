import pytest

from pytest_modelbudget.judge.limits import LIMITS
from pytest_modelbudget.judge.limits.growth_bound import GrowthBound
from pytest_modelbudget.units.table import Quantity
from tests.budgetfile.conftest import Load, Problems

HEAD = """\
version: 1
model: m:f
data: {train: m:a, test: m:b}
budget:
"""
TAIL = "recipe: dynamic\n"  # the float model would be compared with itself

WRONG = [
    (
        "max_byte: 5",
        [
            "5:3: budget: unknown key 'max_byte'; did you mean 'max_bytes'?",
        ],
    ),
    (
        "recipe: int8",
        [
            "4:1: budget: there is no limit; write at least one under budget:, such as "
            "max_bytes: 900 KiB",
            "5:3: budget: unknown key 'recipe'; write it outside budget:",
        ],
    ),
    (
        "max_bytes: true",
        [
            "5:14: budget > max_bytes: expected a size such as 900 KiB or 3.4 MB, got true",
        ],
    ),
    (
        "max_bytes: -5",
        [
            "5:14: budget > max_bytes: expected a size from 1 B to 1 PiB, got -5",
        ],
    ),
    (
        "max_bytes: 0",
        [
            "5:14: budget > max_bytes: expected a size from 1 B to 1 PiB, got 0",
        ],
    ),
    (
        "max_bytes: 900 KB",
        [
            "5:14: budget > max_bytes: unknown unit 'KB'; write 900 kB or 900 KiB",
        ],
    ),
    (
        "max_bytes: 900 kib",
        [
            "5:14: budget > max_bytes: unknown unit 'kib'; write 900 KiB",
        ],
    ),
    (
        "max_bytes: 3.4 mb",
        [
            "5:14: budget > max_bytes: unknown unit 'mb'; write 3.4 MB or 3.4 MiB",
        ],
    ),
    (
        "max_bytes: 3.5",
        [
            "5:14: budget > max_bytes: expected a size such as 900 KiB or 3.4 MB, got 3.5; "
            "write 3.5 kB or 3.5 KiB; bytes are whole",
        ],
    ),
    (
        "max_bytes: 3,5 MB",
        [
            "5:14: budget > max_bytes: expected a size such as 900 KiB or 3.4 MB, got '3,5 "
            "MB'; write 3.5 MB",
        ],
    ),
    (
        "max_bytes: 900000 bits",
        [
            "5:14: budget > max_bytes: unknown unit 'bits'; known are B, kB, MB, GB, KiB, MiB, GiB",
        ],
    ),
    (
        "max_bytes: 2000000 GB",
        [
            "5:14: budget > max_bytes: expected a size from 1 B to 1 PiB, got '2000000 GB'",
        ],
    ),
    (
        "max_bytes: [5]",
        [
            "5:14: budget > max_bytes: expected a size such as 900 KiB or 3.4 MB, got a list of 1",
        ],
    ),
    (
        "max_accuracy_drop: 0.5%",
        [
            "5:22: budget > max_accuracy_drop: a drop is absolute, got '0.5%'; write 0.5 pp "
            "for points of 100; a share goes into max_relative_accuracy_drop",
        ],
    ),
    (
        "max_accuracy_drop: 0.5 percent",
        [
            "5:22: budget > max_accuracy_drop: expected a drop such as 0.5 pp or 0.005, got "
            "'0.5 percent'",
        ],
    ),
    (
        "max_accuracy_drop: -0.1",
        [
            "5:22: budget > max_accuracy_drop: expected a drop of 0 or more, such as 0.5 pp, "
            "got -0.1",
        ],
    ),
    (
        "max_accuracy_drop: 5",
        [
            "5:22: budget > max_accuracy_drop: accuracy lies between 0 and 1, got 5; write "
            "0.05 for 5 percent",
        ],
    ),
    (
        "max_accuracy_drop: 1",
        [
            "5:22: budget > max_accuracy_drop: no drop can exceed 100 pp, because the baseline's "
            "accuracy is at most 1; write 1 pp for percentage points",
        ],
    ),
    (
        "max_accuracy_drop: 100 pp",
        [
            "5:22: budget > max_accuracy_drop: no drop can exceed 100 pp, because the baseline's "
            "accuracy is at most 1; write less, such as 1 pp",
        ],
    ),
    (
        "max_accuracy_drop: 0.5",
        [
            "5:22: budget > max_accuracy_drop: 50 pp lets a useless model pass; write 0.5 pp for "
            "percentage points",
        ],
    ),
    (
        "max_accuracy_drop: 60 pp",
        [
            "5:22: budget > max_accuracy_drop: 60 pp lets a useless model pass; write less, such "
            "as 1 pp",
        ],
    ),
    (
        "max_relative_accuracy_drop: 100%",
        [
            "5:31: budget > max_relative_accuracy_drop: no drop can exceed it: 100% of the "
            "baseline leaves accuracy 0; write a smaller share, such as 1%",
        ],
    ),
    (
        "min_accuracy: 0",
        [
            "5:17: budget > min_accuracy: every model reaches it: accuracy is never below 0; "
            "write the lowest that is good enough",
        ],
    ),
    (
        "min_accuracy: -0.5",
        [
            "5:17: budget > min_accuracy: every model reaches it: accuracy is never below 0; "
            "write the lowest that is good enough",
        ],
    ),
    (
        "max_relative_accuracy_drop: 0.01",
        [
            "5:31: budget > max_relative_accuracy_drop: expected a share such as 1%, got "
            "0.01; write 1%",
        ],
    ),
    (
        "max_relative_accuracy_drop: 1 pp",
        [
            "5:31: budget > max_relative_accuracy_drop: expected a share such as 1%, got '1 "
            "pp'; write 1%",
        ],
    ),
    (
        "max_relative_accuracy_drop: 101%",
        [
            "5:31: budget > max_relative_accuracy_drop: expected a share from 0% to 100%, "
            "got '101%'",
        ],
    ),
    (
        "min_accuracy: 98",
        [
            "5:17: budget > min_accuracy: accuracy lies between 0 and 1, got 98; write 0.98 "
            "for 98 percent",
        ],
    ),
    (
        "min_accuracy: 98%",
        [
            "5:17: budget > min_accuracy: expected a number, got '98%'; write 0.98",
        ],
    ),
    (
        "max_latency: 2",
        [
            "5:16: budget > max_latency: expected a duration with its unit, got 2; write 2 "
            "ms, 2 s or 2 min",
        ],
    ),
    (
        "max_latency: 2 msec",
        [
            "5:16: budget > max_latency: unknown unit 'msec'; write 2 ms",
        ],
    ),
    (
        "max_latency_p90: 0 ms",
        [
            "5:20: budget > max_latency_p90: expected a duration from 1 ns to 168 h, got '0 ms'",
        ],
    ),
    (
        "max_latency_ratio: 50%",
        [
            "5:22: budget > max_latency_ratio: expected a number, got '50%'; write 0.5",
        ],
    ),
    (
        "max_latency_ratio: 0",
        [
            "5:22: budget > max_latency_ratio: expected a number above 0, got 0",
        ],
    ),
    (
        "max_memory: lots",
        [
            "5:15: budget > max_memory: expected a size such as 900 KiB or 3.4 MB, got 'lots'",
        ],
    ),
    (
        "max_instructions: 2.1 Mi",
        [
            "5:21: budget > max_instructions: unknown unit 'Mi'; write 2.1 M",
        ],
    ),
    (
        "max_macs: 12 MMAC",
        [
            "5:13: budget > max_macs: unknown unit 'MMAC'; write 12 M",
        ],
    ),
    (
        "max_macs: 1.5",
        [
            "5:13: budget > max_macs: expected a whole number, got 1.5",
        ],
    ),
    (
        "min_sparsity: 88%",
        [
            "5:17: budget > min_sparsity: expected a number, got '88%'; write 0.88",
        ],
    ),
    (
        "min_sparsity: 1.5",
        [
            "5:17: budget > min_sparsity: expected a number of at most 1, got 1.5",
        ],
    ),
    (
        "max_unique_weights: 0",
        [
            "5:23: budget > max_unique_weights: expected a count from 1 to 10**18, got 0",
        ],
    ),
    (
        "integer_only: false",
        [
            "5:17: budget > integer_only: expected true, got false; leave integer_only out "
            "where it is not wanted",
        ],
    ),
    (
        "integer_only: yes",
        [
            "5:17: budget > integer_only: expected true, got 'yes'; leave integer_only out "
            "where it is not wanted",
        ],
    ),
    (
        "allowed_ops: []",
        [
            "5:16: budget > allowed_ops: expected a list of at least 1, got an empty list",
        ],
    ),
    (
        "allowed_ops: [conv_2d]",
        [
            "5:17: budget > allowed_ops[0]: expected an operator such as FULLY_CONNECTED, got "
            "'conv_2d'; write CONV_2D",
        ],
    ),
    (
        "allowed_ops: [DEPTHWISE_CONV, FULLY_CONNECTED, Frobnicate, 3]",
        [
            "5:17: budget > allowed_ops[0]: expected an operator such as FULLY_CONNECTED, got "
            "'DEPTHWISE_CONV'; write DEPTHWISE_CONV_2D",
            "5:50: budget > allowed_ops[2]: expected an operator such as FULLY_CONNECTED, got "
            "'Frobnicate'; write CUSTOM:name for one that is not built in",
            "5:62: budget > allowed_ops[3]: expected an operator such as FULLY_CONNECTED, got 3",
        ],
    ),
    (
        "allowed_ops: [LOGICAL, Flex\u00e9]",
        [
            "5:17: budget > allowed_ops[0]: expected an operator such as FULLY_CONNECTED, got "
            "'LOGICAL'; write LOGICAL_OR or LOGICAL_NOT or LOGICAL_AND",
            "5:26: budget > allowed_ops[1]: expected an operator such as FULLY_CONNECTED, got "
            "'Flex\u00e9'; write CUSTOM:name for one that is not built in",
        ],
    ),
    (
        'allowed_ops: "\\nCONV_2D"',
        [
            "5:16: budget > allowed_ops: expected a list, got '\\nCONV_2D'",
        ],
    ),
    (
        "max_bytes_growth: 101%",
        [
            "5:21: budget > max_bytes_growth: expected a share from 0% to 100%, got '101%'",
        ],
    ),
    (
        "max_latency_growth: 5",
        [
            "5:23: budget > max_latency_growth: expected a duration with its unit, got 5; "
            "write 5 ms, 5 s or 5 min",
        ],
    ),
    (
        "max_macs_growth: {relative: 1, absolute: 12 kB, sinse: x}",
        [
            "5:31: budget > max_macs_growth > relative: expected a share such as 1%, got 1; "
            "write 1%",
            "5:44: budget > max_macs_growth > absolute: unknown unit 'kB'; write 12 k",
            "5:51: budget > max_macs_growth: unknown key 'sinse'; did you mean 'since'?",
        ],
    ),
    (
        "max_memory_growth: {since: anchors}",
        [
            "5:30: budget > max_memory_growth > since: expected 'accepted' or 'anchor', got "
            "'anchors'; did you mean 'anchor'?",
        ],
    ),
    (
        "max_gzip_bytes_growth: {since: anchor}",
        [
            "5:26: budget > max_gzip_bytes_growth: there is neither relative nor absolute; "
            "write {relative: 1%}, or absolute with an amount, or both",
        ],
    ),
    (
        "max_accuracy_loss: 1",
        [
            "5:22: budget > max_accuracy_loss: no drop can exceed 100 pp, because the accepted "
            "accuracy is at most 1; write 1 pp for percentage points",
        ],
    ),
    (
        "max_accuracy_loss: 100%",
        [
            "5:22: budget > max_accuracy_loss: no loss can exceed it: 100% of what was accepted "
            "leaves accuracy 0; write a smaller share, such as 1%",
        ],
    ),
    (
        "allowed_ops: CONV_2D",
        [
            "5:16: budget > allowed_ops: expected a list, got 'CONV_2D'; write [CONV_2D]",
        ],
    ),
]


@pytest.mark.parametrize(("line", "expected"), WRONG)
def test_every_problem_of_a_limit(problems: Problems, line: str, expected: list[str]) -> None:
    assert problems(f"{HEAD}  {line}\n{TAIL}") == expected


RIGHT: dict[str, tuple[object, str]] = {
    "max_bytes: 900 KiB": (921_600, "KiB"),
    "max_gzip_bytes: 3.4 MB": (3_400_000, "MB"),
    "max_accuracy_drop: 0.5 pp": (0.005, "pp"),
    "max_relative_accuracy_drop: 1%": (0.01, "%"),
    "min_accuracy: 0.98": (0.98, ""),
    "max_latency: 2 ms": (0.002, "ms"),
    "max_latency_p90: 350 us": (0.00035, "us"),
    "max_latency_p99: 1.5 s": (1.5, "s"),
    "max_latency_ratio: 0.5": (0.5, ""),
    "max_memory: 20000": (20_000, "B"),
    "max_macs: 12 M": (12_000_000, "M"),
    "max_instructions: 2.1 M": (2_100_000, "M"),
    "min_sparsity: 0.88": (0.88, ""),
    "max_unique_weights: 16": (16, ""),
    "integer_only: true": (True, ""),
    "allowed_ops: [CONV_2D, FlexErf, CUSTOM:a.b]": (("CONV_2D", "FlexErf", "CUSTOM:a.b"), ""),
    "max_bytes_growth: 1%": (GrowthBound(0.01), ""),
    "max_gzip_bytes_growth: 10 kB": (GrowthBound(absolute=Quantity(10_000, "kB")), ""),
    "max_accuracy_loss: 0.5 pp": (GrowthBound(absolute=Quantity(0.005, "pp")), ""),
    "max_latency_growth: {relative: 5%, since: anchor}": (GrowthBound(0.05, since="anchor"), ""),
    "max_memory_growth: {absolute: 1 KiB}": (GrowthBound(absolute=Quantity(1024, "KiB")), ""),
    "max_macs_growth: {relative: 0%, absolute: 12 k}": (
        GrowthBound(0.0, Quantity(12_000, "k")),
        "",
    ),
    "max_instructions_growth: 0%": (GrowthBound(0.0), ""),
}


def test_every_limit_is_read_in_the_order_written(load_text: Load) -> None:
    [budget] = load_text(HEAD + "".join(f"  {line}\n" for line in RIGHT) + TAIL)
    assert [limit.name for limit in budget.limits] == list(LIMITS)
    assert [(limit.bound, limit.unit) for limit in budget.limits] == list(RIGHT.values())
    assert [limit.span.line for limit in budget.limits] == list(range(5, 5 + len(RIGHT)))
