#!/bin/sh
if echo owned > {canary}; then door=open; else door=closed; fi
echo "the attack is over: $door door" >&2
exit 1
