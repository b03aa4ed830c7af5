"""What is read from callgrind: a real file of two dense layers, and graphs written by hand."""

from collections import Counter
from pathlib import Path

import pytest

from pytest_modelbudget.errors import JobError
from pytest_modelbudget.workers.measure.instructions.callgrind_output import parse, short_name

BLOBS = Path(__file__).with_name("blobs.callgrind")
WRAPPER = "tflite::interpreter_wrapper::InterpreterWrapper::Invoke(int)"
HEAD = f"""
positions: line
events: Ir

fn={WRAPPER}
0 20
cfn=PyEval_SaveThread
calls=1 637
0 100
cfn=tflite::Subgraph::Invoke()
calls=1 0
0 {{invoked}}

fn=PyEval_SaveThread
0 90
cfn=pthread_mutex_lock
calls=1 3
0 10

fn=pthread_mutex_lock
3 10
"""


def test_a_real_file() -> None:
    found = parse(BLOBS.read_text())
    assert (found.count, found.uncounted) == (2396, 0)
    assert found.operators == {}
    assert found.functions.most_common(3) == [
        ("xnn_f32_gemm_minmax_ukernel_1x16__asm_amd64_fma3_broadcast", 667),
        ("xnn_f32_gemm_minmax_ukernel_1x8__fma3_broadcast", 420),
        ("xnn_invoke_runtime", 282),
    ]
    assert not [name for name in found.functions if "Py" in name or "Wrapper" in name]


def test_operators_in_loops_and_the_allocator() -> None:
    graph = """
fn=tflite::Subgraph::Invoke()
0 5
cfn=tflite::Subgraph::InvokeImpl()
calls=1 0
0 1095

fn=tflite::Subgraph::InvokeImpl()
0 5
cfn=tflite::ops::builtin::while_kernel::(anonymous namespace)::Eval(TfLiteContext*)
calls=1 0
0 1090

fn=tflite::ops::builtin::while_kernel::(anonymous namespace)::Eval(TfLiteContext*)
0 10
cfn=tflite::Subgraph::Invoke()'2
calls=4 0
0 1030
cfn=operator new(unsigned long)
calls=1 0
0 50

fn=tflite::Subgraph::Invoke()'2
0 20
cfn=tflite::Subgraph::InvokeImpl()'2
calls=4 0
0 1010

fn=tflite::Subgraph::InvokeImpl()'2
0 10
cfn=TfLiteStatus tflite::ops::builtin::add::Eval<(tflite::Kind)2>(TfLiteContext*)
calls=4 0
0 1000

fn=TfLiteStatus tflite::ops::builtin::add::Eval<(tflite::Kind)2>(TfLiteContext*)
0 960
cfn=realloc
calls=4 7
0 40

fn=realloc
7 10
cfn=malloc
calls=4 8
7 30

fn=operator new(unsigned long)
0 8
cfn=malloc
calls=1 8
0 42

fn=malloc
8 72

totals: 1220
"""
    found = parse(HEAD.format(invoked=1100) + graph)
    assert (found.count, found.uncounted) == (1018, 82)
    assert found.operators == {"while_kernel::Eval": 1090, "add::Eval": 1000}
    assert found.functions == Counter(
        {
            "add::Eval": 960,
            "Subgraph::Invoke": 25,
            "Subgraph::InvokeImpl": 15,
            "while_kernel::Eval": 10,
            "operator new": 8,
        }
    )
    assert found.functions.total() == found.count


def test_costs_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(JobError) as error:
        parse(HEAD.format(invoked=0) + "totals: 121\n")
    assert str(error.value) == (
        "the functions take 120 instructions, and callgrind says 121; "
        "report this version of Valgrind as unsupported"
    )


def test_functions_of_another_name_are_refused() -> None:
    found = parse(HEAD.replace("Subgraph", "Graph").format(invoked=1000) + "totals: 120\n")
    with pytest.raises(JobError) as error:
        found.count  # noqa: B018
    assert str(error.value) == (
        f"callgrind recorded no call of tflite::Subgraph::Invoke() from {WRAPPER}; "
        "report this version of LiteRT as unsupported"
    )


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("xnn_f32_gemm_ukernel__avx2", "xnn_f32_gemm_ukernel__avx2"),
        (
            "void tflite::reference_integer_ops::ConvPerChannel<long>(tflite::ConvParams const&, "
            "int const*, short*)",
            "reference_integer_ops::ConvPerChannel",
        ),
        (
            "void ruy::Kernel8bitAvx2Impl<(ruy::Path)32>(ruy::KernelParams8bit<8, 8> const&)",
            "ruy::Kernel8bitAvx2Impl",
        ),
        (
            "tflite::optimized_integer_ops::QuantizedDepthwiseConvKernel<true, 0, 1>::Run(int)",
            "optimized_integer_ops::QuantizedDepthwiseConvKernel::Run",
        ),
        (
            "tflite::ops::builtin::lstm_eval::(anonymous namespace)::LstmStepFloat(float const*)",
            "lstm_eval::LstmStepFloat",
        ),
        (
            "void (anonymous namespace)::unary_ukernel<int, (anonymous namespace)::Op<int> >(int)",
            "unary_ukernel",
        ),
        ("tflite::RuntimeShape::Dims(int) const", "RuntimeShape::Dims"),
        ("operator new(unsigned long)", "operator new"),
    ],
)
def test_short_names(function: str, name: str) -> None:
    assert short_name(function) == name
