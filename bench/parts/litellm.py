"""LiteLLM's proxy, for comparison: one worker on the same core, no database, one master key, two deployments.

It converts between protocols and computes costs, which a pass-through does not.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parts.nginx import free_port

PROGRAM = Path(__file__).parents[2] / ".make/litellm/bin/litellm"
START_LIMIT = 120


@contextmanager
def running(upstream: int, core: int, key: str) -> Iterator[tuple[int, int] | None]:
    """Its port and process id; ``None`` where it is not installed."""
    if not PROGRAM.exists():
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="bench-litellm-") as folder:
        port, configuration = free_port(), Path(folder, "config.yaml")
        deployment = {
            "model": "openai/m-1", "api_base": f"http://127.0.0.1:{upstream}/v1", "api_key": "sk_FAKE_litellm",
        }  # fmt: skip
        models = [{"model_name": "m-1", "litellm_params": deployment} for _ in range(2)]
        configuration.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": key}}))
        environment = {
            **os.environ,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_TELEMETRY": "False",
            "HOME": folder,
        }
        command = [PROGRAM, "--config", configuration, "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        with Path(folder, "log").open("w") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
            os.sched_setaffinity(process.pid, {core})
            try:
                await_ready(port, process)
                yield port, process.pid
            finally:
                process.terminate()
                process.wait(20)


def await_ready(port: int, process: "subprocess.Popen[bytes]") -> None:
    import httpx2  # noqa: PLC0415 - see gateway.read_pages

    deadline = time.monotonic() + START_LIMIT
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/health/liveliness", trust_env=False, timeout=5).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.2)
    raise SystemExit("LiteLLM did not start")
