"""A value that is not what it should be, and how messages show values and names."""

from collections.abc import Iterable
from difflib import get_close_matches


class InvalidValueError(ValueError):
    """``what`` is wrong with a value, and in ``hint`` what to write instead."""

    def __init__(self, what: str, hint: str = "") -> None:
        self.what = what
        self.hint = hint
        super().__init__(f"{what}; {hint}" if hint else what)


def expected(what: str, value: object, hint: str = "") -> InvalidValueError:
    """Return the error that says ``expected <what>, got <value>``."""
    return InvalidValueError(f"expected {what}, got {shown(value)}", hint)


def shown(value: object) -> str:
    """Return ``value`` as it would stand in the file, shortened to fit into one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case str():
            return repr(shortened(value))
        case dict():
            return "a mapping" if value else "an empty mapping"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
    return str(value)


def shortened(text: str) -> str:
    """Return ``text``, or its beginning if it would fill the line."""
    return text if len(text) <= 60 else f"{text[:57]}..."


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of ``known`` that ``name`` was probably meant to be."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the nearest of ``known``, or all of them if none is near."""
    known = sorted(known)
    near = closest(name, known)
    return f"did you mean '{near}'?" if near else f"known are {', '.join(known)}"
