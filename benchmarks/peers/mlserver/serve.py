"""Serves the forest with MLServer's Kafka server (https://docs.seldon.ai/mlserver/examples/kafka).

It has no consumer group: it reads what is published after its start. The model runs in the server's own process
(``parallel_workers`` 0), because one process is what every program here gets.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
from pathlib import Path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main(bootstrap_servers: str, source: str, target: str, _: str, model: str, __: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="mlserver-"))
    settings = {
        "kafka_enabled": True,
        "kafka_servers": bootstrap_servers,
        "kafka_topic_input": source,
        "kafka_topic_output": target,
        "parallel_workers": 0,
        "http_port": free_port(),
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "metrics_dir": str(folder),
    }
    of_model = {
        "name": "forest",
        "implementation": "benchmarks.peers.mlserver.forest_runtime.ForestRuntime",
        "parameters": {"uri": model, "version": "1"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(of_model))
    # This process becomes the server, so that signals and figures of the processor are the server's.
    os.execv(  # noqa: S606
        str(Path(sys.executable).parent / "mlserver"), ["mlserver", "start", str(folder)]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
