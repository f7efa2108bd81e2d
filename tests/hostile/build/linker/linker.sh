#!/bin/sh
echo owned > {canary}
exit 1
