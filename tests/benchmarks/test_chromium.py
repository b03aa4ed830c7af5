import os
from contextlib import ExitStack

import pytest

from benchmarks.chromium import CHROMIUM, chromium


@pytest.mark.skipif(not CHROMIUM and "CI" not in os.environ, reason="chromium is not installed")
def test_it_starts_where_many_files_are_open() -> None:
    with ExitStack() as taken:
        # Then the pipes get 60 to 63: two of these were once used to hand over both.
        while (descriptor := os.open(os.devnull, os.O_RDONLY)) < 60:
            taken.callback(os.close, descriptor)
        os.close(descriptor)
        with chromium() as browser:
            assert browser.requests == []
