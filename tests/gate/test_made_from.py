"""What a user sees of what results were made from."""

import os
import py_compile

from tests.conftest import Project, outcomes

FIRST = "import blobs\ndef test():\n    x, y = blobs.test()\n    return x[:{0}], y[:{0}]\n"

PROGRAM = """
import blobs, subprocess
def test():
    subprocess.run(["true"])
    return blobs.test()
"""


def of_data(project: Project, code: str) -> None:
    project.write("data.py", code)
    file = project.root / "blobs.budget.yaml"
    file.write_text(file.read_text().replace("blobs:test", "data:test"))


def test_what_could_not_be_recorded_is_named_in_the_table(built: Project) -> None:
    of_data(built, PROGRAM)
    for _ in range(2):
        result = built.pytest("-k", "min_accuracy")
        assert result.exitcode == 0
        result.has(
            "blobs.budget.yaml float32 (",
            "  made again in every session: it depends on the program true\n"
            "  (name a file or folder that changes with it in depends_on)\n"
            "  min_accuracy",
        )
    built.write("version.txt", "1")
    file = built.root / "blobs.budget.yaml"
    file.write_text(file.read_text() + "depends_on: [version.txt]\n")
    assert "made again" not in built.pytest("-k", "min_accuracy").output


def test_a_file_that_changes_meanwhile_fails_the_build_and_is_named(built: Project) -> None:
    built.write("in.txt", "1")
    of_data(
        built,
        """
        import blobs
        from pathlib import Path

        def test():
            Path("in.txt").read_text()
            with open("in.txt", "a") as file:
                file.write("2")
            return blobs.test()
        """,
    )
    result = built.pytest("-k", "min_accuracy")
    assert result.exitcode == 1
    result.has(
        "min_accuracy could not be measured: in.txt changed while this was made from it\n"
        "run pytest again when nothing changes it\n"
    )


def test_a_repeated_name_of_an_xdist_run_is_another_session(built: Project) -> None:
    """What could not be recorded is used in one session only."""
    built.write("count.txt", "400")
    of_data(
        built,
        """
        import blobs, subprocess
        def test():
            (x, y), count = blobs.test(), int(subprocess.check_output(["cat", "count.txt"]))
            return x[:count], y[:count]
        """,
    )
    for count in ("400", "200"):
        built.write("count.txt", count)
        result = built.pytest("-n1", "--testrunuid=ci", "-k", "min_accuracy", "--junitxml=j.xml")
        assert result.exitcode == 0, result.output
        assert f"over {count} samples" in (built.root / "j.xml").read_text()


def test_two_budget_files_each_have_the_module_beside_them(built: Project) -> None:
    budget = (built.root / "blobs.budget.yaml").read_text()
    for name, kept in [("a", 400), ("b", 200)]:
        text = budget.replace("blobs.tflite", "../../blobs.tflite")
        text = text.replace("blobs:test", "data:test")
        built.write(f"services/{name}/{name}.budget.yaml", text)
        built.write(f"services/{name}/data.py", FIRST.format(kept))
    result = built.pytest("-v", "-k", "min_accuracy", "--junitxml=j.xml")
    assert len(outcomes(result.output)) == 3, result.output
    report = (built.root / "j.xml").read_text()
    assert report.count("over 400 samples") == 2, report
    assert report.count("over 200 samples") == 1, report


def test_byte_code_of_an_earlier_source_is_used_by_no_task(built: Project) -> None:
    of_data(built, FIRST.format(390))
    source = built.root / "data.py"
    written = source.stat().st_mtime_ns
    py_compile.compile(str(source), doraise=True)
    source.write_text(FIRST.format(380))
    os.utime(source, ns=(written, written))
    result = built.pytest("-k", "float32 and min_accuracy", "--junitxml=j.xml")
    assert result.exitcode == 0, "one task had other samples: " + result.output
    assert "over 380 samples" in (built.root / "j.xml").read_text()
