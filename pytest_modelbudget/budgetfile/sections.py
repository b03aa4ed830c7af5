"""Reads the mappings of a document into settings: one value for each key, checked by its type."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from pydantic import ValidationError

from pytest_modelbudget.budgetfile.document import Document, Location
from pytest_modelbudget.budgetfile.problems import explain
from pytest_modelbudget.budgetfile.recipe import read_recipe
from pytest_modelbudget.budgetfile.recipe_checks import recipe_problems
from pytest_modelbudget.budgetfile.settings import KEYS, SECTIONS, SETTINGS
from pytest_modelbudget.units.invalid import closest, did_you_mean, shown

Key = tuple[str, ...]


class Setting(NamedTuple):
    """The value of one key and its place; ``value`` is None if it has a problem."""

    value: Any
    location: Location


Settings = dict[Key, Setting]


def read_section(document: Document, location: Location, also: Sequence[str] = ()) -> Settings:
    """Return the settings of the mapping at ``location``; problems go to ``document``.

    Args:
        document: The file.
        location: ``()``, or a variant's.
        also: Keys that are known but read elsewhere.
    """
    mapping = document.at(location)
    settings: Settings = {}
    for name, value in mapping.items():
        place = (*location, name)
        if name in SECTIONS:
            settings |= _read_mapping(document, place, name, value)
        elif name == "recipe":
            settings[(name,)] = Setting(_checked_recipe(document, place, value), place)
        elif name in KEYS:
            settings[(name,)] = _read_value(document, place, (name,), value)
        elif name not in also:
            _refuse_key(document, place, settings, (), (*KEYS, *also))
    return settings


def _read_mapping(document: Document, place: Location, section: str, mapping: Any) -> Settings:
    if mapping is None and section == "budget":
        return {}  # there is no limit, which is an error only where limits are judged
    if not isinstance(mapping, dict):
        keys = ", ".join(SECTIONS[section][:3])
        what = f"expected a mapping, got {shown(mapping)}"
        document.problems.append(document.problem(place, what, f"write keys such as {keys}"))
        return {(section,): Setting(None, place)}
    settings: Settings = {}
    for name, value in mapping.items():
        key = (section, name)
        if key in SETTINGS:
            settings[key] = _read_value(document, (*place, name), key, value)
        else:
            _refuse_key(document, (*place, name), settings, (section,), SECTIONS[section])
    return settings


def _read_value(document: Document, place: Location, key: Key, value: Any) -> Setting:
    try:
        return Setting(SETTINGS[key].validate_python(value), place)
    except ValidationError as error:
        document.problems.extend(explain(error, document, place))
        return Setting(None, place)


def _checked_recipe(document: Document, place: Location, value: Any) -> Any:
    recipe = read_recipe(document, place, value)
    document.problems.extend(recipe_problems(document, recipe))
    return recipe


def _refuse_key(
    document: Document,
    place: Location,
    settings: Settings,
    parent: Key,
    known: Sequence[str],
) -> None:
    """Report an unknown key, and count the key that was probably meant as written."""
    name = str(place[-1])
    owner = next((section for section, keys in SECTIONS.items() if name in keys), None)
    if owner is not None:
        meant: Key = (owner, name)
        hint = f"write it under {owner}:"
    elif parent and name in KEYS:
        meant = (name,)
        hint = f"write it outside {parent[0]}:"
    else:
        meant = (*parent, closest(name, known) or name)
        hint = did_you_mean(name, known)
    document.problems.append(document.unknown_key(place, hint))
    if meant in SETTINGS:
        settings.setdefault(meant, Setting(None, place))
