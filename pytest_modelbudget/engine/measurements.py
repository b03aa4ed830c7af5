"""Measures an artifact: structure, memory, latency, and the figures of its target."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

from pytest_modelbudget.budgetfile.stages import Cluster
from pytest_modelbudget.engine.plan import Plan
from pytest_modelbudget.engine.processes import WorkerKind
from pytest_modelbudget.engine.scheduler import Scheduler
from pytest_modelbudget.engine.task_status import TaskStatus
from pytest_modelbudget.engine.tool_state import tool_state
from pytest_modelbudget.engine.valgrind import Valgrind, find_valgrind, machine
from pytest_modelbudget.judge.accepted import AcceptedVariant
from pytest_modelbudget.judge.contents import Contents
from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.judge.results.artifact_forms import SAVED_MODEL_GRAPH
from pytest_modelbudget.judge.results.inference_costs import Arena, Instructions
from pytest_modelbudget.judge.results.latencies import LatencySample
from pytest_modelbudget.judge.results.model_structure import Structure
from pytest_modelbudget.judge.results.target_figures import Figures
from pytest_modelbudget.protocol.build_jobs import KERAS_LAYERS
from pytest_modelbudget.protocol.digests import digest, file_digest
from pytest_modelbudget.protocol.measurement_jobs import (
    Adb,
    ContentsJob,
    InspectJob,
    InstructionsJob,
    LatencyBound,
    LatencyJob,
    MemoryJob,
    TargetJob,
)

LATENCY_TIMEOUT_S = 120.0
LATE_S = 30.0
CONTENTS_TIMEOUT_S = 600.0


def contents_worker(path: Path) -> WorkerKind:
    """Return which worker process reads the contents of an artifact."""
    return "tensorflow" if (path / SAVED_MODEL_GRAPH).is_file() else "litert"


class Measurements:
    """The measurements of one session.

    Every method raises ``UnmeasuredError`` if the measurement failed.
    """

    def __init__(self, scheduler: Scheduler, adb: Adb) -> None:
        self._scheduler = scheduler
        self._adb = adb

    def structure(self, artifact: Artifact, plan: Plan) -> Awaitable[Structure]:
        """Read the structure from the flatbuffer."""
        stages = (*plan.step.job.before, plan.step.job.stage)
        job = InspectJob(
            inspected=artifact.path,
            clustered=tuple(artifact.clustered),
            per_channel=any(isinstance(each, Cluster) and each.per_channel for each in stages),
        )
        key = digest(["structure", artifact.sha256, job.clustered, job.per_channel, tool_state()])

        async def read() -> Structure:
            status = TaskStatus(f"{plan.title} inspect")
            found = await self._scheduler.measured(
                "litert", key, job, Structure, plan.timeout_s, status
            )
            return found.result

        return self._scheduler.once(f"inspect {key}", read)

    def contents(self, path: Path, sha256: str, title: str) -> Awaitable[Contents]:
        """Return where the bytes of an artifact are.

        Args:
            path: A ``.tflite``, a ``.keras`` file or the folder of a SavedModel.
            sha256: Of its content.
            title: What the terminal shows meanwhile.
        """
        layers = path.with_name(KERAS_LAYERS)
        named_by = file_digest(layers) if layers.exists() else ""
        key = digest(["contents", sha256, named_by, tool_state()])

        async def read() -> Contents:
            job, status = ContentsJob(divided=path), TaskStatus(f"{title} contents")
            kind = contents_worker(path)
            found = await self._scheduler.measured(
                kind, key, job, Contents, CONTENTS_TIMEOUT_S, status
            )
            return found.result

        return self._scheduler.once(f"contents {key}", read)

    def arena(self, artifact: Artifact, plan: Plan) -> Awaitable[Arena]:
        """Return the tensor arena that LiteRT plans."""
        job = MemoryJob(model=artifact.path, batch_size=plan.invocation.batch_size)

        async def read() -> Arena:
            key = digest(["arena", artifact.sha256, job.batch_size, tool_state()])
            status = TaskStatus(f"{plan.title} memory")
            found = await self._scheduler.measured(
                "litert", key, job, Arena, plan.timeout_s, status
            )
            return found.result

        return self._scheduler.once(f"arena {artifact.sha256} {job.batch_size}", read)

    def instructions(self, artifact: Artifact, plan: Plan) -> Awaitable[Instructions]:
        """Return the instructions of one invocation, counted by the Valgrind that is installed."""

        async def read() -> Instructions:
            valgrind = await self._valgrind()
            job = InstructionsJob(
                counted=artifact.path,
                batch_size=plan.invocation.batch_size,
                valgrind=valgrind.program,
                version=valgrind.version,
                timeout_s=plan.timeout_s,
            )
            key = _instructions_key(artifact.sha256, job.batch_size, valgrind)
            status = TaskStatus(f"{plan.title} instructions")
            # The worker process stops a hanging Valgrind itself and reports its output.
            timeout_s = job.timeout_s + LATE_S
            found = await self._scheduler.measured(
                "litert", key, job, Instructions, timeout_s, status
            )
            return found.result

        name = f"instructions {artifact.sha256} {plan.invocation.batch_size}"
        return self._scheduler.once(name, read)

    async def known_instructions(
        self, accepted: AcceptedVariant | None, plan: Plan
    ) -> Instructions | None:
        """Return the instructions of the accepted artifact, if they are in the cache.

        The artifact itself need not be in the cache.
        """
        figure = accepted.figures.get("instructions") if accepted else None
        if figure is None:
            return None
        valgrind = await self._valgrind()
        key = _instructions_key(figure.artifact, plan.invocation.batch_size, valgrind)
        found = self._scheduler.find(key, None, Instructions)
        return found.result if found else None

    def _valgrind(self) -> Awaitable[Valgrind]:
        return self._scheduler.once("valgrind", lambda: asyncio.to_thread(find_valgrind))

    def latency(
        self,
        artifact: Artifact,
        baseline: Path | None,
        plan: Plan,
        bounds: tuple[LatencyBound, ...],
    ) -> Awaitable[LatencySample]:
        """Time a model, once for all limits in seconds; with ``baseline``, both alternately."""
        invocation = plan.invocation
        job = LatencyJob(
            model=artifact.path,
            baseline=baseline,
            bounds=bounds,
            threads=invocation.threads,
            batch_size=invocation.batch_size,
            served=plan.step.served,
            samples=plan.evaluation.data if plan.step.served and plan.evaluation else None,
        )
        status = TaskStatus(f"{plan.title} latency")
        kind: WorkerKind = "tensorflow" if job.served else "litert"
        return self._scheduler.once(
            f"latency {job.model_dump_json()}",
            lambda: self._scheduler.taken_now(job, LatencySample, LATENCY_TIMEOUT_S, status, kind),
        )

    def figures(self, artifact: Artifact, plan: Plan) -> Awaitable[Figures]:
        """Return the figures that the target reports."""
        job = TargetJob(
            model=artifact.path,
            target=plan.invocation.target,
            threads=plan.invocation.threads,
            batch_size=plan.invocation.batch_size,
            timeout_s=plan.timeout_s,
            adb=self._adb,
            project=plan.step.job.project,
        )
        status = TaskStatus(f"{plan.title} target")
        # The worker process stops a hanging target itself and reports the target's output.
        timeout_s = job.timeout_s + LATE_S
        return self._scheduler.once(
            f"target {job.model_dump_json()}",
            lambda: self._scheduler.taken_now(job, Figures, timeout_s, status),
        )


def _instructions_key(sha256: str, batch_size: int, valgrind: Valgrind) -> str:
    return digest(["instructions", sha256, batch_size, tool_state(), valgrind.version, machine()])
