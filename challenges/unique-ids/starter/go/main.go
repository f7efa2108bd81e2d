package main

import (
	"log"

	"solution/node"
)

func main() {
	n := node.New()

	n.OnInit(func() error {
		// Called once, before the first request. After a restart too: n.DataDir()
		// has what the node wrote there before it was killed.
		return nil
	})

	n.Handle("generate", func(request node.Message) error {
		// To do: answer "generate_ok" with an "id" that no node ever gave out before.
		// Handlers run at the same time: guard what they share.
		//
		//	n.Reply(request, node.Body{"type": "generate_ok", …})
		return node.Errorf(node.NotSupported, "generate is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
