import os
import sys


def attack():
    for what, read in (("file", lambda: open("{canary}").read()), ("variable", lambda: os.environ["{secret}"])):
        try:
            print("open door", read())
        except (OSError, KeyError) as error:
            print("closed door: the", what, type(error).__name__)


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
