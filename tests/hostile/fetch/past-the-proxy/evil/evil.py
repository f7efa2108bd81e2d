import socket
import sys


def attack():
    try:
        socket.create_connection(("127.0.0.1", {port}), timeout=5)
        print("open door")
    except OSError as error:
        print("closed door: the host:", error)
    try:
        datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagram.settimeout(5)
        datagram.sendto(b"hello", ("127.0.0.1", {udp}))
        print("open door", datagram.recv(64))
    except OSError as error:
        print("closed door: a datagram:", error)


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
