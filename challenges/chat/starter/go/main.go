// Your solution to the challenge chat. It asks for a name, and then listens to nobody.
package main

import (
	"bufio"
	"log"
	"net"
	"os"
)

func main() {
	address := os.Getenv("TAKEHOME_LISTEN")
	if address == "" {
		address = "127.0.0.1:7000"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("listening on %s", address)
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection)
	}
}

// serve is one client, from its coming to its end. This is where your work begins.
func serve(connection net.Conn) {
	defer connection.Close()
	connection.Write([]byte("Welcome. What is your name?\n"))
	input := bufio.NewScanner(connection)
	for input.Scan() {
		log.Printf("somebody said %q", input.Text())
	}
}
