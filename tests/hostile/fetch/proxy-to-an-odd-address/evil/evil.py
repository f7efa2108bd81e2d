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
    for host in (b"0x7f000001", b"2130706433", b"127.1", b"0177.0.0.1", b"127.0.0.1.", b"0"):
        line = ask(b"CONNECT " + host + b":{port} HTTP/1.1\r\n\r\n")
        doors += " 200" in line
    print("open door" if doors else "closed door")


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
