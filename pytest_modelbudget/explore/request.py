"""What a first budget file is about, as its user named it, and its text."""

import os
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from pytest_modelbudget.budgetfile.references import parse_data, parse_model
from pytest_modelbudget.budgetfile.types import FileSource, Source
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.explore.custom_layers import custom_modules
from pytest_modelbudget.units.invalid import InvalidValueError


@dataclass(frozen=True)
class Request:
    """A model and its data.

    Attributes:
        file: The absolute path of the budget file.
        model: A path relative to the budget file, or ``package.module:callable``.
        data: The same for ``train``, ``test`` and ``calibration``, those that there are.
        metric: As YAML; empty if it is not known yet.
        imports: Modules of custom layers.
        trust_code: Whether Python code in the model file may run.
        signature: Which one of a ``.tflite`` or SavedModel; empty where it has only one.
    """

    file: Path
    model: str
    data: dict[str, str]
    metric: str = ""
    imports: tuple[str, ...] = ()
    trust_code: bool = False
    signature: str = ""

    def head(self, comments: dict[str, str] | None = None) -> str:
        """Return the beginning of the budget file.

        Args:
            comments: By the key that they stand above, each a whole line or several.
        """
        lines = {"version": "version: 1", "model": f"model: {scalar(self.model)}"}
        if self.signature:
            lines["signature"] = f"signature: {scalar(self.signature)}"
        if self.data:
            lines["data"] = "data:"
        lines |= {name: f"  {name}: {scalar(source)}" for name, source in self.data.items()}
        if self.metric:
            lines["metric"] = f"metric: {self.metric}"
        if self.imports:
            lines["imports"] = f"imports: [{', '.join(self.imports)}]"
        if self.trust_code:
            lines["trust_code"] = "trust_code: true"
        notes = comments or {}
        return "".join(f"{notes.get(key, '')}{line}\n" for key, line in lines.items())

    def draft(self, presets: Iterable[str]) -> str:
        """Return a budget file with a variant for each preset, without limits."""
        variants = "".join(f"  {name}: {{recipe: {name}}}\n" for name in presets)
        return f"{self.head()}variants:\n{variants}"


def request_of(
    file: Path,
    model: str,
    data: Mapping[str, str],
    *,
    metric: str = "",
    imports: Iterable[str] = (),
    trust_code: bool = False,
    signature: str = "",
) -> Request:
    """Return the request for a model and data as the user named them.

    Args:
        file: The absolute path of the budget file.
        model: A path relative to the working directory, or ``package.module:callable``.
        data: Likewise ``train``, ``test`` and ``calibration``; empty without it.
        metric: As YAML; empty if it is to be guessed.
        imports: Modules of custom layers, beside those that a ``.keras`` file names.
        trust_code: Whether Python code in the model file may run.
        signature: Which one of a ``.tflite`` or SavedModel; empty where it has only one.

    Raises:
        ModelBudgetError: If one of them is wrong or does not exist.
    """
    found = custom_modules(Path(model)) if model.lower().endswith(".keras") else ()
    return Request(
        file=file,
        model=_written(model, file, "MODEL", parse_model),
        data={name: _written_data(given, file, name) for name, given in data.items() if given},
        metric=metric,
        imports=tuple(dict.fromkeys([*found, *imports])),
        trust_code=trust_code,
        signature=signature,
    )


def scalar(text: str) -> str:
    """Return ``text`` as YAML, in quotes where it needs them."""
    written: str = yaml.safe_dump([text], default_flow_style=True, width=10**6, allow_unicode=True)
    return written.strip()[1:-1]


def _written_data(given: str, file: Path, name: str) -> str:
    written = _written(given, file, f"--{name}", parse_data)
    if given.lower().endswith(".npz"):
        _require_x_and_y(Path(given))
    return written


def _written(given: str, file: Path, option: str, parse: Callable[[object], Source]) -> str:
    """Return a source as it will be in ``file``; ``given`` is relative to the working directory."""
    try:
        source = parse(given)
    except InvalidValueError as error:
        raise ModelBudgetError(f"{option}: {error}") from error
    if not isinstance(source, FileSource):
        return given
    if not source.path.exists():
        raise ModelBudgetError(f"{option}: {given} does not exist")
    return os.path.relpath(os.path.abspath(source.path), file.parent)


def _require_x_and_y(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelBudgetError(f"{path} cannot be read as .npz: {error}") from error
    if missing := [name for name in ("x", "y") if name not in names]:
        raise ModelBudgetError(
            f"{path} lacks {' and '.join(missing)}; it contains {', '.join(names) or 'nothing'}; "
            f"name the samples x and the labels y: {_saving(path, names)}"
        )


def _saving(path: Path, names: Sequence[str]) -> str:
    """Return the line of Python that saves the arrays under the right names."""
    if len(names) != 2:
        return f"numpy.savez({str(path)!r}, x=samples, y=labels)"
    x, y = names
    return f"d = numpy.load({str(path)!r}); numpy.savez({str(path)!r}, x=d[{x!r}], y=d[{y!r}])"
