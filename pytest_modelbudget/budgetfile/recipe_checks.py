"""What a recipe cannot be, whatever the model and the data are."""

from collections.abc import Iterator, Sequence

from pytest_modelbudget.budgetfile.document import Document
from pytest_modelbudget.budgetfile.recipe import WrittenStage
from pytest_modelbudget.budgetfile.references import parse_model
from pytest_modelbudget.budgetfile.stages import (
    Convert,
    Distill,
    LayerSelection,
    Prune,
    Quantize,
    SchemeOrFloat,
    Stage,
    UserStage,
)
from pytest_modelbudget.budgetfile.types import FileSource
from pytest_modelbudget.errors import Problem
from pytest_modelbudget.units.invalid import InvalidValueError

TRAINS = frozenset({"prune", "prune_channels", "distill", "cluster", "quantize_aware"})
NEEDS_KERAS = TRAINS | {"call", "convert"}

_WRITTEN = "works on the Keras model, and {} has written the .tflite by then"
_LOST = "loses what {} made"
_CONFLICTS: dict[tuple[str, str], tuple[str, str]] = {
    **{
        (earlier, later): (_WRITTEN.format(earlier), f"put it before {earlier}")
        for earlier in ("quantize", "convert")
        for later in (*sorted(TRAINS), "call")
    },
    **{
        (earlier, later): (_LOST.format(earlier), f"put it before {earlier}")
        for earlier, later in (
            ("cluster", "prune"),
            ("prune", "prune_channels"),
            ("cluster", "prune_channels"),
            ("prune", "distill"),
            ("cluster", "distill"),
            ("prune_channels", "distill"),
        )
    },
    **{
        ("quantize_aware", later): ("loses the quantization", "put it before quantize_aware")
        for later in ("prune", "prune_channels", "distill", "cluster", "call")
    },
    ("quantize", "convert"): ("comes too late: quantize follows it", "put it before quantize"),
    ("quantize_aware", "quantize"): (
        "has nothing left to do: quantize_aware quantizes already",
        "leave one of them out",
    ),
    **{
        (kind, kind): ("is there twice", "leave one of them out")
        for kind in ("quantize", "convert", "quantize_aware")
    },
}


def recipe_problems(document: Document, recipe: Sequence[WrittenStage]) -> Iterator[Problem]:
    """Yield the problems of stages that cannot follow each other, and of single stages."""
    for index, later in enumerate(recipe):
        for earlier in recipe[:index]:
            conflict = _CONFLICTS.get((earlier.kind, later.kind))
            if conflict is not None:
                what, hint = conflict
                yield later.problem(document, what, hint)
                break
        if later.stage is not None:
            for parameter, what, hint in _parameter_problems(later.stage):
                yield document.problem_of_key((*later.location, parameter), what, hint)
    yield from _sparse_problems(document, recipe)


def _sparse_problems(document: Document, recipe: Sequence[WrittenStage]) -> Iterator[Problem]:
    """Yield what leaves sparse encoding nothing to encode, or nothing that LiteRT can run."""
    sparse = next((each for each in recipe if each.stage == Convert(sparse=True)), None)
    if sparse is None:
        return
    kinds = {each.kind for each in recipe}
    if kinds & TRAINS and not kinds & {"prune", "call"}:
        what = "no stage makes zeros that sparse encoding could leave out"
        yield document.problem_of_key((*sparse.location, "sparse"), what, "write prune before it")
    for later in recipe:
        stage = later.stage
        if isinstance(stage, Quantize) and stage.scheme in ("dynamic", "int4"):
            what = f"LiteRT cannot run {stage.scheme} kernels in sparse encoding"
            hint = "write float16, int8 or int16x8, or leave convert out"
            yield document.problem_of_key((*later.location, "scheme"), what, hint)


def _parameter_problems(stage: Stage) -> Iterator[tuple[str, str, str]]:
    """Yield parameters that exclude each other: the one to change, what is wrong, a hint."""
    if not isinstance(stage, Distill | Convert | UserStage) and "layers" in stage.model_fields_set:
        yield from _layers_problems(stage.layers)
    if isinstance(stage, Distill):
        yield from _distill_problems(stage)
    if isinstance(stage, Prune):
        yield from _prune_problems(stage)
    if isinstance(stage, Quantize):
        yield from _quantize_problems(stage)


def _layers_problems(
    layers: LayerSelection | dict[str, SchemeOrFloat],
) -> Iterator[tuple[str, str, str]]:
    if layers in (LayerSelection(), {}):
        yield "layers", "no layer is named", "leave it out for all layers"
    elif isinstance(layers, LayerSelection) and layers.only and layers.skip:
        yield "layers", "only and skip exclude each other", "keep one of them"


def _distill_problems(stage: Distill) -> Iterator[tuple[str, str, str]]:
    try:
        student = parse_model(stage.student)
    except InvalidValueError as error:
        yield "student", error.what, error.hint
        return
    if isinstance(student, FileSource) and student.path.suffix.lower() == ".tflite":
        yield "student", "a .tflite cannot be trained", "write a Keras model"


def _prune_problems(stage: Prune) -> Iterator[tuple[str, str, str]]:
    if stage.block is not None and stage.pattern is not None:
        yield "pattern", "block and pattern exclude each other", "keep one of them"
    if stage.end <= stage.begin:
        key = "end" if "end" in stage.model_fields_set else "begin"
        what = f"pruning begins at {stage.begin:g} and ends at {stage.end:g}"
        yield key, what, "write an end above begin; both are shares of the training"
    if stage.initial_sparsity > stage.sparsity:
        what = f"{stage.initial_sparsity:g} is above the final sparsity {stage.sparsity:g}"
        yield "initial_sparsity", what, "write less than sparsity"


def _quantize_problems(stage: Quantize) -> Iterator[tuple[str, str, str]]:
    if stage.io != "float32" and stage.scheme != "int8":
        what = f"scheme {stage.scheme} has float32 inputs and outputs, not {stage.io}"
        yield "io", what, "leave it out, or write scheme: int8"
    if stage.backend == "converter" and stage.layers != LayerSelection():
        yield "layers", "the converter quantizes all layers alike", "write backend: litert"
    if stage.backend == "converter" and stage.scheme == "int4":
        yield "backend", "the converter has no int4", "write backend: litert"
