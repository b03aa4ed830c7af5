"""Notes the files that libraries open in native code, for which Python has no audit event.

Each library is prepared when it is imported. What another library opens is not seen; if
the user's own code imports one that is known to, that is noted as something that cannot be
recorded.
"""

import glob
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, Protocol


class Notes(Protocol):
    """Where it is noted; a ``Recording``."""

    def note_read(self, path: object) -> None:
        """Note that a file is read."""

    def note_written(self, path: object) -> None:
        """Note that a file is made."""

    def note_listed(self, path: object) -> None:
        """Note that the names in a folder are read."""

    def note_unrecorded(self, what: str) -> None:
        """Note what cannot be recorded, if the user's code is doing it."""


Active = Callable[[], Notes | None]
"""Returns where to note, or None if nothing is recorded now."""

# They open files in native code, their own or that of a library below; no Python code tells which.
_READERS = (
    *("SimpleITK", "av", "cv2", "datasets", "decord", "deltalake", "duckdb", "fiona", "geopandas"),
    *("librosa", "lmdb", "netCDF4", "osgeo", "polars", "pyarrow", "pyogrio", "pyvips", "rasterio"),
    *("safetensors", "skvideo", "soundfile", "tables", "torch", "torchaudio", "torchvision"),
)
# They connect in native code.
_CLIENTS = (
    *("MySQLdb", "grpc", "mariadb", "oracledb", "psycopg", "psycopg2", "pycurl", "pymssql"),
    "pyodbc",
)
NATIVE: Mapping[str, str] = MappingProxyType(
    {name: f"the files that {name} opens" for name in _READERS}
    | {name: f"the network: {name}" for name in _CLIENTS}
)
"""What cannot be recorded if the user's code uses a module, by its name."""


def prepare_h5py(files: ModuleType, active: Active) -> None:
    """Note what ``h5py.File`` opens: ``h5py._hl.files`` calls ``make_fid`` for each file."""
    original = files.make_fid

    def make_fid(name: Any, mode: str, *args: Any, **options: Any) -> Any:
        # For a file object the name is what `repr` gives, and no file.
        if (notes := active()) and os.path.exists(name):
            note = notes.note_written if mode == "w" else notes.note_read
            note(name)
        return original(name, mode, *args, **options)

    files.make_fid = make_fid  # type: ignore[attr-defined]


def prepare_file_io(file_io: ModuleType, active: Active) -> None:
    """Note what ``tf.io.gfile``, and all of TensorFlow that uses it, reads and lists."""
    native = file_io._pywrap_file_io

    def noted(name: str, note: Note) -> Callable[..., Any]:
        original = getattr(native, name)

        def call(*args: Any, **options: Any) -> Any:
            if notes := active():
                note(notes, args)
            return original(*args, **options)

        return call

    changed = {name: noted(name, note) for name, note in FILE_IO.items()}
    file_io._pywrap_file_io = SimpleNamespace(**{**vars(native), **changed})  # type: ignore[attr-defined]


def prepare_readers(readers: ModuleType, active: Active) -> None:
    """Note the files of ``tf.data.TFRecordDataset`` and its like."""
    original = readers._create_or_validate_filenames_dataset

    def of_files(filenames: Any, *args: Any, **options: Any) -> Any:
        if notes := active():
            _note_names(notes, filenames, "the files of a tf.data.Dataset of file names")
        return original(filenames, *args, **options)

    readers._create_or_validate_filenames_dataset = of_files  # type: ignore[attr-defined]


def prepare_operators(module: ModuleType, active: Active) -> None:
    """Note the files that single operators read, where their names are known."""

    def noted(name: str) -> Callable[..., Any]:
        original, note = getattr(module, name), OPERATORS[name]

        def call(*args: Any, **options: Any) -> Any:
            if notes := active():
                note(notes, args[0] if args else next(iter(options.values())))
            return original(*args, **options)

        return call

    for name in OPERATORS:
        if hasattr(module, name):
            setattr(module, name, noted(name))


def _note_names(notes: Notes, names: Any, unknown: str) -> None:
    """Note files by a name or names: text, a list, or a tensor that has its values now."""
    known = names if isinstance(names, str | bytes | list | tuple | os.PathLike) else None
    if hasattr(names, "numpy"):
        known = names.numpy()
    if known is None:
        notes.note_unrecorded(unknown)
        return
    several = known if isinstance(known, list | tuple) else getattr(known, "flat", [known])
    for name in several:
        if isinstance(name, str | bytes | os.PathLike):
            notes.note_read(name)
        else:
            _note_names(notes, name, unknown)


def _note_pattern(notes: Notes, pattern: Any) -> None:
    """Note the folder that is searched for names like ``pattern``."""
    text = os.fsdecode(pattern.numpy() if hasattr(pattern, "numpy") else pattern)
    folder = os.path.dirname(text)
    if glob.has_magic(folder):
        notes.note_unrecorded(f"the folders that match {folder}")
    else:
        notes.note_listed(folder or ".")


def _note_checkpoint(notes: Notes, prefix: Any) -> None:
    if not hasattr(prefix, "numpy"):
        notes.note_unrecorded("a checkpoint that a graph reads")
        return
    for path in glob.glob(glob.escape(os.fsdecode(prefix.numpy())) + ".*"):
        notes.note_read(path)


Note = Callable[[Notes, tuple[Any, ...]], None]
FILE_IO: Mapping[str, Note] = MappingProxyType(
    {
        "BufferedInputStream": lambda notes, args: notes.note_read(args[0]),
        "CopyFile": lambda notes, args: notes.note_read(args[0]),
        "FileExists": lambda notes, args: notes.note_read(args[0]),
        "GetChildren": lambda notes, args: notes.note_listed(args[0]),
        "GetMatchingFiles": lambda notes, args: _note_pattern(notes, args[0]),
        "ReadFileToString": lambda notes, args: notes.note_read(args[0]),
        "RenameFile": lambda notes, args: notes.note_written(args[1]),
        "WritableFile": lambda notes, args: notes.note_written(args[0]),
        "WriteStringToFile": lambda notes, args: notes.note_written(args[0]),
    }
)
"""What to note at each native function of TensorFlow's files."""

OPERATORS: Mapping[str, Callable[[Notes, Any], None]] = MappingProxyType(
    {
        "matching_files": _note_pattern,
        "read_file": lambda notes, name: _note_names(
            notes, name, "the files that tf.io.read_file reads in a graph"
        ),
        "restore_v2": _note_checkpoint,
    }
)
"""What to note at each operator, with its first argument."""

PREPARE: Mapping[str, Callable[[ModuleType, Active], None]] = MappingProxyType(
    {
        "h5py._hl.files": prepare_h5py,
        "tensorflow.python.lib.io.file_io": prepare_file_io,
        "tensorflow.python.data.ops.readers": prepare_readers,
        "tensorflow.python.ops.gen_io_ops": prepare_operators,
        "tensorflow.python.ops.io_ops": prepare_operators,
        "tensorflow._api.v2.io": prepare_operators,
    }
)
"""What prepares each module, by its name."""
