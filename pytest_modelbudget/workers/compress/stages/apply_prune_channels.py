"""Structured pruning: whole filters and units are removed, and what is left is fine-tuned."""

from collections.abc import Iterator
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import PruneChannels
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.protocol.layer_choice import Selection
from pytest_modelbudget.workers.compress.channels.rank import Group, choose, find_groups, why_whole
from pytest_modelbudget.workers.compress.channels.rebuild import prove, rebuild
from pytest_modelbudget.workers.compress.channels.trace import Layer, Model, Trace
from pytest_modelbudget.workers.compress.channels.walk import follow
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import fine_tuning
from pytest_modelbudget.workers.compress.training.selections import take


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the model with ``fraction`` fewer channels, fine-tuned.

    Raises:
        JobError: No layer can be cut, one asked for cannot, or training fails.
    """
    stage = job.stage
    assert isinstance(stage, PruneChannels)
    model = fine_tuning.load(job)
    progress("removing channels")
    smaller, selection = _cut(model, stage)
    fine_tuning.fit(smaller, job, stage.epochs, progress)
    selection.write(output)
    fine_tuning.save(smaller, output)


def preflight(job: BuildJob, model: Model) -> Outlook:
    """Choose the layers and remove the channels: how many go does not depend on training."""
    stage = job.stage
    assert isinstance(stage, PruneChannels)
    smaller, selection = _cut(model, stage)
    fine_tuning.check(smaller, job)
    return Outlook(smaller, selection)


def _cut(model: Model, stage: PruneChannels) -> tuple[Model, Selection]:
    trace = follow(model)
    groups, selection = _select(model, trace, stage)
    keep = choose(trace, groups, stage.fraction, stage.criterion)
    smaller = rebuild(model, trace, keep)
    prove(model, smaller, trace, keep)
    fine_tuning.carry_compiled(model, smaller)
    return smaller, selection


def _select(model: Model, trace: Trace, stage: PruneChannels) -> tuple[list[Group], Selection]:
    """Choose the groups to take channels from, and the layers that lose some by it."""

    def why_left(layer: Layer) -> str | None:
        return why_whole(trace, layer, stage.criterion)

    wanted = take(model, stage.layers, why_left)
    groups = find_groups(trace)
    whole = dict(_lose_nothing(groups, wanted, stage.fraction))
    selection = take(model, stage.layers, lambda layer: why_left(layer) or whole.get(layer.name))
    return [group for group in groups if _is_complete(group, wanted)], selection


def _lose_nothing(
    groups: list[Group], wanted: Selection, fraction: float
) -> Iterator[tuple[str, str]]:
    """Yield the layers wanted that keep all their channels none the less, with the reason."""
    for name in wanted.taken:
        mine = [group for group in groups if name in group.makers]
        complete = [group for group in mine if _is_complete(group, wanted)]
        if not complete:
            makers = dict.fromkeys(maker for group in mine for maker in group.makers)
            others = ", ".join(maker for maker in makers if maker not in wanted.taken)
            yield name, f"its channels can only go together with those of {others}, which stay"
        elif not any(group.removed(fraction) for group in complete):
            counts = " or ".join(str(len(group.roots)) for group in complete)
            yield name, f"fraction {fraction:g} of {counts} channels is less than one"


def _is_complete(group: Group, wanted: Selection) -> bool:
    return set(group.makers) <= set(wanted.taken)
