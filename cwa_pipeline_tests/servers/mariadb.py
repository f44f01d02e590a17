"""A private MariaDB for the tests."""

import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import pymysql
from sqlalchemy.engine import URL

from cwa_pipeline_tests.servers import free_port, program, wait_until

STOP_SECONDS = 20
USER = "tests"
FOLDERS = (Path("/usr/sbin"), Path("/usr/local/sbin"))
INSTALL_OPTIONS = ("--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
SERVER_OPTIONS = (
    *("--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--max-connections=60"),
    # Small and quick to start and to end; nothing here has to survive a power cut.
    *("--innodb-buffer-pool-size=16M", "--innodb-log-file-size=8M", "--key-buffer-size=1M", "--performance-schema=OFF"),
    *("--innodb-flush-log-at-trx-commit=2", "--innodb-fast-shutdown=2"),
)


class MariadbServer:
    """One running mariadbd; `new_database()` gives each test a database of its own."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, socket_file: Path) -> None:
        self.process = process
        self.port = port
        self._socket_file = socket_file
        self._password = secrets.token_hex(8)

    @classmethod
    def start(cls, folder: Path) -> Self:
        """Start one with its data in `folder`; ServerNotAvailable if the machine has no MariaDB."""
        mariadbd, install = (program(name, FOLDERS, "mariadb") for name in ("mariadbd", "mariadb-install-db"))
        data, temporary, log = folder / "data", folder / "tmp", folder / "mariadb.log"
        temporary.mkdir()
        # A server removes all temporary tables when it starts, and in /tmp they would be another server's.
        environment = os.environ | {"TMPDIR": str(temporary)}
        own = [f"--datadir={data}", *(["--user=root"] if os.geteuid() == 0 else [])]
        subprocess.run(
            [install, "--no-defaults", *own, *INSTALL_OPTIONS], env=environment, capture_output=True, check=True
        )
        # The path of a socket may have 107 bytes at most, and pytest's folders can be longer.
        port, socket_file = free_port(), Path(tempfile.mkdtemp(prefix="mariadb-")) / "mariadb.sock"
        own += [f"--socket={socket_file}", f"--port={port}", f"--pid-file={folder / 'mariadb.pid'}"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [mariadbd, "--no-defaults", *own, *SERVER_OPTIONS], env=environment, stdout=output, stderr=output
            )
        server = cls(process, port, socket_file)
        wait_until(lambda: server._as_root("SELECT 1"), process, log)
        server._as_root(f"CREATE USER {USER}@'%' IDENTIFIED BY '{server._password}'")
        server._as_root(f"GRANT ALL ON *.* TO {USER}@'%' WITH GRANT OPTION")
        return server

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
        shutil.rmtree(self._socket_file.parent)

    def _as_root(self, sql: str) -> None:
        with (
            pymysql.connect(unix_socket=str(self._socket_file), user="root", autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
