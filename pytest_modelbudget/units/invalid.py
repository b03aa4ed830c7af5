"""The error for a value that cannot be read, and how messages show values and names."""

from collections.abc import Iterable
from difflib import get_close_matches


class InvalidValueError(ValueError):
    """A value that cannot be read.

    Args:
        what: What is wrong with it.
        hint: What to write instead; empty if it is not known.
    """

    def __init__(self, what: str, hint: str) -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what}; {hint}" if hint else what)


def expected(what: str, value: object, hint: str = "") -> InvalidValueError:
    """Return the error that says ``expected <what>, got <value>``."""
    return InvalidValueError(f"expected {what}, got {shown(value)}", hint)


def shown(value: object) -> str:
    """Return ``value`` as a budget file would write it, shortened to fit into one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return repr(_cut(value))
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
    return str(value)


def shortened(text: str) -> str:
    """Return ``text`` on one line, or its first 57 characters if it is longer than 60."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in _cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the entry of ``known`` that is most like ``name``; None if none is like it."""
    return next(iter(get_close_matches(name, known)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the most similar of ``known``, or all of them if none is similar."""
    known = sorted(known)
    near = closest(name, known)
    return f"did you mean '{near}'?" if near else f"known are {', '.join(known)}"
