# Writes out the tree of a commit as its names say and nothing looks at them: what takehome must not do. The controls of
# attacks by repositories use it.
import os
import subprocess
import sys


def git(*words):
    return subprocess.run(("git",) + words, capture_output=True, check=True).stdout


def export(tree, folder):
    os.makedirs(folder, exist_ok=True)
    for entry in filter(None, git("ls-tree", "-z", tree).split(b"\0")):
        about, name = entry.split(b"\t", 1)
        mode, kind, number = about.decode().split()
        path = os.path.join(folder, name)
        if kind == "tree":
            export(number, path)
        elif mode == "120000":
            os.symlink(git("cat-file", "blob", number), path)
        elif kind == "blob":
            with open(path, "wb") as file:
                file.write(git("cat-file", "blob", number))


export("HEAD", os.fsencode(sys.argv[1]))
