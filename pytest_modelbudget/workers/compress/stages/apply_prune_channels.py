"""Structured pruning: whole filters and units are removed, and the smaller model is fine-tuned."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import PruneChannels
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.layer_choice import LayerChoice
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.channels.rank import Group, choose, find_groups, why_whole
from pytest_modelbudget.workers.compress.channels.removal import remove_channels, verify_removal
from pytest_modelbudget.workers.compress.channels.trace import Trace
from pytest_modelbudget.workers.compress.channels.walk import follow
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training.fine_tuning import check, fit
from pytest_modelbudget.workers.compress.training.selections import choose_layers
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin, save


def run(stage: PruneChannels, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the model with ``fraction`` fewer channels, fine-tuned.

    Raises:
        JobError: If no layer can lose channels, or the training fails.
    """
    start = begin(job)
    progress("removing channels")
    smaller, choice = _remove_channels(start, stage)
    fit(smaller, job, stage.epochs, progress)
    choice.write(output)
    save(smaller, output)


def preflight(stage: PruneChannels, job: BuildJob, start: Trainable) -> Outlook:
    """Choose the layers, and remove channels: their number does not depend on the weights."""
    smaller, choice = _remove_channels(start, stage)
    check(smaller, job)
    return Outlook(smaller, choice)


def _remove_channels(start: Trainable, stage: PruneChannels) -> tuple[Trainable, LayerChoice]:
    trace = follow(start.model)
    groups, choice = _choose(start.model, trace, stage)
    keep = choose(trace, groups, stage.fraction, stage.criterion)
    smaller = remove_channels(start.model, trace, keep)
    verify_removal(start.model, smaller, trace, keep)
    return replace(start, model=smaller), choice


def _choose(model: Model, trace: Trace, stage: PruneChannels) -> tuple[list[Group], LayerChoice]:
    """Choose the groups of channels that get smaller, and the layers that lose some by it."""

    def why_unsupported(layer: Layer) -> str | None:
        return why_whole(trace, layer, stage.criterion)

    def why_skipped(layer: Layer) -> str | None:
        return why_unsupported(layer) or whole.get(layer.name)

    selected = choose_layers(model, stage.layers, why_unsupported)
    groups = find_groups(trace)
    whole = dict(_whole_layers(groups, selected, stage.fraction))
    choice = choose_layers(model, stage.layers, why_skipped)
    return [group for group in groups if _is_complete(group, selected)], choice


def _whole_layers(
    groups: list[Group], selected: LayerChoice, fraction: float
) -> Iterator[tuple[str, str]]:
    """Yield the selected layers that keep all of their channels nevertheless, with the reason."""
    for name in selected.chosen:
        own = [group for group in groups if name in group.makers]
        complete = [group for group in own if _is_complete(group, selected)]
        if not complete:
            makers = dict.fromkeys(maker for group in own for maker in group.makers)
            others = ", ".join(maker for maker in makers if maker not in selected.chosen)
            yield name, f"its channels are tied to those of skipped layers: {others}"
        elif not any(group.removed(fraction) for group in complete):
            counts = " or ".join(str(len(group.roots)) for group in complete)
            yield name, f"fraction {fraction:g} of {counts} channels is less than one channel"


def _is_complete(group: Group, selected: LayerChoice) -> bool:
    return set(group.makers) <= set(selected.chosen)
