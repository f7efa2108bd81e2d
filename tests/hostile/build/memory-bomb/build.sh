exec python3 -c "x = bytearray(1 << 30); import time; time.sleep(100)"
