"""A private MariaDB for the tests: its own data folder, a free loopback port, ended by its process id."""

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

import pymysql
from sqlalchemy.engine import URL

from cwa_pipeline_tests.servers import ServerNotAvailable, free_port

START_TRIES = 3  # a port that was free may be taken by the time the server binds it
START_SECONDS = 60  # about two are usual; a busy machine takes longer
STOP_SECONDS = 20
LONGEST_SOCKET_PATH = 107  # of sockaddr_un; MariaDB will not start with a longer one
USER = "tests"

INSTALL_OPTIONS = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
SERVER_OPTIONS = (
    *("--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--max-connections=60"),
    # Small and quick to start and to end; nothing here has to outlive the machine's power.
    *("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--key-buffer-size=1M", "--performance-schema=OFF"),
    *("--innodb-flush-log-at-trx-commit=2", "--innodb-fast-shutdown=2"),
)


class MariadbServer:
    """One running mariadbd; `new_database()` gives each test a database of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, socket_file: Path, password: str) -> None:
        self.process = process
        self.port = port
        self._socket_file = socket_file
        self._password = password

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start one with its data in `folder`; ServerNotAvailable when the machine has no MariaDB."""
        mariadbd, install = _program("mariadbd"), _program("mariadb-install-db")
        data, temporary = folder / "data", folder / "tmp"
        temporary.mkdir(exist_ok=True)
        # A server that starts removes the temporary tables that it finds, and in /tmp they would be another one's.
        environment = os.environ | {"TMPDIR": str(temporary)}
        as_root = ["--user=root"] if os.geteuid() == 0 else []
        installed = subprocess.run(
            [install, "--no-defaults", f"--datadir={data}", *INSTALL_OPTIONS, *as_root],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if installed.returncode:
            raise RuntimeError(f"MariaDB's tables could not be made:\n{installed.stdout[-2000:]}")
        socket_file = folder / "mariadb.sock"
        if len(os.fsencode(socket_file)) > LONGEST_SOCKET_PATH:
            socket_file = Path(tempfile.mkdtemp(prefix="mariadb-")) / "mariadb.sock"
        log = folder / "mariadb.log"
        for _ in range(START_TRIES):
            port = free_port()
            own = [
                f"--datadir={data}",
                f"--socket={socket_file}",
                f"--port={port}",
                f"--pid-file={folder / 'mariadb.pid'}",
            ]
            with log.open("ab") as output:
                process = subprocess.Popen(
                    [mariadbd, "--no-defaults", *own, *SERVER_OPTIONS, *as_root],
                    env=environment,
                    stdout=output,
                    stderr=output,
                )
            server = cls(process, port, socket_file, secrets.token_hex(8))
            if server._answers():
                server._as_root(f"CREATE USER {USER}@'%' IDENTIFIED BY '{server._password}'")
                server._as_root(f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION")
                return server
            server.stop()
        raise RuntimeError(f"MariaDB did not start; see {log}:\n{log.read_text(errors='replace')[-2000:]}")

    def new_database(self, charset: str = "utf8mb4") -> URL:
        """An empty database with a random name, as an account that may do everything."""
        name = f"pcrt_{secrets.token_hex(6)}"
        self._as_root(f"CREATE DATABASE {name} CHARACTER SET {charset}")
        return URL.create("mysql+pymysql", USER, self._password, "127.0.0.1", self.port, name)

    def stop(self) -> None:
        """End the server and wait until it is gone."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        """Wait until the server takes connections; False when it ended by itself or took too long."""
        deadline = time.monotonic() + START_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            try:
                self._as_root("SELECT 1")
            except pymysql.err.OperationalError:
                time.sleep(0.1)
            else:
                return True
        return False

    def _as_root(self, sql: str) -> None:
        with (
            pymysql.connect(unix_socket=str(self._socket_file), user="root", autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServerNotAvailable(f"{name} is not on this machine; install MariaDB's server (make install does)")
    return found
