"""Whether this Python and the installed packages are supported, read from metadata alone.

The ranges stand in ``pyproject.toml`` and in the metadata of the tools; pip may have installed
something else on request, or a later command may have replaced one half of a pair.
"""

import platform
import sys
from collections.abc import Iterator

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from pytest_modelbudget.protocol.installed import headers_in, version_in

OURS = "pytest-modelbudget"


def unsupported_versions() -> tuple[str, ...]:
    """Return what is not supported here, one line for each problem; nothing is imported for it."""
    problems = [*platform_problems(sys.platform, platform.python_version())]
    packages = _package_problems()
    problems += packages.values()
    # Two packages are compared only where each is supported by itself.
    if packages.keys().isdisjoint({"tensorflow", "tf-keras"}):
        problems += _keras_problems()
    if packages.keys().isdisjoint({"ai-edge-quantizer", "ai-edge-litert"}):
        problems += _quantizer_problems()
    return tuple(problems)


def platform_problems(system: str, python: str) -> Iterator[str]:
    """Yield what is not supported of the operating system and of Python.

    Args:
        system: As in ``sys.platform``.
        python: The version of Python, such as ``3.12.1``.
    """
    if system != "linux":
        yield f"{system} is not supported: run pytest on Linux"
    [range_written] = headers_in(OURS, sys.path, "Requires-Python")
    supported = SpecifierSet(range_written)
    if not supported.contains(python, prereleases=True):
        yield f"Python {python} is not supported: install Python {_written(supported)}"


def _package_problems() -> dict[str, str]:
    """Return what is wrong with each package that is missing or outside of the required range."""
    problems = {}
    for requirement in _requirements(OURS):
        name, version = requirement.name, _installed(requirement.name)
        install = f'install "{name}{_written(requirement.specifier)}"'
        if not version:
            problems[name] = f"{name} is missing: {install}"
        elif not requirement.specifier.contains(version, prereleases=True):
            problems[name] = f"{name} {version} is not supported: {install}"
    return problems


def _keras_problems() -> Iterator[str]:
    """Yield a tf-keras that is made for another TensorFlow."""
    tensorflow, tf_keras = _installed("tensorflow"), _installed("tf-keras")
    if _minor(tensorflow) != _minor(tf_keras):
        yield (
            f"tf-keras {tf_keras} does not match tensorflow {tensorflow}: "
            f'install "tf-keras=={_minor(tensorflow)}.*"'
        )


def _quantizer_problems() -> Iterator[str]:
    """Yield an ai-edge-litert that ai-edge-quantizer is not made for."""
    quantizer, litert = _installed("ai-edge-quantizer"), _installed("ai-edge-litert")
    for required in _requirements("ai-edge-quantizer"):
        if required.name == "ai-edge-litert" and litert not in required.specifier:
            yield (
                f"ai-edge-litert {litert} does not match ai-edge-quantizer {quantizer}: "
                f'install "{required.name}{_written(required.specifier)}"'
            )


def _requirements(name: str) -> list[Requirement]:
    """Return what the installed package ``name`` requires here, without its extras."""
    requirements = map(Requirement, headers_in(name, sys.path, "Requires-Dist"))
    return [each for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})]


def _installed(name: str) -> str:
    return version_in(name, sys.path)


def _minor(version: str) -> str:
    major, minor = Version(version).release[:2]
    return f"{major}.{minor}"


def _written(specifier: SpecifierSet) -> str:
    """Return a range with its lower end first, such as ``>=2.16,<2.22``."""
    return ",".join(sorted(map(str, specifier), reverse=True))
