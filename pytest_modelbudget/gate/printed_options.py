"""A pytest plugin that prints what the engine would be given here, and runs nothing.

``explore/project_options.py`` asks with it, so that a measurement outside of pytest finds the same
modules and the same cache: only pytest knows its rootdir, ini file and ``sys.path``.
"""

import sys

import pytest
from pydantic import TypeAdapter

from pytest_modelbudget.engine.pipeline import PipelineOptions
from pytest_modelbudget.gate.session import pipeline_options


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> pytest.ExitCode:
    """Print the options as one line of JSON."""
    written = TypeAdapter(PipelineOptions).dump_json(pipeline_options(config)).decode()
    sys.stdout.write(f"{written}\n")
    return pytest.ExitCode.OK
