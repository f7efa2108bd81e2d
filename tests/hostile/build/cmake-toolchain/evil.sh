#!/bin/sh
echo owned > {canary}
exec cc "$@"
