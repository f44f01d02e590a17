"""What does not line up about a client."""

from cwa_pipeline.tables import ClientIssues
from cwa_pipeline_tests.worlds import Client, PcrtGroup, World, assert_is_table, records_of

GROUPS = [PcrtGroup(101), PcrtGroup(102)]


def issues_of(*clients: Client) -> list[tuple[object, ...]]:
    world = World(clients=clients, pcrt_groups=GROUPS)
    assert_is_table(world.client_issues, ClientIssues)
    return records_of(world.client_issues, "client_id", "issue", "reason", "severity")


def test_a_client_tied_to_no_group_is_the_issue_no_pcrt_group_with_the_reason() -> None:
    assert issues_of(Client(1), Client(2, "Acme"), Client(3, "999"), Client(4, "101")) == [
        (1, "no_pcrt_group", "external_id_missing", "error"),
        (2, "no_pcrt_group", "external_id_invalid", "error"),
        (3, "no_pcrt_group", "group_does_not_exist", "error"),
    ]


def test_two_clients_tied_to_one_group_share_an_external_id() -> None:
    assert issues_of(Client(1, "101"), Client(2, " 0101 "), Client(3, "102")) == [
        (1, "shared_external_id", None, "warning"),
        (2, "shared_external_id", None, "warning"),
    ]


def test_clients_tied_to_no_group_share_nothing() -> None:
    assert {issue for _, issue, _, _ in issues_of(Client(1, "999"), Client(2, "999"))} == {"no_pcrt_group"}


def test_an_issue_shows_the_client_and_its_external_id_as_read() -> None:
    world = World(clients=[Client(7, " Acme ", "Acme Inc")])
    columns = ("issue_key", "client_name", "external_id")
    assert records_of(world.client_issues, *columns) == [("client:7:no_pcrt_group", "Acme Inc", " Acme ")]
