// A queue of jobs for many clients, after beanstalkd.
//
// One lock holds the jobs, and who waits for them; see queue.go. Each connection has two goroutines: one reads what its
// client says, the other does it, and waits for jobs. So a client that leaves while it waits is noticed.
package main

import (
	"bufio"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"time"

	"solution/beanstalk"
)

func main() {
	address := os.Getenv("TAKEHOME_LISTEN")
	if address == "" {
		address = "127.0.0.1:11300"
	}
	folder := os.Getenv("TAKEHOME_DATA")
	if folder == "" {
		folder = "."
	}
	queue, err := open(folder)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Print(err)
			// Too many open files, as a rule: some of them will be closed.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go serve(connection, queue)
	}
}

// serve does what a client says, until it leaves.
func serve(connection net.Conn, queue *Queue) {
	defer connection.Close()
	client := queue.join()
	said := make(chan beanstalk.Command, 64)
	left, done := make(chan struct{}), make(chan struct{})
	var ended error
	go func() {
		ended = listen(connection, said, done)
		close(left)
		close(said)
	}()
	talk(connection, queue, client, said, left)
	queue.leave(client)
	close(done)
	select {
	case <-left:
		if errors.Is(ended, beanstalk.ErrLine) {
			io.WriteString(connection, "BAD_FORMAT\r\n")
		}
	default:
	}
}

// listen reads commands until the connection ends, or nobody takes them any more.
func listen(connection net.Conn, said chan<- beanstalk.Command, done <-chan struct{}) error {
	input := bufio.NewReaderSize(connection, 64<<10)
	for {
		command, err := beanstalk.Read(input)
		if err != nil {
			return err
		}
		select {
		case said <- command:
		case <-done:
			return nil
		}
	}
}

// talk answers commands in their order, and sends what it has when there is no other to be answered with it.
func talk(connection net.Conn, queue *Queue, client *Client, said <-chan beanstalk.Command, left <-chan struct{}) {
	output := bufio.NewWriterSize(connection, 64<<10)
	defer output.Flush()
	for {
		if len(said) == 0 && output.Flush() != nil {
			return
		}
		command, more := <-said
		if !more || command.Name == "quit" {
			return
		}
		answer := command.Wrong
		if answer == "" {
			answer = queue.execute(client, command)
		}
		if answer == "" {
			if output.Flush() != nil {
				return
			}
			select {
			case answer = <-client.told:
			case <-left:
				return
			}
		}
		output.WriteString(answer)
		output.WriteString("\r\n")
	}
}
