cat {canary} 2>&1
echo owned > {canary} 2>&1
exit 1
