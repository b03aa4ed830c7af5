"""What a recipe cannot be, whatever the model and the data are."""

from collections.abc import Iterator, Sequence

from pytest_modelbudget.budgetfile.document import Document
from pytest_modelbudget.budgetfile.recipe import WrittenStage
from pytest_modelbudget.budgetfile.stages import Convert, Quantize, stage_type
from pytest_modelbudget.errors import Problem


def recipe_problems(document: Document, recipe: Sequence[WrittenStage]) -> Iterator[Problem]:
    """Yield the problems of stages that cannot follow each other, and of single stages."""
    for index, later in enumerate(recipe):
        for earlier in recipe[:index]:
            conflict = stage_type(later.kind).conflict_after(stage_type(earlier.kind))
            if conflict is not None:
                what, hint = conflict
                yield later.problem(document, what, hint)
                break
        for problem in later.stage.problems() if later.stage else ():
            location = (*later.location, problem.parameter)
            yield document.problem_of_key(location, problem.what, problem.hint)
    yield from _sparse_problems(document, recipe)


def _sparse_problems(document: Document, recipe: Sequence[WrittenStage]) -> Iterator[Problem]:
    """Yield what leaves sparse encoding nothing to encode, or nothing that LiteRT can run."""
    sparse = next((each for each in recipe if each.stage == Convert(sparse=True)), None)
    if sparse is None:
        return
    kinds = {each.kind for each in recipe}
    if any(stage_type(kind).trains for kind in kinds) and not kinds & {"prune", "call"}:
        what = "no stage makes zeros that sparse encoding could leave out"
        yield document.problem_of_key((*sparse.location, "sparse"), what, "write prune before it")
    for later in recipe:
        stage = later.stage
        if isinstance(stage, Quantize) and not stage.is_encodable:
            what = f"LiteRT cannot run {stage.scheme} kernels in sparse encoding"
            hint = "write float16, int8 or int16x8, or leave convert out"
            yield document.problem_of_key((*later.location, "scheme"), what, hint)
