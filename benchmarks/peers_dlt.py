"""The third peer: dlt, for the ingest of CWA's computers into SQLite with our columns: `python -m benchmarks.peers_dlt SERVER FILE`.

What belongs here: the extraction by dlt's own REST client, and its load. What must not: a short cut that dlt's documentation does not
show. A process of its own, for dlt keeps state; it prints the seconds of its run, imports left out.
"""

import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from benchmarks.pages import PAGE
from cwa_pipeline.tables import CwaComputers


def computers(server: str) -> Iterator[list[dict[str, Any]]]:
    """The computers with the columns of `cwa_computers`, a page at a time."""
    log_in = RESTClient(base_url=f"{server}/cwa/api/")
    account = {"Username": os.environ["CWA_USERNAME"], "Password": os.environ["CWA_PASSWORD"]}
    token = log_in.post("v1/apitoken", json=account).json()["AccessToken"]
    client = RESTClient(
        base_url=f"{server}/cwa/api/",
        headers={"clientId": os.environ["CWA_CLIENT_ID"]},
        auth=BearerTokenAuth(token),
        paginator=PageNumberPaginator(base_page=1, page_param="page", total_path=None, stop_after_empty_page=True),
        data_selector="$",
    )
    for page in client.paginate("v1/Computers", params={"pageSize": PAGE, "orderBy": "Id asc"}):
        yield [_row(record) for record in page]


def _row(record: dict[str, Any]) -> dict[str, Any]:
    serial = record["SerialNumber"]
    return {
        "computer_id": int(record["Id"]),
        "name": record["ComputerName"],
        "client_id": int(record["Client"]["Id"]),
        "serial_number": serial,
        "serial_number_normalised": " ".join((serial or "").split()).casefold(),
        "asset_tag": record["AssetTag"],
        "last_contact": record["RemoteAgentLastContact"],
        "last_user": record["LastUserName"],
        "make": record["BiosManufacturer"],
    }


def main() -> None:
    server, file = sys.argv[1:]
    types = CwaComputers.to_schema().dtypes
    columns: Any = {name: {"data_type": "bigint" if str(types[name]).lower() == "int64" else "text"} for name in types}
    start = time.perf_counter()
    pipeline = dlt.pipeline(
        "ingest",
        pipelines_dir=f"{file}.dlt",
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{file}"),
        dataset_name="main",
    )
    resource = dlt.resource(computers(server), name="cwa_computers", columns=columns, write_disposition="replace")
    pipeline.run(resource)
    print(time.perf_counter() - start)


if __name__ == "__main__":
    main()
