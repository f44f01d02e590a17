"""Every HTTP request of a sync fails, once and for good: either the retry mends it, or the run fails and PCRT is as before."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from cwa_pipeline.assets import resources
from cwa_pipeline.commands.demo.msp import invented_msp
from cwa_pipeline.commands.demo.stand_in import Behaviour, Fault, Request
from cwa_pipeline.cwa.client import CwaClient, RetryPolicy
from cwa_pipeline_tests.faults.conftest import Tally
from cwa_pipeline_tests.faults.trial import Trial, sample
from cwa_pipeline_tests.shop import open_shop

ONCE_IN_SHORT, FOR_GOOD_IN_SHORT = 4, 1  # of the eight faults
PAGE_CAP = 12  # so that the computers and the memberships of the small invented shop come in several pages
# A request of the stand-in takes milliseconds; the hang has to be given up before the test is tired of it.
QUICK = RetryPolicy(read_timeout=1, tries=3, first_pause=0.001, longest_pause=0.01, longest_retry_after=0.02)

FAULTS = {
    "500": Fault(status=500),
    "502 with HTML": Fault(status=502, body="<html><h1>502 Bad Gateway</h1></html>"),
    "429 with Retry-After": Fault(status=429, body="", headers={"Retry-After": "1"}),
    "401": Fault(status=401, body='{"Message": "Authorization has been denied for this request."}'),
    "reset": Fault("reset"),
    "cut body": Fault("cut"),
    "HTML with 200": Fault(status=200, body="<html><form>Log in</form></html>"),
    "hang": Fault("hang"),
}


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, right_lists: dict[int, str]) -> Iterator[Trial]:
    """One shop for all of the faults; each is followed by a reset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resources, "CwaClient", partial(CwaClient, retry=QUICK))
        with open_shop(
            tmp_path_factory.mktemp("http"), *invented_msp(), behaviour=Behaviour(page_cap=PAGE_CAP)
        ) as shop:
            yield Trial.prepare(shop, right_lists)


@pytest.fixture(scope="module")
def requests(trial: Trial) -> list[Request]:
    """The requests of an undisturbed sync, in their order."""
    trial.reset()
    del trial.shop.server.requests[:]
    assert trial.shop.sync().succeeded
    return list(trial.shop.server.requests)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each fault once, and for good: all of them, or in the short form a few."""
    if "for_good" in metafunc.fixturenames:
        full = metafunc.config.getoption("--faults") == "full"
        for_good = sample([*FAULTS], FOR_GOOD_IN_SHORT, "HTTP for good", full=full)
        once = sample([*FAULTS], ONCE_IN_SHORT, "HTTP once", full=full)
        cases = [*((fault, False) for fault in once), *((fault, True) for fault in for_good)]
        ids = [f"{fault} {'for good' if stays else 'once'}" for fault, stays in cases]
        metafunc.parametrize(("fault", "for_good"), cases, ids=ids)


def nth_request(number: int, fault: Fault, *, for_good: bool) -> Callable[[Request], Fault | None]:
    """Order a fault for the n-th request from now on, and `for_good` for every other try to get the same."""
    seen: list[Request] = []

    def ordered(request: Request) -> Fault | None:
        seen.append(request)
        if len(seen) <= number:
            return None
        wanted = seen[number]
        again = for_good and (request.path, request.query) == (wanted.path, wanted.query)
        return fault if request is wanted or again else None

    return ordered


def test_a_request_that_fails_is_mended_by_the_retry_or_the_run_fails_and_pcrt_is_as_before(
    trial: Trial, requests: list[Request], tally: Tally, full: bool, fault: str, for_good: bool
) -> None:
    for number in sample(range(len(requests)), 1, f"{fault} {for_good}", full=full):
        request = requests[number]
        what = f"HTTP {fault} {'for good' if for_good else 'once'} at request {number}, {request.method} {request.path}"
        trial.reset()
        trial.shop.server.behaviour.faults = nth_request(number, FAULTS[fault], for_good=for_good)
        outcome = trial.shop.sync()
        trial.shop.server.behaviour.faults = None
        trial.judge(f"HTTP: {fault}", tally, what, outcome, "nothing")
        # A log-in is never tried again (that could lock the account), and a log-in page is no passing fault.
        mended = not for_good and request.method == "GET" and fault != "HTML with 200"
        assert outcome.succeeded == mended, f"{what}: {outcome.problems}"


def test_after_a_failed_read_the_next_sync_ends_as_the_undisturbed_one(trial: Trial, requests: list[Request]) -> None:
    trial.reset()
    trial.shop.server.behaviour.faults = nth_request(len(requests) - 1, FAULTS["500"], for_good=True)
    assert not trial.shop.sync().succeeded
    trial.shop.server.behaviour.faults = None
    trial.assert_the_next_sync_puts_it_right("HTTP 500 for good at the last request")


def test_the_sync_under_fault_gets_every_list_in_pages(requests: list[Request]) -> None:
    assert [request.method for request in requests].count("POST") == 1
    assert {request.path.rpartition("/")[2] for request in requests} == {
        "apitoken", "Clients", "Computers", "Groups", "GroupComputers",
    }  # fmt: skip
    assert len(requests) > 7
