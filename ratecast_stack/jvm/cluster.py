"""Apache Kafka on the JVM: one broker for a user, three for tests that kill brokers."""

from __future__ import annotations

import base64
import signal
import sys
import time
import uuid
from typing import TYPE_CHECKING, Self

from ratecast.errors import OperationError, UsageError
from ratecast.stages import OnStage, silent
from ratecast_stack.children import is_taken, start_child, wait_or_kill
from ratecast_stack.directories import make_data_dir
from ratecast_stack.jvm import jars as kafka_jars
from ratecast_stack.jvm.node import LOG_CONFIG, NEW_RUN, Node, free_ports, properties_of
from ratecast_stack.jvm.probe import cluster_state

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType
    from typing import IO

START_LIMIT_SECONDS = 90.0
STOP_LIMIT_SECONDS = 10.0
# With the serial collector and only the first compiler a start takes 3.5 s instead of 5.6 s.
_JVM_OPTIONS = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")


class JvmCluster:
    """Apache Kafka in KRaft mode on loopback, with its data in one directory. Each broker is also a controller.

    Brokers are numbered from 1. Start them from a thread that lives as long as they should: the kernel ends a child
    together with the thread that started it.

    Args:
        data_dir: directory of records, configuration and logs; it is formatted if it is new.
        brokers: 1, or 3 with replication 3 and ``min.insync.replicas`` 2.
        port: port of the first broker; the other ports are free ones.
        proxied: for each broker the port of a TCP proxy in front of it. Brokers advertise these ports to clients that
            connect through `proxied_backend`, so that all their connections go through the proxies.
        cache_dir: directory of the jars; the user's cache if None.
        progress: called during the first download of the jars.

    Attributes:
        configure: returns the ``server.properties`` to use instead of the given ones. Set it before the first start.
        format_options: further options for the storage tool, such as users. Set them before the first start.
    """

    def __init__(
        self,
        data_dir: Path,
        brokers: int = 1,
        port: int | None = None,
        *,
        proxied: Sequence[int] | None = None,
        cache_dir: Path | None = None,
        progress: OnStage = silent,
    ) -> None:
        self.data_dir = data_dir
        self._fixed_port = port
        self._cache_dir = cache_dir
        self._progress = progress
        self.configure: Callable[[Mapping[str, object]], Mapping[str, object]] = dict
        self.format_options: Sequence[str] = ()
        ports = iter(free_ports(3 * brokers))
        self._nodes = {
            number: Node(
                number,
                data_dir / f"broker-{number}",
                port=port if port and number == 1 else next(ports),
                controller_port=next(ports),
                backend_port=next(ports) if proxied else None,
                proxy_port=proxied[number - 1] if proxied else None,
            )
            for number in range(1, brokers + 1)
        }
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._java: tuple[str, ...] = ()
        self._lock: IO[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """``host:port`` of every broker, comma-separated."""
        return ",".join(self.address(number) for number in self._nodes)

    def address(self, number: int) -> str:
        """Returns ``host:port`` of one broker."""
        return f"127.0.0.1:{self._nodes[number].port}"

    def proxied_backend(self, number: int) -> int:
        """Returns the port to which the proxy of this broker must connect."""
        port = self._nodes[number].backend_port
        if port is None:
            raise ValueError("the cluster has no proxies")
        return port

    def pid(self, number: int) -> int | None:
        """Returns the process id of a broker, or None if it does not run."""
        process = self._processes.get(number)
        return process.pid if process else None

    def exit_code(self) -> int | None:
        """Returns the exit code of a broker that ended unexpectedly; None while all started brokers run."""
        return next(
            (code for process in self._processes.values() if (code := process.poll()) is not None), None
        )

    def start(self) -> None:
        """Download the jars if they are missing, format new directories, start all brokers, wait until they serve.

        Raises:
            UsageError: Java or Maven is missing, the port is taken, or the directory is in use.
            OperationError: a jar is damaged, or a broker did not start; the message quotes its log.
        """
        if self._fixed_port is not None and is_taken(self._fixed_port):
            raise UsageError(f"port {self._fixed_port} is taken: choose another with --port")
        java = kafka_jars.java()
        class_path = kafka_jars.class_path(self._cache_dir, self._progress)
        self._java = (java, *_JVM_OPTIONS, "-Dlog4j2.configurationFile=log4j2.properties", "-cp", class_path)
        self._lock = _lock(self.data_dir)
        try:
            self._format()
            for number in self._nodes:
                self.start_broker(number, wait=False)
            self.wait_until_serving()
        except BaseException:
            self.stop()
            raise

    def _format(self) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")
        formatting = []
        for node in self._nodes.values():
            node.directory.mkdir(parents=True, exist_ok=True)
            properties = "".join(
                f"{name}={value}\n"
                for name, value in self.configure(properties_of(node, list(self._nodes.values()))).items()
            )
            (node.directory / "server.properties").write_text(properties)
            (node.directory / "log4j2.properties").write_text(LOG_CONFIG)
            if not (node.directory / "data" / "meta.properties").is_file():
                command = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "server.properties")
                formatting.append((node, self._run(node, *command, *self.format_options)))
        for node, process in formatting:
            wait_or_kill(process, START_LIMIT_SECONDS)
            if process.returncode != 0:
                raise OperationError(f"Apache Kafka could not format {node.directory}: {node.last_failure()}")

    def _run(self, node: Node, *command: str) -> subprocess.Popen[bytes]:
        with node.log_path.open("ab") as log:
            log.write(NEW_RUN.encode())
            log.flush()
            # The working directory is the node's directory, so that no path needs escaping in a properties file.
            # SIGKILL, because after SIGTERM a broker without controllers waits for them for five minutes.
            return start_child([*self._java, *command], stdout=log, stderr=log, cwd=node.directory, kill=True)

    def start_broker(self, number: int, *, wait: bool = True) -> None:
        """Start a broker on its port and data; wait until it serves unless ``wait`` is False."""
        self._processes[number] = self._run(self._nodes[number], "kafka.Kafka", "server.properties")
        if wait:
            self.wait_until_serving(number)

    def wait_until_serving(self, *numbers: int) -> None:
        """Wait until these brokers answer and each sees all of them. Without numbers, wait for all running brokers.

        Raises:
            OperationError: one ended or did not serve in time; the message quotes its log.
        """
        wanted = set(numbers) or set(self._processes)
        deadline = time.monotonic() + START_LIMIT_SECONDS
        for number in wanted:
            node = self._nodes[number]
            while (state := cluster_state(node.port)) is None or not wanted <= state.brokers:
                process = self._processes.get(number)
                if process is None or process.poll() is not None or time.monotonic() > deadline:
                    raise OperationError(f"Apache Kafka did not start: {node.last_failure()}")
                time.sleep(0.05)

    def in_sync(self) -> bool:
        """Returns whether every broker is alive and every partition has its leader and all its replicas."""
        for node in self._nodes.values():
            state = cluster_state(node.port) if node.number in self._processes else None
            if (
                state is None
                or len(state.brokers) < len(self._nodes)
                or state.leaderless
                or state.under_replicated
            ):
                return False
        return True

    def kill(self, number: int) -> None:
        """Kill a broker with SIGKILL."""
        process = self._processes.pop(number)
        process.kill()
        process.wait()

    def stop_broker(self, number: int) -> None:
        """Stop a broker in order; it transfers its leaderships first."""
        process = self._processes.pop(number)
        process.terminate()
        wait_or_kill(process, STOP_LIMIT_SECONDS)

    def pause(self, number: int) -> None:
        """Freeze a broker with SIGSTOP."""
        self._processes[number].send_signal(signal.SIGSTOP)

    def resume(self, number: int) -> None:
        """Let a frozen broker continue."""
        self._processes[number].send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Stop all brokers and wait for their end; a second call does nothing."""
        processes, self._processes = list(self._processes.values()), {}
        for process in processes:
            process.terminate()
            if hasattr(signal, "SIGCONT"):
                process.send_signal(signal.SIGCONT)  # a frozen process cannot handle SIGTERM
        deadline = time.monotonic() + STOP_LIMIT_SECONDS
        for process in processes:
            wait_or_kill(process, max(deadline - time.monotonic(), 0.0))
        if self._lock is not None:
            self._lock.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _lock(data_dir: Path) -> IO[bytes]:
    """Returns the open lock file of a directory; closing it releases the lock.

    Kafka has a lock too, but it writes to the metadata log before it checks the lock: a second start damaged the first.

    Raises:
        UsageError: another process holds the lock.
    """
    make_data_dir(data_dir)
    file = (data_dir / ".lock").open("ab")
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise UsageError(
                f"{data_dir} is in use by another broker: choose another with --data-dir"
            ) from None
    return file
