"""Who hears alerts in the tests: a mail server and a webhook, on ports of their own."""

from __future__ import annotations

import contextlib
import email
import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from email.message import Message
from typing import Any


class Webhook(http.server.BaseHTTPRequestHandler):
    """Keeps every JSON document; answers with the server's `status`."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server: Any = self.server
        server.asked += 1
        if server.status == 200:
            server.heard.append(json.loads(body))
        self.send_response(server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a mail needs."""

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split(" ")[0].upper()
            if verb == "DATA":
                self._say("354 go on")
                self._data()
            elif verb == "EHLO":
                self._say("250 here")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _data(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        server: Any = self.server
        server.heard.append(email.message_from_bytes(b"".join(lines)))
        self._say("250 taken")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextlib.contextmanager
def _running(server: Any) -> Iterator[Any]:
    server.heard, server.asked, server.status = [], 0, 200
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def webhook() -> Iterator[Any]:
    """`.heard` is what came, `.url` is apprise's address of it."""
    with _running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Webhook)) as server:
        server.url = f"json://127.0.0.1:{server.server_address[1]}/alerts"
        yield server


@contextlib.contextmanager
def mailbox() -> Iterator[Any]:
    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)) as server:
        port = server.server_address[1]
        server.url = f"mailto://127.0.0.1:{port}/?from=nb2prod@example.org&to=ada@example.org&mode=insecure"
        yield server


def text_of(message: Message) -> str:
    """The plain text of a mail."""
    parts = [part for part in message.walk() if part.get_content_type() == "text/plain"]
    return b"".join(part.get_payload(decode=True) for part in parts).decode()  # type: ignore[misc]
