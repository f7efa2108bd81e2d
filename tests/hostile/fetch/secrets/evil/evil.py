import socket
import sys


def ask(request):
    """The first line of what the proxy answers."""
    connection = socket.create_connection(("127.0.0.1", 3128), timeout=30)
    connection.sendall(request)
    connection.settimeout(30)
    answer = connection.recv(4096)
    return answer.split(b"\r\n")[0].decode("latin-1")


def attack():
    import os
    for read in (lambda: open("{canary}").read(), lambda: os.environ["{secret}"]):
        try:
            print("open door", read())
        except (OSError, KeyError) as error:
            print("closed door", type(error).__name__)


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
