package main

// #include "{canary}"
import "C"

func main() {}
