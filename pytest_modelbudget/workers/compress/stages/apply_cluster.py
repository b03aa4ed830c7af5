"""Weight clustering: each layer's weights share a few values, which are fine-tuned."""

from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Cluster, Prune
from pytest_modelbudget.errors import JobError
from pytest_modelbudget.protocol.jobs import BuildJob, Progress
from pytest_modelbudget.protocol.layer_choice import NO_WEIGHTS, Selection
from pytest_modelbudget.workers.compress.models.sources import Model, class_name
from pytest_modelbudget.workers.compress.outlook import Outlook
from pytest_modelbudget.workers.compress.training import fine_tuning
from pytest_modelbudget.workers.compress.training.clustering import (
    ClusterWeights,
    clusterable_weights,
    units,
)
from pytest_modelbudget.workers.compress.training.preserve import Preserve, Weights, unique_values
from pytest_modelbudget.workers.compress.training.selections import Layer, take, walk
from pytest_modelbudget.workers.compress.verify import promises
from pytest_modelbudget.workers.compress.verify.promises import FewValues, Promise


def run(job: BuildJob, output: Path, progress: Progress) -> None:
    """Write ``output / "model.keras"``: the model with clustered weights.

    After ``prune`` its zeros stay, also in layers that this stage leaves; zero then counts as
    one of the ``clusters``.

    Raises:
        JobError: No layer can be clustered, one that was asked for cannot, or training fails.
    """
    stage = job.stage
    assert isinstance(stage, Cluster)
    model = fine_tuning.load(job)
    selection = _select(model, stage)
    fine_tuning.plan_steps(job, stage.epochs)  # refuses a bad training set before the work begins
    pruned = any(isinstance(earlier, Prune) for earlier in job.before)
    layers = dict(walk(model))
    taken = {name: layers[name] for name in selection.taken}
    progress("clustering")
    clusters = ClusterWeights(taken.values(), stage, pruned)
    clustered = {id(kernel) for layer in taken.values() for kernel in clusterable_weights(layer)}
    others = [variable for variable in model.variables if id(variable) not in clustered]
    preserve = Preserve(others, job.before)
    fine_tuning.fit(model, job, stage.epochs, progress, callbacks=[preserve, clusters])
    preserve.check("cluster")
    for name, layer in taken.items():
        _prove(name, layer, stage)
    promises.write(
        [
            _promise(name, kernel.numpy(), layer, stage)
            for name, layer in taken.items()
            for kernel in clusterable_weights(layer)
        ],
        output,
    )
    selection.write(output)
    fine_tuning.save(model, output)


def preflight(job: BuildJob, model: Model) -> Outlook:
    """Choose the layers."""
    stage = job.stage
    assert isinstance(stage, Cluster)
    selection = _select(model, stage)
    fine_tuning.check(model, job)
    return Outlook(model, selection)


def _select(model: Model, stage: Cluster) -> Selection:
    return take(model, stage.layers, lambda layer: _why_not(layer, stage))


def _why_not(layer: Layer, stage: Cluster) -> str | None:
    if not layer.weights:
        return NO_WEIGHTS
    if not layer.trainable:
        return "it is frozen, and could not make up for what it loses"
    kernels = clusterable_weights(layer)
    if not kernels:
        return f"tfmot clusters no {class_name(layer)}"
    each = [unit for kernel in kernels for unit in units(layer, kernel.numpy(), stage.per_channel)]
    smallest = min(unit.size for unit in each)
    if smallest <= stage.clusters:
        where = " in an output channel" if len(each) > len(kernels) else ""
        return f"it has {smallest} weights{where}, no more than the {stage.clusters} clusters"
    return None


def _promise(name: str, weights: Weights, layer: Layer, stage: Cluster) -> Promise:
    return Promise(
        stage="cluster",
        layer=name,
        shape=weights.shape,
        kept=FewValues(
            clusters=stage.clusters,
            per_channel=len(units(layer, weights, stage.per_channel)) > 1,
        ),
    )


def _prove(name: str, layer: Layer, stage: Cluster) -> None:
    for kernel in clusterable_weights(layer):
        found = max(map(unique_values, units(layer, kernel.numpy(), stage.per_channel)))
        if found > stage.clusters:
            raise JobError(
                f"cluster: layer {name} has {found} unique values, "
                f"not the {stage.clusters} asked for",
                "report it with the log, or leave the layer out with layers: skip",
            )
