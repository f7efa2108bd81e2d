setsid sh -c "trap '' TERM; sleep 2; echo owned > {canary}; echo sing > run.sh; sleep 60" >/dev/null 2>&1 &
echo "exit 0" > run.sh
