"""A real PostgreSQL for tests: Debian's programs in a directory of their own, on a free port."""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

import psycopg

from ratecast_stack.children import free_port

PASSWORD = "s3cret-p@ss/word"  # noqa: S105 - of a server that lives as long as the tests
_USER = "postgres"
_START_SECONDS = 30.0


class NotHereError(Exception):
    """This machine has no PostgreSQL; the message says what to install."""


def programs() -> Path:
    """Returns the directory of PostgreSQL's programs, of the newest version.

    Raises:
        NotHereError: it is not installed.
    """
    found = [Path(name).parent for name in glob.glob("/usr/lib/postgresql/*/bin/initdb")]  # noqa: PTH207
    if (on_path := shutil.which("initdb")) is not None:
        found.append(Path(on_path).resolve().parent)
    if not found:
        raise NotHereError("PostgreSQL is not installed (`make tools` installs it on Debian and Ubuntu)")
    return max(found, key=lambda path: int("".join(filter(str.isdigit, path.parent.name)) or 0))


class PostgresServer:
    """A server that tests may stop, crash and start again.

    Its settings trade durability against power loss for speed. What a crash of its processes does is as ever.
    """

    def __init__(self) -> None:
        self._bin = programs()
        self._home = Path(tempfile.mkdtemp(prefix="ratecast-postgres-"))
        # PostgreSQL refuses to run as root.
        self._as: dict[str, Any] = {"user": _USER, "group": _USER} if os.getuid() == 0 else {}
        if self._as:
            account = pwd.getpwnam(_USER)
            os.chown(self._home, account.pw_uid, account.pw_gid)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        password_file = self._home / "password"
        password_file.write_text(PASSWORD)
        password_file.chmod(0o644)
        self._run("initdb", "-D", self._data, "-U", "owner", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync",
                  "--locale=C.UTF-8", f"--pwfile={password_file}")  # fmt: skip
        self.start()

    @property
    def _data(self) -> str:
        return str(self._home / "data")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            check=True,
            capture_output=True,
            cwd=self._home,
            **self._as,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        log = (self._home / "log").open("ab")
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "max_connections": 30,
            "shared_buffers": "32MB",
        }
        flags = [f"-c{name}={value}" for name, value in options.items()]
        self._process = subprocess.Popen(
            [str(self._bin / "postgres"), "-D", self._data, *flags],
            stdout=log,
            stderr=log,
            cwd=self._home,
            **self._as,
        )
        log.close()
        self.wait()

    def wait(self) -> None:
        """Wait until the server takes connections."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                psycopg.connect(self.dsn("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert self._process is not None
                assert self._process.poll() is None, (self._home / "log").read_text()[-2000:]
                assert time.monotonic() < deadline, "PostgreSQL did not start in time"
                time.sleep(0.05)
            else:
                return

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server; a crash leaves everything to recovery at the next start."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
        self._process.wait(_START_SECONDS)

    @property
    def stopped(self) -> bool:
        """Whether the server does not run."""
        return self._process is None or self._process.poll() is not None

    def remove(self) -> None:
        """Stop the server and remove its files."""
        if not self.stopped:
            self.stop(crash=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def database(self, encoding: str = "UTF8") -> str:
        """Create a database, and return its connection string."""
        name = f"rates_{uuid.uuid4().hex[:12]}"
        self.execute(
            f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0", "postgres"
        )
        return self.dsn(name)

    def dsn(self, database: str) -> str:
        """Return the connection string of a database."""
        return f"host=127.0.0.1 port={self.port} user=owner dbname={database} password={PASSWORD}"

    def execute(self, statement: str, database: str) -> None:
        """Run a statement outside of a transaction."""
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(statement.encode())


def rows(dsn: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """Return what a query finds; a change is committed."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute(query.encode(), parameters or None)
        return found.fetchall() if found.description else []


def value(dsn: str, query: str, *parameters: object) -> Any:
    """Return the one value that a query finds."""
    ((found,),) = rows(dsn, query, *parameters)
    return found
