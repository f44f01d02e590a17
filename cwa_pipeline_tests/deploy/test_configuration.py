"""Dagster loads the shipped dagster.yaml and workspace.yaml; compose.yaml, Helm values and Containerfile name only what exists."""

import inspect
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef
from dagster._core.workspace.load import location_origins_from_yaml_paths

from cwa_pipeline.assets.jobs import HOST_TAG, SITE_TAG
from cwa_pipeline.config import environment
from cwa_pipeline_tests.deploy.shipped import BIN, DEPLOY, UNITS
from cwa_pipeline_tests.servers.postgresql import PostgresqlServer

PIPELINE_READS = set(re.findall(r'"([A-Z][A-Z_]+)"', inspect.getsource(environment)))
CODE_SERVER = ["dagster", "api", "grpc", "-m", "cwa_pipeline.definitions"]


def loaded(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: PostgresqlServer) -> Path:
    url = postgresql_server.new_database().set(drivername="postgresql+psycopg2")
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", url.render_as_string(hide_password=False))
    (tmp_path / "dagster.yaml").write_text((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_dagster_loads_its_configuration_and_keeps_its_runs_in_postgresql(home: Path) -> None:
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        assert instance.get_runs() == []
        assert instance.run_monitoring_enabled
        assert not instance.telemetry_enabled
        limits = {
            limit["key"]: limit["limit"]
            for limit in instance.run_coordinator.inst_data.config_dict["tag_concurrency_limits"]
        }
    assert limits == {SITE_TAG: 1, HOST_TAG: 4}
    with psycopg.connect(os.environ["DAGSTER_POSTGRES_URL"].replace("+psycopg2", "")) as connection:
        tables = {name for (name,) in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
    assert {"runs", "event_logs", "job_ticks"} <= tables


@pytest.mark.parametrize("name", ["workspace.yaml", "workspace.compose.yaml"])
def test_dagster_finds_a_code_server_per_site(name: str) -> None:
    origins = location_origins_from_yaml_paths([str(DEPLOY / name)])
    assert len(origins) == len(loaded(name)["load_from"])
    assert len({(origin.host, origin.port) for origin in origins}) == len(origins)  # type: ignore[attr-defined]


def test_a_container_of_each_site_runs_where_the_workspace_looks_for_it_with_its_own_secrets() -> None:
    services, secrets = loaded("compose.yaml")["services"], loaded("compose.yaml")["secrets"]
    sites = [entry["grpc_server"] for entry in loaded("workspace.compose.yaml")["load_from"]]
    for site in sites:
        service = services[site["host"]]
        assert site["location_name"] == site["host"]
        assert "command" not in service  # the image's own, which listens on the port that the workspace names
        given = {secret["target"]: secret["source"] for secret in service["secrets"]}
        assert {f"/run/secrets/{name}" for name in given} == {
            path for name, path in service["environment"].items() if name.endswith("_FILE")
        }
        own = [name for name in given.values() if name != "warehouse_url"]
        assert all(name.startswith(f"{site['host']}_") for name in own)
        assert all(f"/{site['host']}/" in secrets[name]["file"] for name in own)
        assert any(f"/sites/{site['host']}/cwa_pipeline.toml" in volume for volume in service["volumes"])
    used = {secret["source"] for service in services.values() for secret in service.get("secrets", [])}
    assert used == secrets.keys()


def test_containers_start_existing_programs_and_open_ports_only_to_this_machine() -> None:
    for service in loaded("compose.yaml")["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        if "command" in service:
            assert (BIN / service["command"][0]).exists()
            assert service["command"][service["command"].index("-w") + 1] == "/etc/cwa-pipeline/workspace.yaml"
            assert any(volume.endswith(":/etc/cwa-pipeline/workspace.yaml:ro") for volume in service["volumes"])


def test_the_image_is_made_from_existing_files() -> None:
    text = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    [start] = re.findall(r"^CMD (\[.+\])$", text, re.MULTILINE)
    assert yaml.safe_load(start)[:5] == CODE_SERVER
    assert all((DEPLOY.parent / path).exists() for path in re.findall(r"COPY --chown=\S+ (\S+)", text))
    assert all((DEPLOY.parent / path).exists() for path in re.findall(r"-r /source/(\S+)", text))
    extras = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    assert {"many-hosts", "kubernetes"} == extras.keys()


def test_the_chart_gets_a_deployment_per_site_with_volumes_of_its_own() -> None:
    deployments = loaded("helm-values.yaml")["dagster-user-deployments"]["deployments"]
    assert len({deployment["name"] for deployment in deployments}) == len(deployments) > 1
    for deployment in deployments:
        assert deployment["dagsterApiGrpcArgs"] == CODE_SERVER[3:]
        volumes = {volume["name"]: volume for volume in deployment["volumes"]}
        assert volumes.keys() == {mount["name"] for mount in deployment["volumeMounts"]}
        assert volumes["config"]["configMap"]["name"] == f"{deployment['name']}-config"
        assert volumes["secrets"]["secret"]["secretName"] == f"{deployment['name']}-secrets"


def test_every_secret_comes_from_a_file_that_the_pipeline_reads() -> None:
    unit = (UNITS / "cwa-code-server@.service").read_text(encoding="utf-8")
    in_unit = re.findall(r"^Environment=([A-Z_]+)_FILE=%d/cwa_([A-Z_]+)$", unit, re.MULTILINE)
    assert all(variable == credential for variable, credential in in_unit)
    in_compose = loaded("compose.yaml")["services"]["tampa"]["environment"]
    in_chart = {
        entry["name"] for entry in loaded("helm-values.yaml")["dagster-user-deployments"]["deployments"][0]["env"]
    }
    for names in ({f"{variable}_FILE" for variable, _ in in_unit}, {*in_compose}, in_chart):
        files = {name.removesuffix("_FILE") for name in names if name.endswith("_FILE")}
        assert {"CWA_USERNAME", "CWA_PASSWORD", "CWA_CLIENT_ID", "PCRT_DATABASE_URL", "WAREHOUSE_URL"} <= files
        assert files <= PIPELINE_READS
