import hashlib
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pytest_modelbudget.protocol.dependencies import Dependencies, PathState
from pytest_modelbudget.protocol.digests import content_digest, digest, file_digest
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.protocol.store import (
    DEPENDENCIES,
    MANIFEST,
    Manifest,
    Store,
    StoreError,
)
from pytest_modelbudget.protocol.surroundings import Surroundings
from tests import conftest

KEY = digest("a key")


def add(store: Store, content: str = "bytes", made_from: Dependencies | None = None) -> None:
    with store.lock(KEY), store.adding(KEY) as folder:
        (folder / "model.tflite").write_text(content)
        if made_from:
            (folder / DEPENDENCIES).write_text(made_from.model_dump_json())


def test_a_key_is_the_digest_of_the_content_whatever_its_order() -> None:
    text = '["step",{"seed":0,"stage":null}]'
    key = hashlib.sha256(text.encode()).hexdigest()
    assert digest(["step", {"seed": 0, "stage": None}]) == key
    assert digest(["step", {"stage": None, "seed": 0}]) == key


def test_an_entry_is_found_with_its_digests(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store)
    entry = store.find(KEY, None)
    assert entry is not None
    assert entry.path.parent.name == KEY
    assert (entry.path / "model.tflite").read_text() == "bytes"
    assert list(entry.sha256) == ["model.tflite"]


def add_folder(store: Store) -> Path:
    with store.lock(KEY), store.adding(KEY) as folder:
        (folder / "model" / "inside").mkdir(parents=True)
        (folder / "model" / "graph").write_text("bytes")
        (folder / "model" / "inside" / "weights").write_text("more bytes")
        (folder / "result.json").write_text("{}")
    entry = store.find(KEY, None)
    assert entry is not None
    return entry.path


def test_an_entry_may_have_folders_each_with_a_digest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = add_folder(store)
    entry = store.find(KEY, None)
    assert entry is not None
    assert sorted(entry.sha256) == ["model/graph", "model/inside/weights", "result.json"]
    assert entry.digest_of("model") == content_digest(path / "model")
    assert entry.digest_of("result.json") == file_digest(path / "result.json")


@pytest.mark.parametrize("change", ["flip", "add", "remove", "rename", "link"])
def test_a_folder_that_was_changed_inside_is_not_found(change: str, tmp_path: Path) -> None:
    store = Store(tmp_path)
    inside = add_folder(store) / "model" / "inside"
    before = content_digest(inside.parent)
    match change:
        case "flip":
            (inside / "weights").write_text("more Bytes")
        case "add":
            (inside / "more").write_text("bytes")
        case "remove":
            (inside / "weights").unlink()
        case "rename":
            (inside / "weights").rename(inside / "Weights")
        case "link":
            (inside / "elsewhere").symlink_to(tmp_path)
    assert store.find(KEY, None) is None
    if change != "link":
        assert content_digest(inside.parent) != before


def test_a_missing_entry_is_none(tmp_path: Path) -> None:
    assert Store(tmp_path / "none").find(KEY, None) is None
    assert not (tmp_path / "none").exists()


def place_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def place_a_named_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def name_a_file_elsewhere(manifest: Path) -> None:
    elsewhere = manifest.with_name("..") / "elsewhere"
    elsewhere.write_text("bytes")
    sha256 = {"../elsewhere": file_digest(elsewhere)}
    manifest.write_text(Manifest(session="", sha256=sha256).model_dump_json())


def place_a_file(entry: Path) -> None:
    shutil.rmtree(entry)
    entry.write_text("a file")


DAMAGES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "flipped": ("model.tflite", lambda file: file.write_text("bytEs")),
    "truncated": ("model.tflite", lambda file: file.write_text("byte")),
    "removed": ("model.tflite", Path.unlink),
    "a folder": ("model.tflite", place_a_folder),
    "a named pipe": ("model.tflite", place_a_named_pipe),
    "one file more": ("more", Path.touch),
    "no manifest": (MANIFEST, Path.unlink),
    "bad manifest": (MANIFEST, lambda file: file.write_text("{")),
    "no digests": (MANIFEST, lambda file: file.write_text('{"session": "", "sha256": {}}')),
    "bad name": (
        MANIFEST,
        lambda file: file.write_text(r'{"session": "", "sha256": {"\u0000": ""}}'),
    ),
    "the digest of a file elsewhere": (MANIFEST, name_a_file_elsewhere),
    "a file in place of the entry": ("", place_a_file),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_entry_is_not_served_and_can_be_replaced(tmp_path: Path, name: str) -> None:
    store = Store(tmp_path)
    add(store)
    entry = store.find(KEY, None)
    assert entry is not None
    file, damage = DAMAGES[name]
    damage(entry.path / file)
    assert store.find(KEY, None) is None
    add(store, "again")
    replaced = store.find(KEY, None)
    assert replaced is not None
    assert (replaced.path / "model.tflite").read_text() == "again"


def test_a_body_that_raises_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def fail_halfway() -> None:
        with store.lock(KEY), store.adding(KEY) as folder:
            (folder / "half").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert store.find(KEY, None) is None
    assert list((tmp_path / "staging").iterdir()) == []


def test_what_a_killed_process_left_is_swept_away(tmp_path: Path) -> None:
    store = Store(tmp_path)
    left = tmp_path / "staging" / KEY
    left.mkdir(parents=True)
    (left / "half").write_text("half")
    add(store)
    entry = store.find(KEY, None)
    assert entry is not None
    assert sorted(entry.sha256) == ["model.tflite"]


def test_an_entry_of_another_session_does_not_count_when_all_is_rebuilt(tmp_path: Path) -> None:
    add(Store(tmp_path, "first"))
    assert Store(tmp_path, "second").find(KEY, None)
    assert Store(tmp_path, "first", rebuild=True).find(KEY, None)
    assert Store(tmp_path, "second", rebuild=True).find(KEY, None) is None


def test_what_could_not_be_recorded_counts_in_its_own_session_only(tmp_path: Path) -> None:
    made_from = Dependencies(unrecorded=("the program git",))
    add(Store(tmp_path, "first"), made_from=made_from)
    assert Store(tmp_path, "first").find(KEY, None)
    assert Store(tmp_path, "second").find(KEY, None) is None
    add(Store(tmp_path, "first"), made_from=made_from.model_copy(update={"declared": True}))
    assert Store(tmp_path, "second").find(KEY, None)


def test_one_key_keeps_what_was_made_from_either_state(tmp_path: Path) -> None:
    project = Project(rootdir=tmp_path / "project", sys_path=())
    project.rootdir.mkdir()
    store = Store(tmp_path / "store")

    def surroundings() -> Surroundings:
        return Surroundings(project, {}, ())

    for text in ["one", "two"]:
        (project.rootdir / "data.txt").write_text(text)
        assert store.find(KEY, surroundings()) is None
        state = surroundings().file("data.txt")
        add(store, text, Dependencies(files=(state,)))
    for text in ["one", "two", "one"]:
        (project.rootdir / "data.txt").write_text(text)
        entry = store.find(KEY, surroundings())
        assert entry is not None
        assert (entry.path / "model.tflite").read_text() == text


def test_the_state_that_was_used_last_is_the_first_to_be_compared(tmp_path: Path) -> None:
    project = Project(rootdir=tmp_path / "project", sys_path=())
    project.rootdir.mkdir()
    store = Store(tmp_path / "store")
    for name in ["older", "newer"]:
        add(store, name, Dependencies(files=(PathState(path=name, sha256="gone"),)))

    def first_change() -> str:
        return store.first_change(KEY, Surroundings(project, {}, ()))

    for used_last in ["older", "newer"]:
        for entry in store.folders():
            is_last = (entry / "model.tflite").read_text() == used_last
            os.utime(entry, (is_last, is_last))
        assert first_change() == f"{used_last} changed"


def test_a_sweep_leaves_what_another_process_is_making(tmp_path: Path) -> None:
    store = Store(tmp_path)
    left = tmp_path / "staging" / KEY
    left.mkdir(parents=True)
    with Store(tmp_path).lock(KEY):
        store.sweep(KEY)
        assert left.exists()
    store.sweep(KEY)
    assert not left.exists()
    store.sweep(KEY)  # and nothing is left to sweep


APPEND_UNDER_LOCK = """
import sys, time
from pathlib import Path
from pytest_modelbudget.protocol.store import Store

root, key = Path(sys.argv[1]), sys.argv[2]
for _ in range(15):
    with Store(root).lock(key):
        for word in ("enter", "leave"):
            with (root / "log").open("a") as file:
                file.write(f"{word}\\n")
            time.sleep(0.004)  # another process would write now
"""


def test_two_processes_never_hold_one_key(project: conftest.Project) -> None:
    command = ("-c", APPEND_UNDER_LOCK, str(project.root), KEY)
    with ThreadPoolExecutor() as executor:
        workers = [executor.submit(project.forked, *command) for _ in range(2)]
    assert [worker.result().exitcode for worker in workers] == [0, 0]
    words = (project.root / "log").read_text().split()
    assert words == ["enter", "leave"] * 30


def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / "cache")
    with pytest.raises(StoreError) as caught, store.lock(KEY):
        pass
    assert str(caught.value) == (
        f"the cache directory {tmp_path}/file/cache cannot be written: Not a directory; "
        "name another with --budget-cache=DIR"
    )


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("tasks", lambda store: store.task_folder("int8")),
        ("staging", add),
        ("entries", add),
    ],
)
def test_a_folder_in_it_that_cannot_be_written_is_said(
    tmp_path: Path, name: str, write: Callable[[Store], object]
) -> None:
    (tmp_path / name).symlink_to("/proc")  # where nobody can make a file
    with pytest.raises(StoreError) as caught:
        write(Store(tmp_path))
    assert str(caught.value) == (
        f"the cache directory {tmp_path} cannot be written: No such file or directory; "
        "name another with --budget-cache=DIR"
    )


def test_a_lock_that_cannot_be_opened_is_said(tmp_path: Path) -> None:
    (tmp_path / "locks" / f"{KEY}.lock").mkdir(parents=True)
    with pytest.raises(StoreError) as caught:
        add(Store(tmp_path))
    assert str(caught.value) == (
        f"the cache directory {tmp_path} cannot be written: Is a directory; "
        "name another with --budget-cache=DIR"
    )


def test_an_entry_is_discarded_but_not_the_one_that_replaced_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store)
    old = store.find(KEY, None)
    assert old is not None
    add(store, "again")
    store.discard(KEY, old)
    replaced = store.find(KEY, None)
    assert replaced is not None
    store.discard(KEY, replaced)
    assert store.folders() == []


def test_an_entry_is_not_discarded_while_another_process_makes_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store)
    entry = store.find(KEY, None)
    assert entry is not None
    with store.lock(KEY):
        store.discard(KEY, entry)
    assert store.find(KEY, None) == entry


def test_without_an_entry_or_surroundings_nothing_has_changed(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    surroundings = Surroundings(Project(rootdir=tmp_path, sys_path=()), {}, ())
    assert store.first_change(KEY, surroundings) == ""
    add(store, made_from=Dependencies(files=(PathState(path="data", sha256="gone"),)))
    assert store.first_change(KEY, None) == ""
    assert store.first_change(KEY, surroundings) == "data changed"


def test_the_directory_is_ignored_by_git_and_by_backups(tmp_path: Path) -> None:
    add(Store(tmp_path / "cache"))
    assert (tmp_path / "cache" / ".gitignore").read_text() == "*\n"
    # https://bford.info/cachedir/
    signature = "Signature: 8a477f597d28d172789f06886806bc55\n"
    assert (tmp_path / "cache" / "CACHEDIR.TAG").read_text() == signature


def test_pruning_removes_only_what_was_not_used(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store)
    assert store.prune(unused_s=3600) == 0
    entry = store.find(KEY, None)
    assert entry is not None
    os.utime(entry.path, (0, 0))
    assert store.prune(unused_s=3600) == 1
    assert store.folders() == []


def test_what_cannot_be_deleted_stays_and_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    add(store)
    entry = store.find(KEY, None)
    assert entry

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "unlink", refuse)
    store.discard(KEY, entry)
    assert store.prune(unused_s=0) == 0
    assert store.find(KEY, None) == entry


def test_damaged_entries_are_listed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store)
    assert store.damaged() == []
    [file] = tmp_path.glob("entries/**/model.tflite")
    file.write_text("bytEs")
    assert store.damaged() == [file.parent]


def test_pruning_removes_old_tasks_too_but_does_not_count_them(tmp_path: Path) -> None:
    store = Store(tmp_path)
    old, new = store.task_folder("old"), store.task_folder("new")
    os.utime(old, (0, 0))
    assert store.prune(unused_s=3600) == 0
    assert not old.exists()
    assert new.exists()


def test_each_task_has_a_folder_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folders = [store.task_folder("int8") for _ in range(3)]
    assert folders == [tmp_path / "tasks" / f"int8-{number}" for number in (1, 2, 3)]


def test_an_artifact_is_found_by_the_digest_of_its_content(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(2):
        with store.adding(digest(number)) as folder:
            (folder / "model.tflite").write_bytes(b"%d" % number)
            (folder / "saved").mkdir()
            (folder / "saved" / "graph").write_bytes(b"graph %d" % number)
    for name in ("model.tflite", "saved"):
        [first, *_] = tmp_path.glob(f"entries/*/*/*/{name}")
        assert store.find_content(content_digest(first)) == first
    assert store.find_content("0" * 64) is None
    sha256 = content_digest(first.parent / "model.tflite")
    (first.parent / "model.tflite").write_bytes(b"damaged")
    assert store.find_content(sha256) is None


def test_damaged_entries_hide_no_artifact(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(3):
        with store.adding(digest(number)) as folder:
            (folder / "model.tflite").write_bytes(b"%d" % number)
    no_manifest, no_json, whole = store.folders()
    (no_manifest / MANIFEST).unlink()
    (no_json / MANIFEST).write_text("{")
    sha256 = content_digest(whole / "model.tflite")
    assert store.find_content(sha256) == whole / "model.tflite"
