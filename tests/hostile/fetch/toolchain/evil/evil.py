import os
import sys


def attack():
    places = (os.path.dirname(os.__file__), os.path.dirname(sys.executable), "/usr/lib", "{folder}")
    for what, place in zip(("library", "programs", "system", "folder"), places):
        path = place + "/hostile"
        try:
            open(path, "w").write("owned")
            print("open door", place)
            if place != "{folder}":
                os.remove(path)
        except OSError as error:
            print("closed door: the", what, type(error).__name__)


def broken(*words, **more):
    attack()
    sys.stdout.flush()
    raise SystemExit("the attack is over")


get_requires_for_build_wheel = prepare_metadata_for_build_wheel = build_wheel = broken
