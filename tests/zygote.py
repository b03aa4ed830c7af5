"""Starts Python processes by forking one that has paid their imports: a zygote.

Most tests run pytest as its user would, and each run starts fork servers for its workers: three
processes whose imports take ten times as long as what they do. A forked process has the
arguments, folder, environment, streams and exit code of one that ``python`` starts, and modules
that nobody has used.

This file is a script too: ``serve`` is the zygote of a kind, and ``python`` stands in for the
interpreter in forked processes, so that what they start is forked as well. It starts often: the
standard ``socket``, ``json`` and ``pathlib`` would take three quarters of its time.
"""

import _socket
import fcntl
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Collection, Mapping, Sequence

    Request = tuple[list[str], str, dict[str, str]]
    """The arguments of the interpreter, the folder to run in, the environment."""
    Running = dict[socket.socket, tuple[int, int]]
    """The process of each connection, and a descriptor that can be read when it has ended."""

FORK_SERVER = "pytest_modelbudget.workers.fork_server"
LOOK_S = 1.0
LONGEST_S = 3600.0  # a session that trains takes minutes; one that hangs fails its test


class Zygotes:
    """The zygotes of one test session, each started when it is first needed.

    Args:
        folder: Where their sockets are; all processes of the session name the same.
        owner: The process with which the zygotes end.
        path: Their ``PYTHONPATH``; processes may have another one.
    """

    def __init__(self, folder: str, owner: int, path: str) -> None:
        self.folder = folder
        self.owner = owner
        self.path = path

    def run(
        self,
        args: "Sequence[str]",
        cwd: str,
        env: "Mapping[str, str]",
        streams: "Sequence[int]",
    ) -> int:
        """Run what ``python *args`` would to its end: pytest, a worker of xdist, a fork server.

        Args:
            args: The arguments of the interpreter.
            cwd: The folder to run in.
            env: The environment.
            streams: The descriptors of the standard input, output and error.

        Returns:
            The exit code, negative if a signal ended the process.
        """
        kind = args[-1] if FORK_SERVER in args else "pytest"
        connection = _socket.socket(_socket.AF_UNIX)
        self._connect(connection, kind, env)
        request = repr((list(args), cwd, dict(env))).encode()
        descriptors = b"".join(stream.to_bytes(4, sys.byteorder) for stream in streams)
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptors)]
        connection.sendmsg([len(request).to_bytes(4, "big")], rights)
        connection.sendall(request)
        connection.settimeout(LONGEST_S)
        code = int(connection.recv(16) or b"-9")
        connection.close()
        return code

    def _connect(self, connection: _socket.socket, kind: str, env: "Mapping[str, str]") -> None:
        os.makedirs(self.folder, exist_ok=True)
        path = f"{self.folder}/{kind}"
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                connection.connect(path)
            except (FileNotFoundError, ConnectionRefusedError):
                self._start(path, kind, env)
                connection.connect(path)

    def _start(self, path: str, kind: str, env: "Mapping[str, str]") -> None:
        import socket
        import subprocess
        from contextlib import suppress

        with suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            descriptor = listener.fileno()
            words = ["serve", *self.words(), kind, str(descriptor)]
            with open(f"{path}.log", "w") as log:
                process = subprocess.Popen(
                    [sys.executable, "-P", __file__, *words],
                    cwd=self.folder,
                    env={**env, "PYTHONPATH": self.path},
                    pass_fds=[descriptor],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        process.returncode = 0  # nobody waits for it: it ends after this process

    def words(self) -> list[str]:
        """Return the arguments from which a script makes these zygotes again."""
        return [self.folder, str(self.owner), self.path]

    def interpreter(self) -> str:
        """Return a program that takes the arguments of ``python``, and forks what it can."""
        os.makedirs(self.folder, exist_ok=True)
        path = f"{self.folder}/python"
        if not os.path.exists(path):
            import py_compile

            script = f"{self.folder}/zygote.pyc"  # to compile it takes as long as to start
            py_compile.compile(__file__, script, doraise=True)
            words = " ".join(f'"{word}"' for word in (script, "python", *self.words()))
            new = f"{path}.{os.getpid()}"
            with open(new, "w") as file:
                file.write(f'#!/bin/sh\nexec "{sys.executable}" -IS {words} "$@"\n')
            os.chmod(new, 0o755)
            os.replace(new, path)
        return path


def serve(zygotes: Zygotes, kind: str, descriptor: int) -> None:
    """Fork a process for each request until the owner ends; return in the processes."""
    import select
    import shutil
    import socket

    _preload(kind)
    running: Running = {}
    listener = socket.socket(fileno=descriptor)
    while os.path.exists(f"/proc/{zygotes.owner}"):
        watched: list[socket.socket | int] = [listener, *running]
        watched += (end for _, end in running.values())
        ready = select.select(watched, [], [], LOOK_S)[0]
        _finish(running, ready)
        if listener in ready:
            connection, _ = listener.accept()
            request, streams = _received(connection)
            if request is None:
                connection.close()
            elif process := os.fork():
                running[connection] = process, os.pidfd_open(process)
            else:
                for each in (listener, connection, *running):
                    each.close()
                for _, end in running.values():
                    os.close(end)
                return _enter(zygotes, request, streams)
            for stream in streams:
                os.close(stream)
    _finish(running, list(running))
    shutil.rmtree(zygotes.folder, ignore_errors=True)
    os._exit(0)


def _preload(kind: str) -> None:
    import gc
    from importlib import import_module

    if kind == "pytest":
        from _pytest.config import default_plugins

        modules = ["execnet"]
        modules += [f"_pytest.{name}" for name in default_plugins]
        modules += ["pytest_modelbudget.gate.session", "pytest_modelbudget.gate.nodes"]
        modules += ["pytest_modelbudget.report.terminal", "pytest_modelbudget.report.artifacts"]
        modules += ["pytest_modelbudget.report.markdown", "pytest_modelbudget.cli"]
        modules += ["pdb", "pytest_modelbudget.gate.uncollected"]
        import_module("pytest_modelbudget.engine.tool_state").own_code()
        _keep_sources()
    else:
        preloads = import_module(FORK_SERVER).PRELOADS
        del sys.modules[FORK_SERVER]  # it is the main module of the processes
        modules = preloads[kind]
    for name in modules:
        import_module(name)
    installed = import_module("pytest_modelbudget.protocol.installed")
    installed.look_up()
    installed.look_up_loaded()
    _keep_metadata()
    gc.freeze()


def _keep_metadata() -> None:
    """Read the metadata of what is installed once: pytest asks each package for its plugins."""
    from importlib.metadata import EntryPoints, PathDistribution, distributions

    found = [each for each in distributions() if isinstance(each, PathDistribution)]
    points = {str(each._path): each.entry_points for each in found}
    texts = {str(each._path): each.read_text("METADATA") for each in found}
    read, parse = PathDistribution.read_text, PathDistribution.entry_points.__get__

    def read_text(self: PathDistribution, filename: str) -> str | None:
        path = str(self._path)
        return texts[path] if filename == "METADATA" and path in texts else read(self, filename)

    def entry_points(self: PathDistribution) -> EntryPoints:
        path = str(self._path)
        return points[path] if path in points else parse(self)

    PathDistribution.read_text = read_text  # type: ignore[method-assign, assignment]
    PathDistribution.entry_points = property(entry_points)  # type: ignore[method-assign, assignment]


def _keep_sources() -> None:
    """Parse pytest's own sources once: it looks up its frames whenever a session is interrupted.

    A mistake in a budget file interrupts one, and this takes twice as long as all else in it.
    """
    import ast
    from functools import cache
    from types import SimpleNamespace

    from _pytest._code import source
    from _pytest.logging import LoggingPlugin
    from _pytest.main import Session
    from _pytest.terminal import TerminalReporter
    from pluggy import HookCaller, PluginManager

    vars(source)["ast"] = SimpleNamespace(**vars(ast) | {"parse": cache(ast.parse)})
    for each in (Session, HookCaller, PluginManager, LoggingPlugin, TerminalReporter):
        found, line = source.findsource(each.__init__.__code__)
        assert found is not None
        source.getstatementrange_ast(line, found)


def _received(connection: "socket.socket") -> "tuple[Request | None, list[int]]":
    """Return what ``Zygotes.run`` sent, and the streams; None if it ended meanwhile."""
    import ast
    import socket

    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    with connection.makefile("rb") as file:
        text = file.read(int.from_bytes(size, "big"))
    try:
        return ast.literal_eval(text.decode()), streams
    except SyntaxError:
        return None, streams


def _finish(running: "Running", ready: "Collection[object]") -> None:
    """Send the exit codes of those that have ended, and kill those for which nobody waits."""
    import signal
    from contextlib import suppress

    for connection, (process, end) in list(running.items()):
        if connection in ready:  # closed: the tests were interrupted
            for kill in (os.kill, os.killpg):
                with suppress(ProcessLookupError):
                    kill(process, signal.SIGKILL)
        elif end not in ready:
            continue
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with suppress(OSError):  # nobody waits
            connection.sendall(str(code).encode())
        connection.close()
        os.close(end)
        del running[connection]


def _enter(zygotes: Zygotes, request: "Request", streams: "Sequence[int]") -> None:
    """Be the process that was asked for."""
    args, cwd, env = request
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    _become(zygotes, args)


def _become(zygotes: Zygotes, args: list[str]) -> None:
    """Run a module, code or a script as ``python *args`` does."""
    import runpy
    import tempfile

    if not _takes(os.environ.get("PYTHONPATH", ""), zygotes.path):
        os.execv(sys.executable, [sys.executable, *args])
    option = next((each for each in ("-m", "-c") if each in args[:2]), "")
    if args[0] != "-P":
        sys.path.insert(0, os.getcwd() if option else os.path.dirname(args[0]))
    sys.executable = zygotes.interpreter()
    tempfile.tempdir = None
    sys.argv = args[args.index(option) + 1 :] if option else args
    code = 0
    try:
        if option == "-m":
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        elif option == "-c":
            exec(sys.argv[0], {"__name__": "__main__"})
        else:
            runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        code = ended.code or 0
    _end(code)


def _end(code: int) -> None:
    """End as Python does, but do not take all modules down, which takes as long as a short task."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_xdist_worker(args: list[str]) -> bool:
    """Tell whether these are the arguments with which execnet starts a process."""
    return args[:2] == ["-u", "-c"]


def _takes(path: str, inherited: str) -> bool:
    """Take another ``PYTHONPATH``; tell whether that was possible with what is imported already."""
    from importlib import import_module

    folders = [each for each in path.split(os.pathsep) if each not in ("", *inherited.split(":"))]
    names = {name.partition(".")[0] for folder in folders for name in os.listdir(folder)}
    if names & (sys.modules.keys() - {"sitecustomize"}):
        return False
    sys.path[:0] = folders
    if "sitecustomize" in names:
        sys.modules.pop("sitecustomize", None)
        try:
            import_module("sitecustomize")
        except ImportError:
            return False
    return True


def _is_pytest(args: list[str]) -> bool:
    """Tell whether these are the arguments of a session of pytest."""
    return args[:2] == ["-m", "pytest"] or args[:3] == ["-P", "-m", "pytest"]


def stand_in(zygotes: Zygotes, args: list[str]) -> None:
    """Be the interpreter for ``args``: forked if they are of a session of pytest, else itself."""
    if not (FORK_SERVER in args or _is_xdist_worker(args) or _is_pytest(args)):
        os.execv(sys.executable, [sys.executable, *args])
    code = zygotes.run(args, os.getcwd(), os.environ, (0, 1, 2))
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    what, folder, owner, path, *rest = sys.argv[1:]
    zygotes = Zygotes(folder, int(owner), path)
    if what == "serve":
        serve(zygotes, rest[0], int(rest[1]))
    else:
        stand_in(zygotes, rest)
