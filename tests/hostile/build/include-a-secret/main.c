#include "{canary}"
int main(void) { return 0; }
