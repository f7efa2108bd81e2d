i=0; while :; do : > f$i; i=$((i+1)); done
