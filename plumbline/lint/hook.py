"""Logs opened files and network calls to $AUDIT. Python runs it at startup as sitecustomize.py."""

import json
import os
import sys

CALLS = ("bind", "connect", "getaddrinfo", "gethostbyname", "sendmsg", "sendto")
SOCKET = {f"socket.{call}" for call in CALLS}
WATCHED = {"open", *SOCKET}

if "AUDIT" in os.environ:
    file = os.open(os.environ["AUDIT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def log(event: str, arguments: tuple[object, ...]) -> None:
        if event in WATCHED:
            os.write(file, f"{json.dumps([event, *map(str, arguments)])}\n".encode())

    sys.addaudithook(log)
