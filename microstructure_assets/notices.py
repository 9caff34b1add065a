"""Telling people: a message to a webhook or by mail, as the environment says; nothing where it says nothing."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import urllib.request
from email.message import EmailMessage
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from microstructure_assets.errors import InputError

WEBHOOK_VARIABLE = "MICROSTRUCTURE_WEBHOOK"
MAIL_VARIABLE = "MICROSTRUCTURE_MAIL"
MAIL_EXAMPLE = "smtp://user:password@mail.lab.org:587?from=microscopes@lab.org&to=me@lab.org,you@lab.org"
TIMEOUT_S = 10
LONGEST_TEXT = 4000


class NoticeFailed(InputError):
    """A notice that could not be sent; the message never has the address, which may hold a password."""


def send(subject: str, text: str) -> list[str]:
    """Tell whoever the environment names.

    Parameters
    ----------
    subject : str
        One line.
    text : str
        The rest; cut at 4,000 characters.

    Returns
    -------
    list of str
        The ways by which it went: ``webhook``, ``mail``.

    Raises
    ------
    NoticeFailed
        If one of the ways fails; the others have been tried.
    """
    subject, text = " ".join(subject.split())[:200], text[:LONGEST_TEXT]
    sent, failures = [], []
    for way, variable, function in (("webhook", WEBHOOK_VARIABLE, _post), ("mail", MAIL_VARIABLE, _mail)):
        address = os.environ.get(variable, "").strip()
        if not address:
            continue
        try:
            function(address, subject, text)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            failures.append(f"{variable}: {type(error).__name__}: {str(error).replace(address, '…')}")
        else:
            sent.append(way)
    if failures:
        raise NoticeFailed("; ".join(failures))
    return sent


def _post(address: str, subject: str, text: str) -> None:
    """A JSON document with ``text``, which Slack, Mattermost, Rocket.Chat and Teams take."""
    if urlsplit(address).scheme not in ("http", "https"):
        raise ValueError("expected an http or https URL")
    body = json.dumps({"text": f"{subject}\n{text}"}).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # an answer other than 2xx raises
        pass


def _mail(address: str, subject: str, text: str) -> None:
    place = urlsplit(address)
    fields = parse_qs(place.query)
    if place.scheme not in ("smtp", "smtps") or not place.hostname or not {"from", "to"} <= set(fields):
        raise ValueError(f"expected {MAIL_EXAMPLE}")
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, fields["from"][0], fields["to"][0]
    message.set_content(text)
    with _server(place) as server:
        if place.username:
            server.login(unquote(place.username), unquote(place.password or ""))
        server.send_message(message)


def _server(place: SplitResult) -> smtplib.SMTP:
    """A connection, encrypted from the start (smtps) or as soon as the server offers it; a password wants that."""
    host, secure = str(place.hostname), ssl.create_default_context()
    if place.scheme == "smtps":
        return smtplib.SMTP_SSL(host, place.port or 465, timeout=TIMEOUT_S, context=secure)
    server = smtplib.SMTP(host, place.port or 25, timeout=TIMEOUT_S)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=secure)
        server.ehlo()
    elif place.username:
        server.close()
        raise ValueError("the server offers no encryption, and a password is not sent without; use smtps://")
    return server
