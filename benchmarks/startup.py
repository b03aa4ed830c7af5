"""What the plugin costs a session without budget files, and what collecting budgets costs.

Run ``python -m benchmarks.startup``; it takes about two minutes.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.pairs import run_pairs, spread

PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
FILES, VARIANTS = 100, 10
BUDGET = """\
version: 1
model: package.models:build
data: {train: package.data:train, test: package.data:test}
variants:
"""
VARIANT = """\
  v{index}:
    recipe:
      - quantize: {{scheme: int8}}
    budget: {{max_bytes: {index}00 kB}}
"""


def main() -> None:
    """Print both comparisons."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for folder in ("empty", "budgets", "functions"):
            (root / folder).mkdir()
            (root / folder / "pytest.ini").write_text("[pytest]\n")
        (root / "empty" / "test_one.py").write_text("def test_one(): pass\n")
        variants = "".join(VARIANT.format(index=index + 1) for index in range(VARIANTS))
        functions = "".join(f"def test_{index}(): pass\n" for index in range(VARIANTS))
        for index in range(FILES):
            (root / "budgets" / f"m{index}.budget.yaml").write_text(BUDGET + variants)
            (root / "functions" / f"test_{index}.py").write_text(functions)

        without = [*PYTEST, "-p", "no:modelbudget"]
        empty = run_pairs(PYTEST, without, root / "empty", count=40)
        print("an empty session with the plugin, against one without it")
        print("  with     ", spread(empty.ours_s, " ms", 1000))
        print("  without  ", spread(empty.theirs_s, " ms", 1000))
        print("  more     ", spread(empty.differences_s, " ms", 1000))

        collect = "--collect-only"
        budgets = [*PYTEST, collect, str(root / "budgets")]
        plain = [*without, collect, str(root / "functions")]
        collected = run_pairs(budgets, plain, root, count=10)
        print(f"collecting {FILES * VARIANTS} variants, against as many empty test functions")
        print("  variants ", spread(collected.ours_s, " s"))
        print("  functions", spread(collected.theirs_s, " s"))
        print("  more     ", spread(collected.differences_s, " s"))


if __name__ == "__main__":
    main()
