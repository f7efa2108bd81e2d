head -c 300000000 /dev/zero | tr "\000" x
exit 1
