"""How much memory a worker process may use: as the user wrote it, or most of what there is."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pytest_modelbudget.protocol.task import MemoryLimit
from pytest_modelbudget.units.format import format_exact, format_value
from pytest_modelbudget.units.parse import parse_size

SHARE = 0.9


def memory_limit(written: str) -> MemoryLimit:
    """Return the limit that ``written`` names, or the default if it is empty.

    Raises:
        InvalidValueError: if ``written`` is not a size.
    """
    if written:
        size = parse_size(written)
        limit_bytes = int(size.value)
        return MemoryLimit(
            limit_bytes=limit_bytes, shown=format_exact(limit_bytes, "bytes", size.unit)
        )
    available_bytes = machine_memory_bytes()
    limit_bytes = int(SHARE * available_bytes)
    total = format_value(available_bytes, "bytes", "GB")
    limit = format_value(limit_bytes, "bytes", "GB")
    shown = f"{limit}, {100 * SHARE:g} % of the {total} of this machine"
    return MemoryLimit(limit_bytes=limit_bytes, shown=shown)


def machine_memory_bytes(root: Path = Path("/")) -> int:
    """Return the memory of this machine, or of the smallest cgroup around this process.

    Args:
        root: Where ``proc`` and ``sys`` are.
    """
    total_kib = (root / "proc/meminfo").read_text().split()[1]  # MemTotal: 24684084 kB
    return min([1024 * int(total_kib), *_cgroup_limits(root)])


def _cgroup_limits(root: Path) -> Iterator[int]:
    """Yield the limits of the cgroups, of version 1 or 2, that this process belongs to."""
    groups = root / "proc/self/cgroup"
    if not groups.exists():  # a kernel without cgroups
        return
    for line in groups.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            mount, name = root / "sys/fs/cgroup", "memory.max"
        elif controllers == "memory":
            mount, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path can be that of the host, and then only the mount itself exists.
        inner = mount / group.lstrip("/")
        for folder in (inner, *inner.parents):
            if folder.is_relative_to(mount):
                with suppress(OSError, ValueError):  # The root group has no file, others "max".
                    yield int((folder / name).read_text())
