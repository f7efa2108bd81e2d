package main

//go:generate sh -c "echo owned > {canary}"
func main() {}
