"""Configurations with TLS and WebSocket, the same for both servers, and the certificate they name."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .processes import RunError, run_tool

TLS, WEBSOCKET, DEFLATED = "tls", "ws", "ws-deflate"  # as nuncio-bench calls them


def write(folder: Path) -> dict[str, str]:
    """Writes the configurations; their paths by transport."""
    websocket = 'host: "127.0.0.1", port: -1, no_tls: true'
    texts = {WEBSOCKET: f"websocket {{ {websocket} }}\n",
             DEFLATED: f"websocket {{ {websocket}, compression: true }}\n",
             TLS: f'tls {{ cert_file: "{folder}/certificate.pem", key_file: "{folder}/key.pem" }}\n'}
    paths = {}
    for name, text in texts.items():
        path = folder / f"{name}.conf"
        path.write_text(text)
        paths[name] = str(path)
    return paths


def make_certificate(folder: Path) -> None:
    """ECDSA P-256, signed by itself: the generator doesn't check it."""
    done: subprocess.CompletedProcess[str] = run_tool(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")], timeout=30)
    if done.returncode != 0:
        raise RunError(f"openssl makes no certificate: {done.stderr[-300:]}")
