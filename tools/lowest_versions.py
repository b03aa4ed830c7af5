"""Print pip constraints: the lower bound of everything that pyproject.toml requires.

The oldest corners of ``nox`` and of ``.ci/run`` are installed with them: each bound is tested.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def constraints(requirements: Iterable[str]) -> Iterator[str]:
    """Yield ``name==bound.*`` for each requirement that has a lower bound."""
    for requirement in requirements:
        if found := re.match(r"([\w-]+)(?:\[.*\])? *(?:>=|~=) *([\w.]+)", requirement):
            yield f"{found[1]}=={found[2]}.*"


def required(pyproject: str) -> list[str]:
    """Return the requirements in the text of a ``pyproject.toml``, those of extras included."""
    project = tomllib.loads(pyproject)["project"]
    extras = project.get("optional-dependencies", {})
    return [*project["dependencies"], *(each for extra in extras.values() for each in extra)]


if __name__ == "__main__":
    print("\n".join(constraints(required(PYPROJECT.read_text()))))
