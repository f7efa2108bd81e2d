import os
import socket
import sys


def ask(request):
    """The first line of what the proxy answers."""
    host, port = os.environ["http_proxy"].split("//")[1].strip("/").rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=30)
    connection.sendall(request)
    connection.settimeout(30)
    answer = connection.recv(4096)
    return answer.split(b"\r\n")[0].decode("latin-1")


def attack():
    line = ask(b"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    print("answer:", line)
    print("open door" if " 200" in line else "closed door")


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
