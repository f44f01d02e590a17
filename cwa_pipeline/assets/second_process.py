"""The second process as a Dagster resource: which work is worth it.

What belongs here: when it is used, and that it ends with the run. What must not: how it is talked to (`cwa_pipeline.second_process`).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg
from pydantic import PrivateAttr

from cwa_pipeline.second_process import SecondProcess, unhurried

Result = TypeVar("Result")

# Rows. A process takes 0.7 s to start, in which this one reads as many out of PCRT twice over.
WORTH_A_PROCESS = 250_000


class SecondProcessResource(dg.ConfigurableResource):
    """A second process for what takes a large shop long; a run of a small one does without."""

    _process: SecondProcess = PrivateAttr()
    _begun: dict[Callable[..., object], Future[Any]] = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["SecondProcessResource"]:
        """Start nothing yet; end what was started."""
        self._begun = {}
        with SecondProcess() as self._process:
            yield self

    def end(self) -> None:
        """End it, whatever it is at: the run has failed, or is cancelled."""
        self._process.close()

    def is_worth(self, rows: int) -> bool:
        """Whether work that goes through so many rows is to be submitted to it."""
        return rows >= WORTH_A_PROCESS

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Have a function called there, after what was submitted before; the future raises what it raises."""
        return self._process.submit(function, *arguments)

    def begin(self, rows: int, function: Callable[..., object], *arguments: object) -> None:
        """Begin in the second process what `work` will be asked for, once, later in this run; nothing if it is not worth one."""
        if self.is_worth(rows):
            self._begun[function] = self.submit(unhurried, function, *arguments)

    def work(self, rows: int, function: Callable[..., Result], *arguments: object) -> Result:
        """What a function that goes through so many rows gives, from the second process if they are worth it. Raises what it raises."""
        if not self.is_worth(rows):
            return function(*arguments)
        begun = self._begun.pop(function, None)
        return (begun or self.submit(function, *arguments)).result()
