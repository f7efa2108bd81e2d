// Your solution to the challenge kv-store. It listens and knows no command yet.
package main

import (
	"bufio"
	"io"
	"log"
	"net"
	"os"

	"solution/resp"
)

func main() {
	address := os.Getenv("TAKEHOME_LISTEN")
	if address == "" {
		address = "127.0.0.1:6379"
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

func serve(connection net.Conn) {
	defer connection.Close()
	input, output := bufio.NewReader(connection), bufio.NewWriter(connection)
	for {
		command, err := resp.ReadCommand(input)
		if err == io.EOF {
			return
		}
		if err != nil {
			resp.Error(output, "ERR "+err.Error())
			output.Flush()
			return
		}
		execute(output, command)
		// Several commands may have come at once: their answers go back together.
		if input.Buffered() == 0 && output.Flush() != nil {
			return
		}
	}
}

// execute does what a command says. This is where your work begins.
func execute(output *bufio.Writer, command []string) {
	if len(command) == 0 {
		return
	}
	resp.Error(output, "ERR unknown command '"+command[0]+"'")
}
