i=0; while :; do head -c 4000000 /dev/zero > f$i; i=$((i+1)); done
