import importlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.project import Project
from pytest_modelbudget.workers.userdata.usercode import call_user, enter, load_callable

Write = Callable[[str, str], Project]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a module of a project that has been entered."""
    before = set(sys.modules)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(name: str, text: str) -> Project:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        importlib.invalidate_caches()
        project = Project(rootdir=tmp_path, sys_path=())
        enter(project)
        return project

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


def message(error: pytest.ExceptionInfo[JobError]) -> str:
    return str(error.value)


def test_paths_come_first_in_order_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", ["/usr/lib/x", str(tmp_path)])
    enter(Project(rootdir=tmp_path, sys_path=(str(tmp_path / "src"),) * 2))
    assert sys.path == [str(tmp_path / "src"), str(tmp_path), "/usr/lib/x"]


def test_a_callable_is_called_with_its_arguments(write: Write) -> None:
    write("shop.py", "def build(width):\n    return width + 1\n")
    assert call_user("shop:build", {"width": 4}) == 5


def test_a_nested_attribute_is_found(write: Write) -> None:
    write("shop.py", "class Models:\n    @staticmethod\n    def build():\n        return 3\n")
    assert load_callable("shop:Models.build")() == 3


def test_imports_happen_on_entering(write: Write) -> None:
    project = write("layers_of_mine.py", "")
    enter(project.model_copy(update={"imports": ("layers_of_mine",)}))
    assert "layers_of_mine" in sys.modules


def test_a_missing_import_is_named(write: Write) -> None:
    project = write("layers_of_mine.py", "")
    with pytest.raises(JobError) as error:
        enter(project.model_copy(update={"imports": ("layers_of_min",)}))
    assert message(error) == "module layers_of_min was not found; did you mean layers_of_mine?"


def test_a_missing_module_says_where_it_was_searched_for(write: Write, tmp_path: Path) -> None:
    write("shop.py", "")
    sys.path[:] = [str(tmp_path), *(path for path in sys.path if "python3" in path)]
    with pytest.raises(JobError) as error:
        load_callable("qqqq:build")
    assert message(error) == f"module qqqq was not found; modules are searched for in {tmp_path}"


def test_a_missing_submodule_gets_the_nearest_name(write: Write) -> None:
    write("store_of_mine/__init__.py", "")
    write("store_of_mine/digits.py", "")
    with pytest.raises(JobError) as error:
        load_callable("store_of_mine.digit:build")
    assert message(error) == (
        "module store_of_mine.digit was not found; did you mean store_of_mine.digits?"
    )


def test_a_module_that_misses_another_one_raised(write: Write) -> None:
    write("shop.py", "import os\nimport qqqq\n")
    with pytest.raises(JobError) as error:
        load_callable("shop:build")
    assert message(error) == (
        "importing shop raised ModuleNotFoundError: No module named 'qqqq' (shop.py:2)"
    )


def test_a_syntax_error_names_its_line(write: Write) -> None:
    write("shop.py", "\n\ndef build(:\n")
    with pytest.raises(JobError) as error:
        load_callable("shop:build")
    assert message(error) == ("importing shop raised SyntaxError: invalid syntax (shop.py, line 3)")


def test_a_missing_callable_gets_the_nearest_name(write: Write) -> None:
    write("shop.py", "def build():\n    pass\n")
    with pytest.raises(JobError) as error:
        load_callable("shop:bild")
    assert message(error) == "module shop has no bild; did you mean build?"


def test_something_that_cannot_be_called(write: Write) -> None:
    write("shop.py", "build = 3\n")
    with pytest.raises(JobError) as error:
        load_callable("shop:build")
    assert (
        message(error) == "shop:build is of type int and cannot be called; name a function or class"
    )


def test_what_it_raises_is_placed_at_the_users_own_line(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write("shop.py", "import json\n\n\ndef build():\n    return json.loads('{')\n")
    with pytest.raises(JobError) as error:
        call_user("shop:build", {})
    assert message(error) == (
        "shop:build raised JSONDecodeError: Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1) (shop.py:5)"
    )
    assert "json/decoder.py" in capsys.readouterr().err


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Shells let a program in the background ignore SIGINT, and so do the tests there."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("line", "raised"),
    [
        ("sys.exit(3)", "SystemExit: 3"),
        ("raise SystemExit", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("os.kill(os.getpid(), signal.SIGINT)", "KeyboardInterrupt"),
        ("pytest.importorskip('qqqq')", "Skipped: could not import 'qqqq': "),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
def test_what_ends_a_program_does_not_end_the_worker(write: Write, line: str, raised: str) -> None:
    write("shop.py", f"import os, pytest, signal, sys\n\n\ndef build():\n    {line}\n")
    with pytest.raises(JobError) as error:
        call_user("shop:build", {})
    assert message(error).startswith(f"shop:build raised {raised}")
    assert message(error).endswith(" (shop.py:5)")


def test_arguments_it_does_not_take(write: Write) -> None:
    write("shop.py", "def build():\n    pass\n")
    with pytest.raises(JobError) as error:
        call_user("shop:build", {"width": 4})
    assert message(error) == (
        "shop:build raised TypeError: build() got an unexpected keyword argument 'width'"
    )
