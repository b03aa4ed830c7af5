"""Print the section of one version in CHANGELOG.md: ``python tools/release_notes.py 0.1.0``."""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"


def release_notes(changelog: str, version: str) -> str:
    """Return what the changelog says about ``version``, without its heading.

    Raises:
        LookupError: If there is no such section, or nothing in it.
    """
    heading = rf"^## \[?{re.escape(version)}\]?(?: [^\n]*)?\n"
    section = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None or not section[1].strip():
        raise LookupError(f"CHANGELOG.md has nothing under '## {version}': write what changed")
    return section[1].strip() + "\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python tools/release_notes.py VERSION")
    try:
        print(release_notes(CHANGELOG.read_text(), sys.argv[1]), end="")
    except LookupError as error:
        sys.exit(str(error))
