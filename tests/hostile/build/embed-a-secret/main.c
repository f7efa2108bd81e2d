__asm__(".incbin \"{canary}\"");
int main(void) { return 0; }
