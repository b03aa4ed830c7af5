"""What every result depends on: the tools, their settings, and the code of this package."""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pytest_modelbudget.engine import plan as plans
from pytest_modelbudget.protocol.digests import digest, file_digest
from pytest_modelbudget.protocol.installed import is_installed

# These select another Keras, other kernels or another order of summation.
_VARIABLES = (
    *("KERAS_BACKEND", "TF_DETERMINISTIC_OPS", "TF_ENABLE_ONEDNN_OPTS", "TF_USE_LEGACY_KERAS"),
    *("TF_XLA_FLAGS", "XLA_FLAGS"),
)
# https://keras.io/api/utils/config_utils
_KERAS = {
    "backend": "tensorflow",
    "epsilon": 1e-07,
    "floatx": "float32",
    "image_data_format": "channels_last",
}
_PACKAGE = Path(__file__).parents[1]
_MAKES_RESULTS = ("budgetfile/stages", "engine", "judge", "protocol", "workers")


def tool_state() -> dict[str, object]:
    """Return the versions of the tools, what changes how they work, and our own code.

    The code counts where this package was installed from a folder or a repository: it may change
    under one version.
    """
    return {
        "versions": plans.tool_versions(),
        "variables": {name: os.environ.get(name) for name in _VARIABLES},
        "keras.json": _keras_settings(os.environ),
        "code": "" if is_installed(str(_PACKAGE)) else own_code(),
    }


def _keras_settings(environ: Mapping[str, str]) -> dict[str, object]:
    """Return what Keras reads when it is imported; it writes the defaults if there is no file."""
    home = environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")
    try:
        found = json.loads(Path(home, "keras.json").read_bytes())
        return _KERAS | {name: found[name] for name in _KERAS if name in found}
    except (OSError, TypeError, ValueError):
        return _KERAS


@cache
def own_code() -> str:
    """Return a digest of the modules of this package on which results depend."""
    files = [file for room in _MAKES_RESULTS for file in sorted((_PACKAGE / room).rglob("*.py"))]
    return digest([(file.relative_to(_PACKAGE).as_posix(), file_digest(file)) for file in files])
