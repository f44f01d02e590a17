"""A second process beside the one of a run, for work that would else take the interpreter from everything around it.

What belongs here: handing over a function with its arguments, and handing back its result, its error and its log lines (from INFO on).
What must not: which work is worth it (`assets.second_process`).

One interpreter keeps one processor busy, however many threads there are. All goes through the second process's standard input and output:
no other user sees what is in the arguments (a password), and a second process that nobody listens to any more ends.
"""

import gc
import logging
import logging.handlers
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Self, TypeVar

from cwa_pipeline.errors import PipelineError, SecondProcessError
from cwa_pipeline.memory import give_back_freed_memory
from cwa_pipeline.process import begin

Result = TypeVar("Result")

# Nothing of the working folder is imported by it (-P): it has every secret in its environment.
_COMMAND = [sys.executable, "-P", "-m", "cwa_pipeline.second_process"]
_SESSION = Path("/proc/self/autogroup")
_LAST = 19  # of all niceness: whoever does not wait gets what nobody else wants of the processors
_PIPE_BYTES = (
    1 << 20
)  # by the usual 64 KiB at a time, a busy interpreter takes ten times as long to receive a million rows
_PARENT_SECONDS = 1  # between two looks whether the first process is still there
_RESULT, _ERROR, _LOG = "result", "error", "log"

log = logging.getLogger("cwa_pipeline.second_process")


def unhurried(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function for which nobody waits yet; to be submitted. The process stays as slow from there on."""
    if hasattr(os, "nice"):
        os.nice(_LAST)
    with suppress(OSError):  # Linux shares the processors out by session first, where it has this file
        _SESSION.write_text(str(_LAST))
    return function(*arguments)


class SecondProcess:
    """Does one thing after the other; it is started for the first, and ends with `close`, done or not, or takes a `rest`."""

    def __init__(self) -> None:
        """Nothing is started yet."""
        self._thread = ThreadPoolExecutor(1, "second-process")
        self._process: subprocess.Popen[bytes] | None = None
        self._changing = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def is_closed(self) -> bool:
        """Whether it was ended, and nothing can be submitted any more."""
        return self._closed

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have the function called there; it and its arguments, result and errors have to be picklable.

        The future raises what the function raised, and SecondProcessError when the process came to an end.
        """
        return self._thread.submit(self._have_done, function, arguments)

    def close(self) -> None:
        """End the process; what it was at is lost. A second time is harmless."""
        with self._changing:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def rest(self) -> None:
        """End the process once what was submitted is done; it is started anew for what is submitted from now on."""
        with self._changing:  # `close` may come from another thread
            if not self._closed:
                self._thread.submit(self._end_process)

    def _end_process(self) -> None:
        with self._changing:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None

    def _have_done(self, function: Callable[..., Result], arguments: tuple[Any, ...]) -> Result:
        process = self._running()
        assert process.stdin is not None  # noqa: S101 - asked for
        assert process.stdout is not None  # noqa: S101 - asked for
        try:
            pickle.dump((function, arguments), process.stdin, pickle.HIGHEST_PROTOCOL)
            process.stdin.flush()
            while (said := pickle.load(process.stdout))[0] == _LOG:  # noqa: S301 - of our own process
                logger = logging.getLogger(said[1].name)
                if logger.isEnabledFor(said[1].levelno):
                    logger.handle(said[1])
        except (EOFError, OSError, pickle.UnpicklingError):  # the last one: in the middle of its reply
            raise SecondProcessError(self._why_it_ended(process.wait())) from None
        kind, value = said
        if kind == _ERROR:
            raise value
        return value

    def _running(self) -> subprocess.Popen[bytes]:
        with self._changing:
            if self._closed:
                raise SecondProcessError("the run is ending already")
            if self._process is not None and self._process.poll() is not None:
                self._process.communicate()
                self._process = None
            if self._process is None:
                try:
                    self._process = subprocess.Popen(  # noqa: S603 - our own
                        _COMMAND,
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        start_new_session=True,  # Ctrl-C is for the first process, which ends this one
                    )
                except OSError as error:
                    raise SecondProcessError(
                        f"the second process of this run cannot be started ({error.strerror}); look at the machine's memory and limits"
                    ) from None
                _widen(self._process.stdin)
                _widen(self._process.stdout)
            return self._process

    def _why_it_ended(self, status: int) -> str:
        if self._closed:
            return "the run ended before its second process was done"
        if status == -signal.SIGKILL:
            return "the second process of this run was killed, most likely since memory ran out; give this machine more"
        return f"the second process of this run ended before it was done (status {status}); its last words are in the run's stderr"


def _widen(pipe: Any) -> None:
    """Let a pipe take more at once, where the system has a way and lets this account; by the usual width it only takes longer."""
    if sys.platform == "linux":
        import fcntl  # noqa: PLC0415 - not there on every system

        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class _Sender(logging.handlers.QueueHandler):
    """Sends each log line to the first process."""

    def enqueue(self, record: logging.LogRecord) -> None:
        _say(self.queue, _LOG, record)


def _say(replies: Any, kind: str, value: object) -> None:
    reply = pickle.dumps((kind, value), pickle.HIGHEST_PROTOCOL)  # first as a whole: half a reply would have no end
    replies.write(reply)
    replies.flush()


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Do what is asked for, until nobody asks any more; of what is done nothing is kept."""
    logging.root.addHandler(_Sender(replies))  # type: ignore[arg-type]
    logging.root.setLevel(logging.INFO)
    with suppress(EOFError):
        while True:
            _do(replies, *pickle.load(requests))  # noqa: S301 - of our own process
            give_back_freed_memory()


def _do(replies: BinaryIO, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    try:
        _say(replies, _RESULT, function(*arguments))
    except BrokenPipeError:
        raise
    except PipelineError as error:
        _say(replies, _ERROR, error)
    except Exception as error:
        log.exception("The second process failed; what raised it:")
        _say(replies, _ERROR, _as_it_arrives(error))


def _as_it_arrives(error: Exception) -> Exception:
    """The error, or its words where it cannot be sent as it is."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever its class does
        return SecondProcessError(f"{type(error).__name__}: {error}")
    return error


def _end_with(parent: int) -> NoReturn:
    """End at once when the first process is not there any more, whatever is being done."""
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    begin()
    gc.enable()  # what it needs is imported with the first thing that it is asked for
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    own_output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    with os.fdopen(own_output, "wb") as replies:
        _serve(sys.stdin.buffer, replies)
