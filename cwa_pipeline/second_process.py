"""A second process beside the one of a run, for work that would else take the interpreter from everything around it.

What belongs here: handing over a function with its arguments, and handing back its result, its error and its log lines. What must not:
which work is worth it (`assets.resources`).

One interpreter keeps one processor busy, however many threads there are. All goes through the second process's standard input and output:
no other user sees what is in the arguments (a password), and the process ends with the first one, however that ends.
"""

import logging
import logging.handlers
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, BinaryIO, Self, TypeVar

from cwa_pipeline.errors import PipelineError
from cwa_pipeline.memory import give_back_freed_memory
from cwa_pipeline.process import begin, is_imported

Result = TypeVar("Result")

_NICENESS = 5  # where there is such a thing: whoever waits for the first process waits for its threads first
_RESULT, _ERROR, _LOG = "result", "error", "log"


class SecondProcess:
    """Does one thing after the other; it is started for the first, and ends with `close`, done or not."""

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

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Have the function called there; it and its arguments, result and errors have to be picklable.

        The future raises what the function raised, and PipelineError when the process came to an end.
        """
        return self._thread.submit(self._have_done, function, arguments)

    def close(self) -> None:
        """End the process; what it was at is lost."""
        with self._changing:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        self._thread.shutdown(cancel_futures=True)
        if self._process is not None:
            self._process.communicate()

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
            raise PipelineError(
                f"the second process of this run ended before it was done (status {process.wait()}); when its memory ran out, "
                "give this machine more, or let it do less at the same time"
            ) from None
        kind, value = said
        if kind == _ERROR:
            raise value
        return value

    def _running(self) -> subprocess.Popen[bytes]:
        with self._changing:
            if self._closed:
                raise PipelineError("the run is ending already")
            if self._process is None:
                self._process = subprocess.Popen(  # noqa: S603 - our own
                    [sys.executable, "-m", __name__],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C is for the first process, which ends this one
                )
            return self._process


class _Sender(logging.handlers.QueueHandler):
    """Sends each log line to the first process."""

    def enqueue(self, record: logging.LogRecord) -> None:
        _say(self.queue, _LOG, record)


def _say(replies: Any, kind: str, value: object) -> None:
    pickle.dump((kind, value), replies, pickle.HIGHEST_PROTOCOL)
    replies.flush()


def _serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Do what is asked for, until nobody asks any more; of what is done nothing is kept."""
    logging.root.addHandler(_Sender(replies))  # type: ignore[arg-type]
    logging.root.setLevel(logging.INFO)
    with suppress(EOFError):
        while True:
            _say(replies, *_done(*pickle.load(requests)))  # noqa: S301 - of our own process
            give_back_freed_memory()


def _done(function: Callable[..., object], arguments: tuple[Any, ...]) -> tuple[str, object]:
    try:
        return _RESULT, function(*arguments)
    except Exception as error:  # noqa: BLE001 - the first process raises it
        return _ERROR, error


if __name__ == "__main__":
    begin()
    is_imported()
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    own_output = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply
    with os.fdopen(own_output, "wb") as replies:
        _serve(sys.stdin.buffer, replies)
