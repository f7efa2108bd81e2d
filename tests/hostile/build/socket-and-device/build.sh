mkfifo pipe; ln -s {canary} leak; ln -s /etc etc
python3 -c "import socket; socket.socket(socket.AF_UNIX).bind('socket')"
echo "cat leak" > run.sh
