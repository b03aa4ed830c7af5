"""The memory limit of a worker process, through pytest."""

from tests.conftest import Project

GREEDY = """
import time
import blobs
def test():
    taken = [b"x" * 40_000_000 for _ in range(5)]
    time.sleep({seconds})
    return blobs.test()
"""


def test_a_build_that_uses_too_much_memory_ends_with_its_limit(built: Project) -> None:
    built.write("greedy.py", GREEDY.format(seconds=60))  # its limit ends it long before
    budget = "version: 1\nmodel: blobs.tflite\ndata: {test: 'greedy:test'}\n"
    built.write("blobs.budget.yaml", budget + "budget: {max_bytes: 7 kB, min_accuracy: 0.9}\n")
    ini = "[pytest]\nmodelbudget_memory = 200 MB\n"
    built.write("pytest.ini", ini)
    result = built.pytest()
    result.has(
        "min_accuracy could not be measured: "
        "the worker process used more memory than its limit of 200 MB",
        "use a smaller batch_size or data set, or raise the limit with --budget-memory or the ini "
        "option modelbudget_memory",
        "log: ",
    )
    result.has("1 failed, 1 passed")
    built.write("greedy.py", GREEDY.format(seconds=0))
    result = built.pytest("--budget-memory", "2 GB")
    result.has("2 passed")


def test_a_limit_that_is_no_size_is_refused(blobs: Project) -> None:
    result = blobs.pytest("--budget-memory", "4 gb")
    assert result.exitcode == 4
    result.has("ERROR: modelbudget_memory: unknown unit 'gb'; write 4 GB or 4 GiB")
