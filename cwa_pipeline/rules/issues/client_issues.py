"""The issues of clients."""

import pandas as pd

from cwa_pipeline.rules.frames import as_table
from cwa_pipeline.rules.issues.kinds import issue_rows
from cwa_pipeline.tables import ClientIssues


def client_issues(cwa_clients: pd.DataFrame, client_groups: pd.DataFrame) -> pd.DataFrame:
    """List the issues of all clients.

    - `no_pcrt_group`: a client tied to no group.
    - `shared_external_id`: two clients tied to one group; a row for each of them.

    Returns a `client_issues` table.
    """
    clients = cwa_clients.rename(columns={"name": "client_name"}).merge(client_groups, on="client_id")
    tied = clients["group_id"].notna()
    untied_clients = clients[~tied]
    return as_table(
        pd.concat(
            [
                issue_rows(untied_clients, "no_pcrt_group", untied_clients["reason"]),
                issue_rows(clients[tied & clients["group_id"].duplicated(keep=False)], "shared_external_id"),
            ]
        ),
        ClientIssues,
    )
