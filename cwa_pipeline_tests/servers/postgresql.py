"""A private PostgreSQL for the tests."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from itertools import count
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy.engine import URL

from cwa_pipeline_tests.servers import START_SECONDS, free_port, program, wait_until

DEBIAN_FOLDERS = Path("/usr/lib/postgresql")  # Debian and Ubuntu keep the server's programs here, off the PATH
SUPERUSER = "postgres"
# Text sorts naturally, as on a real server, so that code which relies on the order of bytes fails. ICU needs PostgreSQL 15.
LOCALE = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
OF_MANY_HOSTS = 400  # connections: some for each of thirty code servers and their runs


class PostgresqlServer:
    """One running server; `new_database()` gives each test a database of its own."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path, port: int) -> None:
        self.process = process
        self.port = port
        self._folder = folder
        self._numbers = count(1)

    @classmethod
    def start(cls, folder: Path, also_on: str | None = None) -> Self:
        """Start a server with its data in `folder`; ServerNotAvailable if the machine has no PostgreSQL.

        It answers on 127.0.0.1, and also on the address `also_on` to its /24 network, that of a test's network namespaces.
        PostgreSQL refuses to run as root. As root, the data goes into a folder of the account that runs the server.
        """
        newest_first = sorted(DEBIAN_FOLDERS.glob("*/bin"), key=lambda bin: float(bin.parent.name), reverse=True)
        programs = Path(program("initdb", newest_first, "postgresql")).resolve().parent
        account: dict[str, object] = {}
        if os.geteuid() == 0:
            owner = _unprivileged_account()
            folder = Path(tempfile.mkdtemp(prefix="cwa_pipeline_postgresql_", dir="/tmp"))
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data, log, port = folder / "data", folder / "log", free_port()
        initdb = [programs / "initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync", *LOCALE]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)  # type: ignore[call-overload]
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "lc_messages=C"]
        if also_on:
            with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
                rules.write(f"host all all {also_on}/24 trust\n")
            settings += [f"listen_addresses=127.0.0.1,{also_on}", f"max_connections={OF_MANY_HOSTS}"]
        options = [argument for setting in settings for argument in ("-c", setting)]
        with log.open("wb") as output:
            process = subprocess.Popen(  # type: ignore[call-overload]
                [programs / "postgres", "-D", data, "-p", str(port), *options],
                stdout=output,
                stderr=output,
                cwd=folder,
                **account,
            )
        server = cls(process, folder, port)
        wait_until(lambda: psycopg.connect(server._conninfo).close(), process, log)
        return server

    def new_database(self) -> URL:
        """An empty database, as a SQLAlchemy URL."""
        name = f"warehouse_{next(self._numbers)}"
        with psycopg.connect(self._conninfo, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return URL.create("postgresql", username=SUPERUSER, host="127.0.0.1", port=self.port, database=name)

    def stop(self) -> None:
        """End the server at once (SIGQUIT) and remove its data."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(START_SECONDS)
        shutil.rmtree(self._folder)

    @property
    def _conninfo(self) -> str:
        return f"host=127.0.0.1 port={self.port} user={SUPERUSER} dbname={SUPERUSER}"


def _unprivileged_account() -> pwd.struct_passwd:
    """The account that runs the server when we are root: PostgreSQL's own if there is one."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
