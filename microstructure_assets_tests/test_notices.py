"""Notices, received by a web server and a mail server of the test."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from microstructure_assets.notices import LONGEST_TEXT, MAIL_VARIABLE, WEBHOOK_VARIABLE, NoticeFailed, send


class Hook(BaseHTTPRequestHandler):
    """Keeps what is posted; refuses on ``/refuse``."""

    got: list[dict[str, str]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append(json.loads(body))
        self.send_response(500 if self.path == "/refuse" else 200)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Nothing."""


class MailServer(socketserver.StreamRequestHandler):
    """Enough of SMTP to take a message; it offers no encryption."""

    got: list[str]

    def handle(self) -> None:
        self._say("220 test")
        while line := self.rfile.readline().decode().strip():
            word = line.split()[0].upper()
            if word == "DATA":
                self._say("354 go on")
                lines = []
                while (text := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                    lines.append(text)
                self.got.append("\n".join(lines))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 well")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEBHOOK_VARIABLE, raising=False)
    monkeypatch.delenv(MAIL_VARIABLE, raising=False)


def served(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook() -> Iterator[int]:
    Hook.got = []
    yield from served(HTTPServer(("127.0.0.1", 0), Hook))


@pytest.fixture
def mail() -> Iterator[int]:
    MailServer.got = []
    yield from served(socketserver.ThreadingTCPServer(("127.0.0.1", 0), MailServer))


def test_nobody_is_told_where_nobody_is_named() -> None:
    assert send("subject", "text") == []


def test_by_webhook(hook: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{hook}/x")
    assert send("two\nlines", "ü" * 10_000) == ["webhook"]
    assert Hook.got == [{"text": "two lines\n" + "ü" * LONGEST_TEXT}]


def test_by_mail(mail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_VARIABLE, f"smtp://127.0.0.1:{mail}?from=sem@lab.org&to=me@lab.org,you@lab.org")
    assert send("run failed\r\nBcc: everybody@lab.org", "why") == ["mail"]
    (message,) = MailServer.got
    assert "Subject: run failed Bcc: everybody@lab.org" in message
    assert "\nBcc:" not in message
    assert "To: me@lab.org,you@lab.org" in message
    assert "why" in message


def test_one_way_that_fails_does_not_stop_the_other(hook: int, mail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK_VARIABLE, f"http://127.0.0.1:{hook}/refuse")
    monkeypatch.setenv(MAIL_VARIABLE, f"smtp://127.0.0.1:{mail}?from=sem@lab.org&to=me@lab.org")
    with pytest.raises(NoticeFailed, match=f"^{WEBHOOK_VARIABLE}: HTTPError"):
        send("subject", "text")
    assert len(MailServer.got) == 1


@pytest.mark.parametrize(
    ("variable", "address"),
    [
        (WEBHOOK_VARIABLE, "file:///etc/passwd"),
        (WEBHOOK_VARIABLE, "http://127.0.0.1:1/x?token=secret"),
        (MAIL_VARIABLE, "me@lab.org"),
        (MAIL_VARIABLE, "smtp://me:secret@127.0.0.1:1?from=a@b.org&to=c@d.org"),
        (MAIL_VARIABLE, "smtp://127.0.0.1:x?from=a@b.org&to=c@d.org"),
    ],
)
def test_what_is_refused_is_told_without_the_address(
    variable: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(NoticeFailed) as caught:
        send("subject", "text")
    assert variable in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_sent_without_encryption(mail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MAIL_VARIABLE, f"smtp://me:secret@127.0.0.1:{mail}?from=a@b.org&to=c@d.org")
    with pytest.raises(NoticeFailed, match="offers no encryption"):
        send("subject", "text")
    assert not MailServer.got
