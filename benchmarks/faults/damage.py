"""Damaged cache entries: each file of each entry, damaged in each way."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from benchmarks.faults.lab import CACHE
from benchmarks.faults.trial import Bench, Outcome, Trial
from pytest_modelbudget.protocol.store import Store

Damage = Callable[[Path], object]


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _truncate(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _replace_by_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _replace_by_link(file: Path) -> None:
    file.unlink()
    file.symlink_to("not there")


DAMAGES: Mapping[str, Damage] = {
    "flipped bit": _flip,
    "truncated": _truncate,
    "emptied": lambda file: file.write_bytes(b""),
    "removed": Path.unlink,
    "garbage": lambda file: file.write_bytes(b"\x00\xff{garbage" * 50),
    "edited to {}": lambda file: file.write_bytes(b"{}"),
    "a byte longer": lambda file: file.write_bytes(file.read_bytes() + b"\n"),
    "a folder in its place": _replace_by_folder,
    "a named pipe in its place": _replace_by_pipe,
    "a dangling link in its place": _replace_by_link,
}


def trials(bench: Bench) -> Iterator[Trial]:
    """Yield each damage to each file of each entry."""
    for number, (kind, entry) in enumerate(_entries(bench.warm)):
        for file in sorted(entry.iterdir()):
            for damage in DAMAGES:
                run = partial(damage_one, damage=damage, name=file.name, number=number)
                yield Trial(f"damaged entry: {damage}", f"{file.name} of {kind}", run)


def damage_one(bench: Bench, damage: str, name: str, number: int) -> Outcome:
    """Damage one file."""
    project = bench.copy()
    _, entry = _entries(project)[number]
    DAMAGES[damage](entry / name)
    return bench.judge(project)


def damage_all(bench: Bench, first: int) -> Outcome:
    """Damage one file of each entry, another one and in another way from entry to entry.

    Args:
        bench: The lab.
        first: The number of the damage of the first entry; that of the next one is the next.
    """
    project = bench.copy()
    damages = list(DAMAGES.values())
    for number, (_, entry) in enumerate(_entries(project), first):
        files = sorted(entry.iterdir())
        damages[number % len(damages)](files[number % len(files)])
    return bench.judge(project)


def _entries(project: Path) -> list[tuple[str, Path]]:
    """Return the entries with their names, such as ``a build (2)``, the same in all runs.

    The key of a comparison differs from run to run, so entries are counted by their kinds.
    """
    folders = Store(project / CACHE).folders()
    found = sorted((_kind(folder), folder.parent.name, folder) for folder in folders)
    counts = Counter[str]()
    entries = []
    for kind, _, folder in found:
        counts[kind] += 1
        entries.append((f"{kind} ({counts[kind]})", folder))
    return entries


def _kind(entry: Path) -> str:
    if (entry / "model.tflite").exists():
        return "a build"
    if (entry / "score.npy").exists():
        return "an evaluation"
    return "a comparison" if (entry / "dependencies.json").exists() else "a measurement"
