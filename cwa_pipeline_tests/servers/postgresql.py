"""A private PostgreSQL for the tests: its own data folder and free loopback port, ended by its process id.

What belongs here: starting, ending and handing out empty databases. What must not: the warehouse's tables.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Self

import psycopg
from sqlalchemy.engine import URL

from cwa_pipeline_tests.servers import ServerNotAvailable, free_port

DEBIAN_FOLDERS = Path("/usr/lib/postgresql")  # Debian and Ubuntu keep the server's programs here, off the PATH
SUPERUSER = "postgres"
# a natural order of text, as a real server has it: what relies on the order of bytes fails here. ICU needs PostgreSQL 15
LOCALE = ("--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US")
START_SECONDS = 30  # a cold start takes about one second; a loaded machine gets time
POLL_SECONDS = 0.05
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
        """Start a server with its data in `folder`; raises ServerNotAvailable when its programs are not here.

        It answers on 127.0.0.1, and also on the address `also_on` to its /24 network: that of a test's own network namespaces.

        PostgreSQL refuses to run as root, and pytest's folders are root's alone: as root, the data goes into a folder
        of the account that the server runs as.
        """
        programs = _programs()
        account: dict[str, object] = {}
        if os.geteuid() == 0:
            owner = _unprivileged_account()
            folder = Path(tempfile.mkdtemp(prefix="cwa_pipeline_postgresql_", dir="/tmp"))
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            account = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        data, port = folder / "data", free_port()
        initdb = [programs / "initdb", "-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-sync", *LOCALE]
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **account)  # type: ignore[call-overload]
        settings = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "lc_messages=C"]
        if also_on:
            with (data / "pg_hba.conf").open("a", encoding="ascii") as rules:
                rules.write(f"host all all {also_on}/24 trust\n")
            settings += [f"listen_addresses=127.0.0.1,{also_on}", f"max_connections={OF_MANY_HOSTS}"]
        options = [argument for setting in settings for argument in ("-c", setting)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # type: ignore[call-overload]
                [programs / "postgres", "-D", data, "-p", str(port), *options],
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                **account,
            )
        server = cls(process, folder, port)
        server._wait_until_it_answers()
        return server

    def new_database(self) -> URL:
        """An empty database, as a SQLAlchemy URL."""
        name = f"warehouse_{next(self._numbers)}"
        with psycopg.connect(self._conninfo(SUPERUSER), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return URL.create("postgresql", username=SUPERUSER, host="127.0.0.1", port=self.port, database=name)

    def stop(self) -> None:
        """End the server at once (SIGQUIT: it need not put anything in order) and remove its data."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(START_SECONDS)
        shutil.rmtree(self._folder)

    def _conninfo(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user={SUPERUSER} dbname={database}"

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._conninfo(SUPERUSER)).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()}") from None
                time.sleep(POLL_SECONDS)


def _programs() -> Path:
    """The folder of `initdb` and `postgres`: from the PATH, else of the newest version that Debian has installed."""
    on_path = shutil.which("initdb")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(DEBIAN_FOLDERS.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise ServerNotAvailable("PostgreSQL's initdb and postgres are not on this machine: apt-get install postgresql")


def _unprivileged_account() -> pwd.struct_passwd:
    """The account to run the server as when we are root: PostgreSQL's own if there is one."""
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")
