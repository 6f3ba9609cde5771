"""The status socket is reached wherever the keyring folder lies."""

from __future__ import annotations

import asyncio
import gc
import socket
from pathlib import Path

import pytest

from relay.telemetry import status_client, status_socket
from relay.telemetry.server import Answer, Server


@pytest.mark.parametrize("length", [10, 100, 200])
async def test_a_folder_with_a_long_path_has_a_socket_that_answers(tmp_path: Path, length: int) -> None:
    folder = tmp_path / ("k" * length)
    folder.mkdir()
    server = Server(lambda path: Answer(200, b'{"lacks": ""}') if path == "/status" else None)  # type: ignore[arg-type]  # as good as HTTPStatus
    await server.listen_in(folder)
    assert await asyncio.to_thread(status_client.ask, folder) == {"lacks": ""}
    assert (folder / status_socket.NAME).is_socket()
    assert (folder / status_socket.NAME).stat().st_mode & 0o777 == 0o600
    server.close()
    assert await asyncio.to_thread(status_client.ask, folder) is None
    assert not (folder / status_socket.NAME).exists()


def test_nothing_stays_open_for_it(tmp_path: Path) -> None:
    folder = tmp_path / ("k" * 200)
    folder.mkdir()
    gc.collect()  # what other tests have left
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with status_socket.reachable(folder) as path, socket.socket(socket.AF_UNIX) as end:
            assert len(str(path)) < 60
            end.bind(str(path))
        (folder / status_socket.NAME).unlink()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    with pytest.raises(FileNotFoundError), status_socket.reachable(tmp_path / ("n" * 200)):
        pass
