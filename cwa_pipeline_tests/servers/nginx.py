"""A private nginx for the tests, with the shipped deploy/nginx.conf on free loopback ports."""

import base64
import hashlib
import ipaddress
import os
import secrets
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cwa_pipeline_tests.servers import START_SECONDS, free_port, program, wait_until

CHECKOUT = Path(__file__).parents[2]
CONFIGURATION = CHECKOUT / "deploy" / "nginx.conf"
FOLDERS = (
    CHECKOUT / ".nginx" / "usr" / "sbin",
    Path("/usr/sbin"),
    Path("/usr/local/sbin"),
)  # tools/system-packages; Debian
AROUND = """daemon off;
{user}pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class NginxServer:
    """The proxy before an operators' and a viewers' port, with one operator and one viewer."""

    def __init__(self, folder: Path, operators: int, viewers: int) -> None:
        self.https, self.http = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.https}"
        self.certificate = folder / "certificate.pem"
        self.operator, self.viewer = ("alice", secrets.token_urlsafe()), ("bob", secrets.token_urlsafe())
        self._moves = {
            "listen 443 ssl;": f"listen 127.0.0.1:{self.https} ssl;",
            "listen 80;": f"listen 127.0.0.1:{self.http};",
            "/etc/ssl/certs/dagster.example.com.pem": str(self.certificate),
            "/etc/ssl/private/dagster.example.com.key": str(folder / "key.pem"),
            "/etc/nginx/cwa-operators": str(folder / "operators"),
            "/etc/nginx/cwa-viewers": str(folder / "viewers"),
            "http://127.0.0.1:3000;": f"http://127.0.0.1:{operators};",
            "http://127.0.0.1:3001;": f"http://127.0.0.1:{viewers};",
        }

    @classmethod
    def start(cls, folder: Path, operators: int, viewers: int) -> Self:
        """Start nginx before these two ports; ServerNotAvailable if the machine has no nginx."""
        nginx = program("nginx", FOLDERS, "nginx")
        server = cls(folder, operators, viewers)
        text = CONFIGURATION.read_text(encoding="utf-8")
        for shipped, here in server._moves.items():
            assert shipped in text, f"deploy/nginx.conf: {shipped} is not there"
            text = text.replace(shipped, here)
        (folder / "site.conf").write_text(text, encoding="utf-8")
        user = "user root;\n" if os.geteuid() == 0 else ""  # the test's folder is root's alone
        (folder / "nginx.conf").write_text(AROUND.format(folder=folder, user=user), encoding="utf-8")
        for name, account in (("operators", server.operator), ("viewers", server.viewer)):
            (folder / name).write_text(_password_line(*account), encoding="ascii")
        _certify(server.certificate, folder / "key.pem")
        log = folder / "error.log"
        server.process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(log)])
        wait_until(lambda: socket.create_connection(("127.0.0.1", server.https)).close(), server.process, log)
        return server

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(START_SECONDS)


def _password_line(name: str, password: str) -> str:
    """A line as of htpasswd, in a form that needs no other program."""
    salt = secrets.token_bytes(8)
    digest = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return f"{name}:{{SSHA}}{base64.b64encode(digest + salt).decode()}\n"


def _certify(certificate: Path, key_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pkcs8, unencrypted = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, pkcs8, unencrypted))
