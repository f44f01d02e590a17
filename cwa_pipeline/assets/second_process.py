"""The second process as a Dagster resource: which work is worth it.

What belongs here: when it is used, and that it ends with the run. What must not: how it is talked to (`cwa_pipeline.second_process`).
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

import dagster as dg
from pydantic import PrivateAttr

from cwa_pipeline import second_process_early
from cwa_pipeline.errors import PipelineError
from cwa_pipeline.second_process import SecondProcess, unhurried

Result = TypeVar("Result")

# Rows. Of more, both at work at once take more memory than a middle shop's run does at any other moment; WORTH_A_PROCESS are worth that.
MOST_BESIDE_THE_RULES = 50_000


class SecondProcessResource(dg.ConfigurableResource):
    """A second process for what takes a large shop long; one that was begun early helps any but a small shop's run, which lets it go."""

    _process: SecondProcess = PrivateAttr()
    _pcids: Future[int] | None = PrivateAttr()
    _is_there: bool = PrivateAttr()
    _begun: dict[Callable[..., object], Future[Any]] = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["SecondProcessResource"]:
        """Start nothing yet, or take over what was begun with the command; end what was started."""
        self._begun = {}
        early = second_process_early.taken_over()
        self._pcids, self._is_there = early.pcids if early else None, early is not None
        with early.process if early else SecondProcess() as self._process:
            yield self

    def end(self) -> None:
        """End it, whatever it is at: the run has failed, or is cancelled."""
        self._process.close()

    def is_worth_reading(self, count_pcids: Callable[[], int]) -> bool:
        """Whether PCRT is to be read by it; when it was begun early and is not worth it, it ends."""
        try:
            pcids = self._pcids.result() if self._pcids else count_pcids()
        except PipelineError:  # it could not even ask; who asks here says why not
            if self._process.is_closed:
                raise
            pcids = count_pcids()
        is_worth = pcids >= (
            second_process_early.WORTH_ASKING if self._is_there else second_process_early.WORTH_A_PROCESS
        )
        if not is_worth:
            self.rest()
        return is_worth

    def submit(self, function: Callable[..., Result], *arguments: object) -> Future[Result]:
        """Have a function called there, after what was submitted before; the future raises what it raises."""
        return self._process.submit(function, *arguments)

    def begin(self, rows: int, function: Callable[..., object], *arguments: object) -> None:
        """Begin in the second process what `work` will be asked for, once, later in this run; if it is not worth one, let go of it."""
        is_worth_asking = self._is_there and second_process_early.WORTH_ASKING <= rows <= MOST_BESIDE_THE_RULES
        if is_worth_asking or rows >= second_process_early.WORTH_A_PROCESS:
            self._begun[function] = self.submit(unhurried, function, *arguments)
        else:
            self.rest()

    def work(self, rows: int, function: Callable[..., Result], *arguments: object) -> Result:
        """What a function that goes through so many rows gives: of what was begun, or from where they are worth it. Raises what it does."""
        begun = self._begun.pop(function, None)
        if begun is None and rows < second_process_early.WORTH_A_PROCESS:
            return function(*arguments)
        return (begun or self.submit(function, *arguments)).result()

    def rest(self) -> None:
        """Let go of it and its memory once what was submitted is done; it would be started anew."""
        self._is_there = False
        self._process.rest()
