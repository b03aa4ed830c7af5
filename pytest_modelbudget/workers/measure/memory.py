"""Measures the arena that LiteRT plans for one inference, from the addresses of its tensors.

LiteRT has no function that returns the size of its arena, but one for the address of each tensor.
Its planner (``tflite/arena_planner.cc``) puts the inputs first, every tensor at a multiple of 64
bytes, and each at the end of another: no gap in the arena is as wide as 64 bytes. The next block of
the heap is further away (``simple_memory_arena.cc`` pads the arena by 63 bytes). So the arena
reaches from the first input to the first wider gap.

All of that is private to LiteRT and may change. Therefore the result counts only if it lies between
the bytes that are live at once, computed from the graph, and the sum of all tensors.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ai_edge_litert.interpreter import OpResolverType
from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.judge.results.inference_costs import Arena
from pytest_modelbudget.protocol.measurement_jobs import MemoryJob
from pytest_modelbudget.workers.measure.liveness import live_at_once
from pytest_modelbudget.workers.tflite.interpreter import Interpreter
from pytest_modelbudget.workers.tflite.random_inputs import constant_sample
from pytest_modelbudget.workers.tflite.runs import invoke
from pytest_modelbudget.workers.tflite.tflite_file import is_constant, operator_name, parse

_ALIGNMENT = 64  # kDefaultTensorAlignment
_ANY = -1
_RUN_SUBGRAPHS = {"CALL", "CALL_ONCE", "IF", "STABLEHLO_COMPOSITE", "WHILE"}


@dataclass(frozen=True)
class Block:
    """The memory of a tensor that is not constant.

    Attributes:
        tensor: Its index.
        start: The address of its first byte.
        size: In bytes.
    """

    tensor: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """The address after its last byte."""
        return self.start + self.size


def plan_arena(job: MemoryJob) -> Arena:
    """Run a model with LiteRT's built-in kernels, and read the addresses of its tensors.

    It has to run: LiteRT plans the tensors after a computed shape only when it has computed it.

    Raises:
        JobError: if the model cannot be run, if its memory depends on an open size or on the
            values of its inputs, or if LiteRT plans in a way that is not known here.
    """
    litert = _prepared(job)
    model = parse(job.model.read_bytes())
    _check_one_graph(model)
    _run(litert, 0)
    blocks = _blocks(litert, model)
    _run(litert, 1)
    if _sizes(_blocks(litert, model)) != _sizes(blocks):
        raise JobError(
            "the memory of the model depends on the values of its inputs: tensors have other sizes "
            "for zeros than for ones",
            "leave out operators whose output size depends on values, such as WHERE",
        )
    arena, beside = _split(blocks, litert)
    planned_bytes = max(block.end for block in arena) - arena[0].start
    beside_bytes = sum({block.start: block.size for block in beside}.values())
    live_bytes = live_at_once(model, _sizes(blocks))
    most_bytes = sum(_aligned(block.size) for block in blocks)
    if not live_bytes <= planned_bytes + beside_bytes <= most_bytes:
        raise JobError(
            f"LiteRT's memory seems to be {planned_bytes + beside_bytes:,} B, but the graph needs "
            f"{live_bytes:,} to {most_bytes:,} B",
            "this version of LiteRT plans memory in an unknown way: please report it",
        )
    return Arena(planned_bytes=planned_bytes, beside_bytes=beside_bytes, live_bytes=live_bytes)


def _prepared(job: MemoryJob) -> Any:
    # XNNPACK would hide the tensors between its operators, and has an arena of its own.
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(job.model, threads=1, kernels=kernels)
    for tensor in interpreter.inputs.values():
        if tensor.dtype.kind not in "fiub":
            raise JobError(
                f"input {tensor.name} takes {tensor.dtype.name}, not numbers: its size depends on "
                "the data",
                "leave the text out of the model, or max_memory out of the budget",
            )
        if _ANY in tensor.shape[1:]:
            raise JobError(
                f"input {tensor.name} has the open shape {tensor.shape}, and the memory depends on "
                "the open size",
                "convert the model with every size fixed but the batch",
            )
    interpreter.allocate(job.batch_size)
    return interpreter.litert


def _run(litert: Any, value: int) -> None:
    try:
        invoke(litert, constant_sample(litert, value), [])
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise JobError(f"LiteRT's built-in kernels cannot run the model: {reason}") from error


def _check_one_graph(model: ModelT) -> None:
    names = {operator_name(model, operator) for operator in model.subgraphs[0].operators}
    if found := sorted(names & _RUN_SUBGRAPHS):
        raise JobError(
            f"the model has operators that run other subgraphs ({', '.join(found)}), and LiteRT "
            "does not tell the addresses of their tensors",
            "leave out loops and branches, or convert the model with its loops unrolled",
        )


def _blocks(litert: Any, model: ModelT) -> list[Block]:
    """Return the memory of all tensors, those of the kernels included, by address."""
    tensors = model.subgraphs[0].tensors
    blocks = []
    for details in litert.get_tensor_details():
        index = details["index"]
        if index < len(tensors) and is_constant(model, tensors[index]):
            continue
        try:
            array = litert.tensor(index)()
        except ValueError:  # no operator uses it, so it has no memory
            continue
        if array.nbytes:
            blocks.append(Block(index, array.__array_interface__["data"][0], array.nbytes))
    return sorted(blocks, key=lambda block: (block.start, block.end))


def _split(blocks: list[Block], litert: Any) -> tuple[list[Block], list[Block]]:
    """Return the blocks in the arena, and the others."""
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
