// Your solution to the challenge job-queue. It listens and knows no command yet.
package main

import (
	"bufio"
	"log"
	"net"
	"os"

	"solution/beanstalk"
)

func main() {
	address := os.Getenv("TAKEHOME_LISTEN")
	if address == "" {
		address = "127.0.0.1:11300"
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
		command, err := beanstalk.Read(input)
		if err == beanstalk.ErrLine {
			output.WriteString("BAD_FORMAT\r\n")
			output.Flush()
		}
		if err != nil {
			return
		}
		answer := command.Wrong
		if answer == "" {
			answer = execute(command)
		}
		output.WriteString(answer + "\r\n")
		// Several commands may have come at once: their answers go back together.
		if input.Buffered() == 0 && output.Flush() != nil {
			return
		}
	}
}

// execute does what a command says. This is where your work begins.
func execute(command beanstalk.Command) string {
	return "INTERNAL_ERROR"
}
