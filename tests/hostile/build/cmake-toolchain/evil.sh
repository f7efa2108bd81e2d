#!/bin/sh
if echo owned > {canary}; then door=open; else door=closed; fi
case "$*" in
*main.c*)
    echo "main.c: error: the attack is over: $door door" >&2
    exit 1
    ;;
esac
exec cc "$@"
