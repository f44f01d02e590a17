"""dlt reads CWA's lists into SQLite, with our columns: `python -m benchmarks.peers_dlt SERVER FILE`.

It uses dlt's own REST client, as dlt's documentation shows. It prints the seconds of its run, without the imports.
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import dlt
from dlt.sources.helpers.rest_client import RESTClient
from dlt.sources.helpers.rest_client.auth import BearerTokenAuth
from dlt.sources.helpers.rest_client.paginators import PageNumberPaginator

from benchmarks.pages import PAGE

Record = dict[str, Any]
Row = Callable[[Record], Record]


def _computer(record: Record) -> Record:
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


TABLES: dict[str, tuple[str, Row]] = {
    "cwa_clients": ("Clients", lambda of: {"client_id": of["Id"], "name": of["Name"], "external_id": of["ExternalId"]}),
    "cwa_computers": ("Computers", _computer),
    "cwa_groups": ("Groups", lambda of: {"cwa_group_id": of["Id"], "name": of["Name"]}),
    "cwa_group_members": ("GroupComputers", lambda of: {"computer_id": of["ComputerId"], "group_id": of["GroupId"]}),
}


def records(server: str, name: str, row: Row) -> Iterator[list[Record]]:
    """The rows of one list, a page at a time."""
    client = RESTClient(
        base_url=f"{server}/cwa/api/v1/",
        auth=BearerTokenAuth("token"),
        paginator=PageNumberPaginator(base_page=1, page_param="page", total_path=None, stop_after_empty_page=True),
        data_selector="$",
    )
    for page in client.paginate(name, params={"pageSize": PAGE, "orderBy": "Id asc"}):
        yield [row(record) for record in page]


if __name__ == "__main__":
    server, file = sys.argv[1:]
    start = time.perf_counter()
    pipeline = dlt.pipeline(
        "ingest",
        pipelines_dir=f"{file}.dlt",
        destination=dlt.destinations.sqlalchemy(f"sqlite:///{file}"),
        dataset_name="main",
    )
    lists = [(table, records(server, name, row)) for table, (name, row) in TABLES.items()]
    pipeline.run([dlt.resource(pages, name=table, write_disposition="replace") for table, pages in lists])
    print(time.perf_counter() - start)
