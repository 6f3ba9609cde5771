"""Real programs that look a key up by WKD over HTTPS, in namespaces where one name leads here and one CA counts.

`look_up(folder, socket, name, identity, script)` runs a shell script as root in a network of its own, where port 443 of
that name is a TLS proxy in front of the unix socket of `web public`, as nginx would be.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from pathlib import Path

from lab.tls import Identity

_SETUP = """
set -e
ip link set lo up
mount -t tmpfs tmpfs /etc/ssl/certs
cp "$CERTIFICATE" /etc/ssl/certs/ca-certificates.crt
cp "$CERTIFICATE" "/etc/ssl/certs/$(openssl x509 -hash -noout -in "$CERTIFICATE").0"
printf '127.0.0.1 localhost %s\\n' "$NAME" > "$FOLDER/hosts"
mount --bind "$FOLDER/hosts" /etc/hosts
printf 'hosts: files\\n' > "$FOLDER/nsswitch.conf"
mount --bind "$FOLDER/nsswitch.conf" /etc/nsswitch.conf
"$PYTHON" "$PROXY" "$SOCKET" "$CERTIFICATE" "$KEY" &
proxy=$!
trap 'kill $proxy' EXIT
while ! "$PYTHON" -c 'import socket; socket.create_connection(("127.0.0.1", 443))' 2>/dev/null; do kill -0 $proxy; done
"""


def look_up(folder: Path, socket: Path, name: str, identity: Identity, script: str) -> subprocess.CompletedProcess[str]:
    """What the script says; `name` is the host that the certificate is for."""
    given = {
        "FOLDER": str(folder),
        "SOCKET": str(socket),
        "NAME": name,
        "CERTIFICATE": str(identity.certificate),
        "KEY": str(identity.key),
        "PROXY": __file__,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(Path(__file__).parents[1]),
    }
    return subprocess.run(
        ["unshare", "--mount", "--net", "--propagation", "private", "bash", "-c", _SETUP + script],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
        env={**os.environ, **given},
        cwd=folder,
    )


async def _proxy(upstream: str, certificate: str, key: str) -> None:
    """Octets in both directions, until it is killed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(upstream)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 443, ssl=tls)
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while octets := await reader.read(1 << 16):
        writer.write(octets)
    writer.close()


if __name__ == "__main__":
    asyncio.run(_proxy(*sys.argv[1:]))
