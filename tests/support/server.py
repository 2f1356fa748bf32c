"""The API as it runs: granian on a port of its own, as exosend_api on the tests' database."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2

from deployments.environment import metrics_folder
from deployments.services import api
from models.settings import Settings


@contextlib.contextmanager
def running_api(settings: Settings, folder: Path) -> Iterator[str]:
    """Its address, such as http://127.0.0.1:4711. No Prefect is there (port 9 discards)."""
    settings = settings.with_values(
        data_dir=folder,
        port=_free_port(),
        api_workers=1,
        import_wait_seconds=0,
        prefect_api_url="http://127.0.0.1:9/api",
    )
    metrics_folder(settings).mkdir(parents=True)
    service = api(settings)
    with (folder / "api.log").open("w") as log:
        process = subprocess.Popen(service.command, env=service.environment, stdout=log, stderr=log, cwd=folder)
    try:
        _wait(settings.api_url, process, folder / "api.log")
        yield settings.api_url
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120  # a busy machine takes long to import Python
    while True:
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(httpx2.HTTPError):
            if httpx2.get(f"{url}/health/ready", timeout=2, trust_env=False).is_success:
                return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)
