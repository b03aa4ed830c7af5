from pathlib import Path

import pytest

from pytest_modelbudget.engine.memory_limit import machine_memory_bytes, memory_limit
from pytest_modelbudget.units.invalid import InvalidValueError

GIB = 2**30


def machine(root: Path, cgroup: str, **limits: int | str) -> int:
    """Return the memory that a process finds on a machine with 16 GiB.

    Args:
        root: Where the files of the machine are.
        cgroup: The file ``/proc/self/cgroup``.
        limits: The files with the limits, below ``/sys/fs/cgroup``, with ``__`` for a slash.
    """
    files = {
        "proc/meminfo": f"MemTotal: {16 * 2**20} kB\nMemFree: 1 kB\n",
        "proc/self/cgroup": cgroup,
    }
    names = {"v2": "memory.max", "v1": "memory.limit_in_bytes"}
    for name, value in limits.items():
        *folders, version = name.split("__")
        files["/".join(["sys/fs/cgroup", *folders, names[version]])] = f"{value}\n"
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return machine_memory_bytes(root)


def test_without_a_limit_it_is_the_memory_of_the_machine(tmp_path: Path) -> None:
    assert machine(tmp_path, "0::/\n") == 16 * GIB


def test_without_cgroups_it_is_the_memory_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 1000 kB\n")
    assert machine_memory_bytes(tmp_path) == 1_024_000


def test_the_smallest_group_around_the_process_counts(tmp_path: Path) -> None:
    limits: dict[str, int | str] = {
        "user__job__v2": "max",
        "user__v2": 4 * GIB,
        "other__v2": GIB,
        "user__job__in__v2": GIB,
    }
    assert machine(tmp_path, "0::/user/job\n", **limits) == 4 * GIB


def test_groups_of_version_1_count(tmp_path: Path) -> None:
    groups = "12:cpu,cpuacct:/a\n5:memory:/a/b\n0::/\n"
    limits: dict[str, int | str] = {"memory__v1": 2**63 - 4096, "memory__a__b__v1": 3 * GIB}
    assert machine(tmp_path, groups, **limits) == 3 * GIB


def test_in_a_container_the_mount_is_the_group(tmp_path: Path) -> None:
    assert machine(tmp_path, "5:memory:/docker/0123\n", memory__v1=2 * GIB) == 2 * GIB


def test_a_limit_is_shown_as_it_was_written() -> None:
    limit = memory_limit("4 GB")
    assert (limit.limit_bytes, limit.shown) == (4 * 10**9, "4 GB")
    assert memory_limit("1.5 GiB").limit_bytes == 1.5 * GIB


def test_the_default_is_most_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    module = "pytest_modelbudget.engine.memory_limit"
    monkeypatch.setattr(f"{module}.machine_memory_bytes", lambda: 16 * 10**9)
    limit = memory_limit("")
    assert limit.limit_bytes == 14_400_000_000
    assert limit.shown == "14.4 GB, 90 % of the 16.0 GB of this machine"


def test_what_is_no_size_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="write 4 GB or 4 GiB"):
        memory_limit("4 g")
