"""Reads what callgrind writes: how many instructions one invocation took, and in which functions.

The format is that of https://valgrind.org/docs/manual/cl-format.html, without its compression of
names and positions. A line of numbers is the cost of the function itself; after a line ``calls=``
it is the inclusive cost of these calls.
"""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from pytest_modelbudget.errors import JobError

INVOKED_FROM = "tflite::interpreter_wrapper::InterpreterWrapper::Invoke(int)"
"""Calls ``_INVOKE`` for Python. ``_INVOKE`` also runs within itself, for loops and branches."""

_INVOKE = "tflite::Subgraph::Invoke()"
_RUN_OPERATORS = "tflite::Subgraph::InvokeImpl()"
_OPERATORS = "tflite::ops::"
_UNCOUNTED = (
    # What the allocator of glibc does depends on what was freed before, also by Python.
    r"malloc|calloc|realloc|free|memalign|aligned_alloc|posix_memalign|"
    # These of glibc take another path if their input ends near the end of a page.
    r"__(?:memcmp|memchr|strlen|strcmp|strncmp)_\w+|"
    # It determines the kind of the CPU again after 250 ms (ruy/tune.cc).
    r"ruy::TuningResolver::Resolve\(.*"
)
_PARAMETERS = re.compile(r"<[^<>]*>|\([^()]*\)(?: const)?$")
_RESULT = re.compile(r"^(?:(?!operator )[\w:]+ )+(?=[\w:])")
_NAMESPACE = re.compile(r"^tflite::(ops::builtin::)?")
_RECURSION = re.compile(r"'\d+$")


@dataclass(frozen=True)
class InvocationCost:
    """The instructions of one invocation.

    Attributes:
        own: Of each function itself, without the functions that it calls.
        calls: Of all calls from one function to another, with everything that is called in them.
    """

    own: Counter[str]
    calls: Counter[tuple[str, str]]

    @property
    def count(self) -> int:
        """The instructions that depend on the model alone.

        Raises:
            JobError: if the functions of LiteRT have other names.
        """
        invoked = self.calls[INVOKED_FROM, _INVOKE]
        if not invoked:
            cause = f"callgrind recorded no call of {_INVOKE} from {INVOKED_FROM}"
            raise JobError(cause, "report this version of LiteRT as unsupported")
        return invoked - self.uncounted

    @cached_property
    def uncounted(self) -> int:
        """The instructions of the invocation that depend on other things than the model."""
        return sum(
            cost
            for (caller, called), cost in self.calls.items()
            if caller in self._counted and re.fullmatch(_UNCOUNTED, called)
        )

    @property
    def functions(self) -> Counter[str]:
        """The functions that are counted, by their short names, and the instructions of each."""
        found: Counter[str] = Counter()
        for name in self._counted:
            found[short_name(name)] += self.own[name]
        return +found

    @property
    def operators(self) -> Counter[str]:
        """The operators that XNNPACK did not run, such as ``conv::Eval``.

        With everything that they call, also what is not counted.
        """
        found: Counter[str] = Counter()
        for (caller, called), cost in self.calls.items():
            if caller == _RUN_OPERATORS and _OPERATORS in called:
                found[short_name(called)] += cost
        return found

    @cached_property
    def _counted(self) -> frozenset[str]:
        """The functions that LiteRT calls in an invocation, whatever else calls them."""
        called_by: dict[str, set[str]] = {}
        for caller, called in self.calls:
            called_by.setdefault(caller, set()).add(called)
        found: set[str] = set()
        new = {_INVOKE}
        while new:
            found |= new
            found_now = set().union(*(called_by.get(name, ()) for name in new)) - found
            new = {name for name in found_now if not re.fullmatch(_UNCOUNTED, name)}
        return frozenset(found)


def parse(text: str) -> InvocationCost:
    """Read one file of callgrind.

    Raises:
        JobError: if the costs do not add up to the total.
    """
    own: Counter[str] = Counter()
    calls: Counter[tuple[str, str]] = Counter()
    total = None
    function = called = ""
    is_call = False
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        if line[:1].isdigit():
            cost = int(line.split()[1])
            if is_call:
                calls[function, called] += cost
            else:
                own[function] += cost
            is_call = False
        elif separator and key == "fn":
            function = _RECURSION.sub("", value)
        elif separator and key == "cfn":
            called = _RECURSION.sub("", value)
        elif separator and key == "calls":
            is_call = True
        elif line.startswith("totals:"):
            total = int(line.split()[1])
    if total != own.total():
        cause = f"the functions take {own.total():,} instructions, and callgrind says {total}"
        raise JobError(cause, "report this version of Valgrind as unsupported")
    return InvocationCost(own, calls)


def short_name(function: str) -> str:
    """Return the name of a function without result, parameters and the namespaces of LiteRT."""
    before, function = "", function.replace("(anonymous namespace)::", "")
    while before != function:
        before, function = function, _PARAMETERS.sub("", function)
    return _NAMESPACE.sub("", _RESULT.sub("", function))
