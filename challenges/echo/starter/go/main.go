package main

import (
	"log"

	"solution/node"
)

func main() {
	n := node.New()

	n.Handle("echo", func(request node.Message) error {
		// To do: answer "echo_ok" with the same "echo", whatever JSON it is.
		//
		//	request.Decode(&body)
		//	n.Reply(request, node.Body{"type": "echo_ok", …})
		return node.Errorf(node.NotSupported, "echo is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
