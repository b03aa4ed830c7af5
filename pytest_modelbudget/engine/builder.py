"""From a plan to its artifact: each step is built once, behind a look at the whole chain."""

import asyncio

from pytest_modelbudget.budgetfile.types import Budget
from pytest_modelbudget.engine.fingerprint import Fingerprints
from pytest_modelbudget.engine.other_forms import FileSize, OtherSize, other_forms, why_as_large
from pytest_modelbudget.engine.plan import Plan, Step, make_plan
from pytest_modelbudget.engine.processes import Activity, Kind
from pytest_modelbudget.engine.scheduler import Work, read_result
from pytest_modelbudget.engine.training_steps import PreflightError, training_steps
from pytest_modelbudget.errors import ModelBudgetError
from pytest_modelbudget.judge.findings import Artifact
from pytest_modelbudget.protocol.jobs import Built, PreflightJob, Project
from pytest_modelbudget.protocol.store import Entry, digest


class BuildError(ModelBudgetError):
    """A step of a recipe that could not be built; every item that needs it shows this."""


class Builds:
    """The plans and artifacts of one session.

    Args:
        work: Where steps are run.
        project: Where the user's modules are found.
        jobs: How many builds may train or convert at a time.
    """

    def __init__(self, work: Work, project: Project, jobs: int) -> None:
        self._work = work
        self._project = project
        self._fingerprints = Fingerprints((*project.sys_path, str(project.rootdir)))
        self._slots = asyncio.Semaphore(jobs)
        self._plans: dict[int, Plan] = {}

    def plan(self, budget: Budget) -> Plan:
        """Return the plan of a variant.

        Raises:
            BuildError: If what it names cannot be read.
        """
        if id(budget) not in self._plans:
            try:
                planned = make_plan(budget, self._fingerprints, self._project)
            except (ModelBudgetError, OSError) as error:
                raise BuildError(str(error)) from error
            self._plans[id(budget)] = planned
        return self._plans[id(budget)]

    def artifact(
        self, step: Step, budget: Budget, *, looked_at: bool = False
    ) -> "asyncio.Future[Artifact]":
        """Begin to build ``step``, and all before it, and return what to wait for.

        Args:
            step: One of the steps of the plan.
            budget: The variant that it is built for.
            looked_at: Whether the chain behind it was looked at before.

        Raises:
            BuildError: If a step could not be built; to whoever waits.
        """
        return self._work.once(f"build {step.key}", lambda: self._make(step, budget, looked_at))

    async def explain_size(self, budget: Budget) -> FileSize | None:
        """Make what the recipe could end in instead, to tell why the file is as large as it is.

        Returns:
            None where no stage leaves it as large as before.
        """
        if not (why := why_as_large(budget)):
            return None
        artifact = await self.artifact(self.plan(budget).step, budget)
        others = [OtherSize("gzip", artifact.gzip_bytes, "what max_gzip_bytes limits")]
        for form in other_forms(budget):
            step = make_plan(form.budget, self._fingerprints, self._project).step
            try:
                size_bytes = (await self.artifact(step, form.budget)).size_bytes
                others.append(OtherSize(form.name, size_bytes, form.written))
            except BuildError as error:
                cause = str(error.__cause__).partition("\n")[0]
                others.append(OtherSize(form.name, None, cause))
        return FileSize(why, tuple(others))

    async def _make(self, step: Step, budget: Budget, looked_at: bool) -> Artifact:
        if entry := self._work.find(step.key):
            return _read_artifact(entry, cached=True)
        if not looked_at:  # its children have done so for the whole chain
            await self._preflight(step, budget)
        parent = await self.artifact(step.parent, budget, looked_at=True) if step.parent else None
        job = step.job.model_copy(update={"parent": parent and parent.path.parent})
        kind: Kind = "tensorflow" if step.tensorflow else "quantizer"
        activity = Activity(f"{budget.title} {step.job.stage.kind}")
        async with self._slots if step.tensorflow else self._work.light_slots:
            try:
                entry = await self._work.stored(kind, step.key, job, step.timeout_s, activity)
            except (ModelBudgetError, OSError) as error:
                raise BuildError(f"{step.span}: {step.where}: {error}") from error
        return _read_artifact(entry, cached=False)

    async def _preflight(self, step: Step, budget: Budget) -> None:
        """Look at all that is going to be trained for ``step``, before the first training."""
        chain = training_steps(step)
        if not chain or self._work.find(chain[-1].key):
            return
        try:
            await self._work.once(f"preflight {chain[-1].key}", lambda: self._look(chain, budget))
        except PreflightError as error:
            refused = chain[error.stage]
            raise BuildError(f"{refused.span}: {refused.where}: {error}") from error

    async def _look(self, chain: tuple[Step, ...], budget: Budget) -> None:
        key = digest(["preflight", chain[-1].key])
        if self._work.find(key):
            return
        job = PreflightJob(steps=tuple(step.job for step in chain))
        activity = Activity(f"{budget.title} preflight")
        async with self._slots:
            try:
                await self._work.stored("tensorflow", key, job, chain[-1].timeout_s, activity)
            except (ModelBudgetError, OSError) as error:
                stage = activity.failure.stage if activity.failure else 0
                raise PreflightError(str(error), stage) from error


def _read_artifact(entry: Entry, *, cached: bool) -> Artifact:
    built = read_result(entry.path, Built)
    return Artifact(
        path=entry.path / built.file,
        sha256=entry.sha256[built.file],
        size_bytes=built.size_bytes,
        gzip_bytes=built.gzip_bytes,
        seconds=built.seconds,
        cached=cached,
        layers_left="\n".join(
            f"left by {stage}: {why}"
            for stage, selection in built.selections
            if (why := selection.why_left())
        ),
    )
