(setsid sleep 60 &)
exit 1
