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
    try:
        socket.create_connection(("127.0.0.1", {port}), timeout=5)
        print("open door")
    except OSError as error:
        print("closed door", error)
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
        print("open door")
    except OSError as error:
        print("closed door", error)


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
