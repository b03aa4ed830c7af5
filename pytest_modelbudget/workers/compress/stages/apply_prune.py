"""Magnitude pruning: the smallest weights become zero while the others are fine-tuned."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import tf_keras

from pytest_modelbudget.budgetfile.stages import Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.build_jobs import BuildJob
from pytest_modelbudget.protocol.layer_choice import NO_WEIGHTS, LayerChoice
from pytest_modelbudget.protocol.task import Progress
from pytest_modelbudget.workers.compress.models.keras_types import Layer, Model, Variable
from pytest_modelbudget.workers.compress.models.sources import class_name
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training.fine_tuning import check, fit
from pytest_modelbudget.workers.compress.training.preserve import Preserve
from pytest_modelbudget.workers.compress.training.pruning import PruneByMagnitude, prunable_weights
from pytest_modelbudget.workers.compress.training.schedules import make_schedule
from pytest_modelbudget.workers.compress.training.selections import choose_layers, walk
from pytest_modelbudget.workers.compress.training.sparsity_target import TOLERANCE, SparsityTarget
from pytest_modelbudget.workers.compress.training.trainable import Trainable, begin, save
from pytest_modelbudget.workers.compress.training.training_set import plan_steps
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.promises import Promise, Zeros

# The axes of their kernels are not in the order that tfmot's patterns expect.
NO_PATTERN = (tf_keras.layers.Conv2DTranspose, tf_keras.layers.Embedding)
Targets = list[tuple[str, Variable, SparsityTarget]]
"""The kernels to prune: the name of the layer, the variable, and its sparsity."""


def run(stage: Prune, job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the model with zeros in every chosen layer.

    The zeros of an earlier ``prune`` stay, also in the layers that this stage skips.

    Raises:
        JobError: If no layer can be pruned, the schedule does not reach the sparsity, or the
            training fails.
    """
    start = begin(job)
    choice = _choose(start.model, stage)
    schedule = make_schedule(stage, plan_steps(job, stage.epochs))
    pruned = [earlier for earlier in job.before if isinstance(earlier, Prune)]
    targets = _targets(start.model, choice, SparsityTarget.of(stage), keep=bool(pruned))
    preserve = Preserve(start.model.variables, pruned)
    kernels = [kernel for _, kernel, _ in targets]
    prune = PruneByMagnitude(kernels, schedule, SparsityTarget.of(stage))
    fit(start, job, stage.epochs, progress, callbacks=[preserve, prune])
    for _, kernel, target in targets:
        kernel.assign(target.complete(kernel.numpy()))
    preserve.check("prune")
    _verify(targets)
    promises.write_promises(_promises(targets), output)
    choice.write(output)
    save(start, output)


def preflight(stage: Prune, job: BuildJob, start: Trainable) -> Outlook:
    """Choose the layers, and make the schedule if its steps might not fit the training."""
    choice = _choose(start.model, stage)
    check(start, job)
    if stage.frequency or ":" in stage.schedule:  # All other schedules fit any number of steps.
        make_schedule(stage, plan_steps(job, stage.epochs))
    return Outlook(start, choice)


def _choose(model: Model, stage: Prune) -> LayerChoice:
    target = SparsityTarget.of(stage)
    return choose_layers(model, stage.layers, lambda layer: _why_unsupported(layer, target))


def _why_unsupported(layer: Layer, target: SparsityTarget) -> str | None:
    if not layer.weights:
        return NO_WEIGHTS
    kernels = prunable_weights(layer)
    if not kernels:
        return f"pruning does not support {class_name(layer)}"
    if not layer.trainable:
        return "not trainable, so it cannot be fine-tuned after pruning"
    if target.pattern and isinstance(layer, NO_PATTERN):
        return f"a pattern does not support {class_name(layer)}"
    reasons = (target.why_unfit(tuple(kernel.shape)) for kernel in kernels)
    return next(filter(None, reasons), None)


def _targets(model: Model, choice: LayerChoice, target: SparsityTarget, *, keep: bool) -> Targets:
    """Return the kernels of the chosen layers, with the sparsity that each should get.

    Args:
        model: The model before the training.
        choice: The layers to prune.
        target: The sparsity of the stage.
        keep: Whether a kernel that is sparser already stays so.
    """
    layers = dict(walk(model))
    return [
        (name, kernel, replace(target, sparsity=max(target.sparsity, reached)))
        for name in choice.chosen
        for kernel in prunable_weights(layers[name])
        for reached in [target.measure(kernel.numpy()) if keep else 0.0]
    ]


def _verify(targets: Targets) -> None:
    for name, kernel, target in targets:
        reached = target.measure(kernel.numpy())
        at_most = target.sparsity + TOLERANCE + np.prod(target.block) / np.prod(kernel.shape)
        if not target.sparsity - TOLERANCE <= reached <= at_most:
            raise JobError(
                f"prune: layer {name} has sparsity {reached:.2f} instead of {target.sparsity:.2f}",
                "check that the schedule reaches the sparsity, or add the layer to layers: skip",
            )


def _promises(targets: Targets) -> Sequence[Promise]:
    return [
        Promise(stage="prune", layer=name, shape=tuple(kernel.shape), kept=Zeros(target=target))
        for name, kernel, target in targets
    ]
