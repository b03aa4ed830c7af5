"""Starts Python processes by forking one that has paid their imports: a zygote.

Most tests run pytest as its user would, and each run starts fork servers for its workers: three
processes whose imports take ten times as long as what they do. A forked process has the
arguments, folder, environment, streams and exit code of one that ``python`` starts, and modules
that nobody has used.

This file is a script too: ``serve`` is the zygote of a kind, and ``python`` stands in for the
interpreter in forked processes, so that what they start is forked as well. It starts often, and
imports no more than it needs.
"""

import fcntl
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FORK_SERVER = "pytest_modelbudget.workers.fork_server"
LOOK_S = 1.0


class Zygotes:
    """The zygotes of one test session, each started when it is first needed.

    Args:
        folder: Where their sockets are; all processes of the session name the same.
        owner: The process with which the zygotes end.
    """

    def __init__(self, folder: Path, owner: int) -> None:
        self.folder = folder
        self.owner = owner

    def run(
        self, args: Sequence[str], cwd: Path, env: Mapping[str, str], streams: Sequence[int]
    ) -> int:
        """Run what ``python *args`` would, ``-m pytest`` or a fork server, to its end.

        Args:
            args: The arguments of the interpreter.
            cwd: The folder to run in.
            env: The environment, with the ``PYTHONPATH`` of this process.
            streams: The descriptors of the standard input, output and error.

        Returns:
            The exit code, negative if a signal ended the process.
        """
        kind = "pytest" if "pytest" in args else args[-1]
        with socket.socket(socket.AF_UNIX) as connection:
            self._connect(connection, kind, env)
            request = json.dumps([list(args), str(cwd), dict(env)]).encode()
            socket.send_fds(connection, [len(request).to_bytes(4, "big")], streams)
            connection.sendall(request)
            return int(connection.recv(16) or -signal.SIGKILL)

    def _connect(self, connection: socket.socket, kind: str, env: Mapping[str, str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / kind
        with (self.folder / f"{kind}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                connection.connect(str(path))
            except (FileNotFoundError, ConnectionRefusedError):
                self._start(path, kind, env)
                connection.connect(str(path))

    def _start(self, path: Path, kind: str, env: Mapping[str, str]) -> None:
        import subprocess

        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            descriptor = listener.fileno()
            words = ["serve", str(self.folder), str(self.owner), kind, str(descriptor)]
            with path.with_suffix(".log").open("w") as log:
                process = subprocess.Popen(
                    [sys.executable, "-P", __file__, *words],
                    cwd=self.folder,
                    env=env,
                    pass_fds=[descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        process.returncode = 0  # nobody waits for it: it ends after this process


def serve(zygotes: Zygotes, kind: str, descriptor: int) -> None:
    """Fork a process for each request until the owner ends; return in the processes."""
    import select
    import shutil

    _preload(kind)
    with socket.socket(fileno=descriptor) as listener:
        while Path("/proc", str(zygotes.owner)).exists():
            if select.select([listener], [], [], LOOK_S)[0]:
                connection, _ = listener.accept()
                if os.fork() == 0:
                    break
                connection.close()
            _reap()
        else:
            shutil.rmtree(zygotes.folder, ignore_errors=True)
            os._exit(0)
    _attend(zygotes, connection)


def _preload(kind: str) -> None:
    from importlib import import_module

    if kind == "pytest":
        from _pytest.config import default_plugins

        modules = [f"_pytest.{name}" for name in default_plugins]
        modules += ["pytest_modelbudget.gate.session", "pytest_modelbudget.gate.nodes"]
        modules += ["pytest_modelbudget.report.terminal", "pytest_modelbudget.report.artifacts"]
    else:
        preloads = import_module(FORK_SERVER).PRELOADS
        del sys.modules[FORK_SERVER]  # it is the main module of the processes
        modules = preloads[kind]
    for name in modules:
        import_module(name)
    import_module("pytest_modelbudget.protocol.installed").look_up()
    gc.freeze()


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _attend(zygotes: Zygotes, connection: socket.socket) -> None:
    """Fork the process that is asked for, return in it, and send its exit code."""
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as file:
        args, cwd, env = json.loads(file.read(int.from_bytes(size, "big")))
    process = os.fork()
    if process:
        for stream in (0, 1, 2, *streams):
            os.close(stream)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        connection.sendall(str(code).encode())
        os._exit(0)
    connection.close()
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    _become(zygotes, args)


def _become(zygotes: Zygotes, args: list[str]) -> None:
    """Run a module as ``python *args`` does."""
    import runpy

    if args[0] == "-P":
        args = args[1:]
    else:
        sys.path.insert(0, os.getcwd())
        sys.executable = str(_stand_in(zygotes))
    assert args[0] == "-m", args
    sys.argv = args[1:]
    runpy.run_module(args[1], run_name="__main__", alter_sys=True)


def _stand_in(zygotes: Zygotes) -> Path:
    """Return a program that takes the arguments of an interpreter, and forks what it can."""
    path = zygotes.folder / "python"
    if not path.exists():
        words = f'-IS "{__file__}" python "{zygotes.folder}" {zygotes.owner}'
        new = path.with_suffix(f".{os.getpid()}")
        new.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        new.chmod(0o755)
        new.replace(path)
    return path


def stand_in(zygotes: Zygotes, args: list[str]) -> None:
    """Be the interpreter for ``args``: forked if it is to be a fork server, else itself."""
    if FORK_SERVER not in args:
        os.execv(sys.executable, [sys.executable, *args])
    code = zygotes.run(args, Path.cwd(), os.environ, (0, 1, 2))
    if code < 0:
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    what, folder, owner, *rest = sys.argv[1:]
    if what == "serve":
        serve(Zygotes(Path(folder), int(owner)), rest[0], int(rest[1]))
    else:
        stand_in(Zygotes(Path(folder), int(owner)), rest)
