# A proxy that lets everything through, and the attack of a package behind it: what a fetch with an ordinary proxy comes
# to. It reaches this machine alone; of places elsewhere it says that they are reached, and leaves them alone.
import os
import socket
import sys
import threading


def loopback(host):
    """The address, if it is one of this machine, in any spelling that resolvers know."""
    host = host.strip("[]").rstrip(".")
    if host == "localhost":
        return "127.0.0.1"
    for family, read in ((socket.AF_INET, socket.inet_aton), (socket.AF_INET6, lambda text: socket.inet_pton(socket.AF_INET6, text))):
        try:
            address = socket.inet_ntop(family, read(host))
        except (OSError, ValueError):
            continue
        return address if address.startswith(("127.", "::1", "::ffff:127.", "0.0.0.0")) else None
    return None


def opens(target):
    host, _, port = target.rpartition(":")
    address = loopback(host)
    if address is None:
        return True
    try:
        socket.create_connection((address, int(port)), 5).close()
        return True
    except (OSError, ValueError):
        return False


def answer(connection):
    text = connection.recv(4096).decode("latin-1").replace("\t", " ")
    # As careless as can be: whatever looks like a place to go to.
    words = [word for line in text.split("\r\n") for word in line.split(" ")]
    targets = [word.removeprefix("http://").rstrip("/") for word in words if ":" in word and word[-1] != ":"]
    opened = any(opens(target) for target in targets if not target.startswith("HTTP"))
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n" if opened else b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
    connection.close()


def serve(listener):
    while True:
        answer(listener.accept()[0])


listener = socket.create_server(("127.0.0.1", 0))
os.environ["http_proxy"] = "http://127.0.0.1:%d" % listener.getsockname()[1]
threading.Thread(target=serve, args=(listener,), daemon=True).start()
sys.path.insert(0, "evil")
import evil  # noqa: E402

evil.attack()
