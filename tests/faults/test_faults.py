"""A few of the trials of ``benchmarks/faults``: no hang, no wrong green, the same results after.

``python -m benchmarks.faults`` runs all of them.
"""

import pytest

from benchmarks.faults import crowds, damage, disk, signals
from benchmarks.faults.lab import BUDGET
from benchmarks.faults.trial import Bench, Outcome
from tests.conftest import ZYGOTES

pytestmark = pytest.mark.faults

NOTHING_WRONG = Outcome(hangs=0, wrong_greens=(), identical=True)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("faults"), ZYGOTES, forked=True)


@pytest.mark.parametrize("first", [0, len(damage.DAMAGES) // 2])
def test_damaged_entries_are_made_again(bench: Bench, first: int) -> None:
    assert damage.damage_all(bench, first) == NOTHING_WRONG


@pytest.mark.parametrize(
    ("name", "role", "phase"),
    [
        ("SIGINT", "pytest", "building"),
        ("SIGTERM", "fork server", "evaluating"),
        ("SIGKILL", "worker", "moving the entry"),
    ],
)
def test_a_signal(bench: Bench, name: str, role: str, phase: str) -> None:
    depth = signals.ROLES.index(role)
    assert signals.send(bench, name, depth, phase) == NOTHING_WRONG


def test_a_killed_session_ships_no_part_of_a_file(bench: Bench) -> None:
    assert signals.send(bench, "SIGKILL", 0, "copying an artifact") == NOTHING_WRONG


def test_no_file_may_be_larger_than_the_model(bench: Bench) -> None:
    assert disk.limit_files(bench, 3000) == NOTHING_WRONG


@pytest.mark.skipif(not disk.can_mount(), reason="file systems cannot be mounted here")
@pytest.mark.parametrize("options", ["size=40k", "nr_inodes=12"])
def test_a_full_disk(bench: Bench, options: str) -> None:
    assert disk.fill(bench, "the cache", options) == NOTHING_WRONG


def test_three_sessions_share_a_cold_cache(bench: Bench) -> None:
    """One is killed, and two wait at once for what it builds; a fourth would only wait as they."""
    assert crowds.together(bench, 3, killed_at="writing entry.json") == NOTHING_WRONG


def test_a_thousand_variants_in_one_file(bench: Bench) -> None:
    assert crowds.many_variants(bench, again=False) == NOTHING_WRONG


def test_a_wrong_green_is_noticed(bench: Bench) -> None:
    """The trials could not fail if the lab took every result for right."""
    project = bench.copy()
    changed = BUDGET.replace("max_bytes: 3 kB", "max_bytes: 4 kB")
    (project / "blobs.budget.yaml").write_text(changed)
    outcome = bench.judge(project)
    assert outcome.hangs == 0
    assert not outcome.identical
    assert outcome.wrong_greens == (
        "blobs.budget.yaml::large::max_bytes",
        "blobs.large.tflite",
        "blobs.budget.yaml::large::max_bytes",
    )
