"""The memory of one inference in LiteRT: the arena that it plans, read from where tensors lie.

LiteRT tells nobody how large its arena is, but where each tensor lies. Its planner
(``tflite/arena_planner.cc``) puts inputs at the very beginning, every tensor on a multiple of 64
bytes, and begins each at the end of another: no gap inside is as wide as 64 bytes, and the next
block of the heap is further away (``simple_memory_arena.cc`` pads the arena by 63). So the arena
reaches from the first input to the first wider gap. All of that is private to LiteRT, hence the
guard: the result must lie between what the graph itself says is alive at once and the sum of
all tensors, or there is none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter as LiteRT
from ai_edge_litert.interpreter import OpResolverType
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results import Arena
from pytest_modelbudget.protocol.jobs import MemoryJob
from pytest_modelbudget.workers.measure.liveness import live_at_once
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.weights import operator_name

_ALIGNMENT = 64  # kDefaultTensorAlignment
_ANY = -1
_RUN_SUBGRAPHS = {"CALL", "CALL_ONCE", "IF", "STABLEHLO_COMPOSITE", "WHILE"}


@dataclass(frozen=True)
class Block:
    """Where a tensor that is no constant lies: its index, first byte and number of bytes."""

    tensor: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.size


def plan_arena(job: MemoryJob) -> Arena:
    """Run the model once on its built-in kernels, and see where its tensors lie.

    Once is needed: LiteRT plans what follows a computed shape only when it gets there.

    Raises:
        JobError: The model cannot be run, its memory depends on a size that it leaves open or
            on the values it gets, or LiteRT's plan is not where it is expected.
    """
    litert = _prepared(job)
    model = flatbuffer_utils.read_model(job.model)
    _check_one_graph(model)
    _run(litert, 0)
    blocks = _blocks(litert, model)
    _run(litert, 1)
    if _sizes(_blocks(litert, model)) != _sizes(blocks):
        raise JobError(
            "the model needs other sizes for other values, so that no one figure is its memory",
            "leave out operators whose output has a size of its own, such as WHERE",
        )
    arena, beside = _split(blocks, litert)
    planned_bytes = max(block.end for block in arena) - arena[0].start
    beside_bytes = sum({block.start: block.size for block in beside}.values())
    live_bytes = live_at_once(model, _sizes(blocks))
    most_bytes = sum(_aligned(block.size) for block in blocks)
    if not live_bytes <= planned_bytes + beside_bytes <= most_bytes:
        raise JobError(
            f"LiteRT's memory reads as {planned_bytes + beside_bytes:,} B, and the graph needs "
            f"{live_bytes:,} to {most_bytes:,} B",
            "this LiteRT plans in another way than pytest-modelbudget knows: please report it",
        )
    return Arena(planned_bytes=planned_bytes, beside_bytes=beside_bytes, live_bytes=live_bytes)


def _prepared(job: MemoryJob) -> Any:
    checked = Interpreter(job.model, threads=1)
    for tensor in checked.inputs.values():
        if tensor.dtype.kind not in "fiub":
            raise JobError(
                f"input {tensor.name} takes no numbers but {tensor.dtype.name}, whose size is "
                "not known before it comes",
                "leave the text out of the model, or max_memory out of the budget",
            )
        if _ANY in tensor.shape[1:]:
            raise JobError(
                f"input {tensor.name} leaves a size open, on which the memory depends: "
                f"{tensor.shape}",
                "convert the model with that size fixed; only the batch may be open",
            )
    checked.allocate(job.batch_size)  # says what is wrong with a batch size
    litert = LiteRT(
        str(job.model),
        num_threads=1,
        # XNNPACK would hide the tensors inside of it, and has an arena of its own.
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    for tensor in checked.inputs.values():
        litert.resize_tensor_input(tensor.index, [job.batch_size, *tensor.shape[1:]])
    return litert


def _run(litert: Any, value: int) -> None:
    try:
        litert.allocate_tensors()
        for tensor in litert.get_input_details():
            filled = np.full(tensor["shape"], value, tensor["dtype"])
            litert.set_tensor(tensor["index"], filled)
        litert.invoke()
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise JobError(f"LiteRT's built-in kernels cannot run the model: {reason}") from error


def _check_one_graph(model: ModelT) -> None:
    names = {operator_name(model, operator) for operator in model.subgraphs[0].operators}
    if found := sorted(names & _RUN_SUBGRAPHS):
        raise JobError(
            f"the model runs other graphs ({', '.join(found)}), whose arenas LiteRT does not show",
            "leave out loops and branches, or convert with them unrolled",
        )


def _blocks(litert: Any, model: ModelT) -> list[Block]:
    """Return what has memory, kernels' scratch included, by where it lies."""
    tensors = model.subgraphs[0].tensors
    blocks = []
    for details in litert.get_tensor_details():
        index = details["index"]
        if index < len(tensors) and _is_constant(model, tensors[index]):
            continue
        try:
            array = litert.tensor(index)()
        except ValueError:  # it has no memory: nobody uses it
            continue
        if array.nbytes:
            blocks.append(Block(index, array.__array_interface__["data"][0], array.nbytes))
    return sorted(blocks, key=lambda block: (block.start, block.end))


def _is_constant(model: ModelT, tensor: Any) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _split(blocks: list[Block], litert: Any) -> tuple[list[Block], list[Block]]:
    """Return the blocks of the arena, and those elsewhere."""
    inputs = {details["index"] for details in litert.get_input_details()}
    start = min(block.start for block in blocks if block.tensor in inputs)
    arena: list[Block] = []
    beside: list[Block] = []
    end = start
    for block in blocks:
        if start <= block.start < end + _ALIGNMENT:
            arena.append(block)
            end = max(end, block.end)
        else:
            beside.append(block)
    return arena, beside


def _sizes(blocks: Iterable[Block]) -> dict[int, int]:
    return {block.tensor: block.size for block in blocks}


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
