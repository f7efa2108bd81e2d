package main

// #cgo CFLAGS: -fplugin=/work/evil.so
// int x;
import "C"

func main() { _ = C.x }
