package main

import "runtime"

func main() {
	println("the attack is over: built by", runtime.Version())
}
