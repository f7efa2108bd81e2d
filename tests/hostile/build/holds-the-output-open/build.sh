(setsid sleep 1000 &)
exit 1
