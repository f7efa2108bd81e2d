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

	n.Handle("topology", func(request node.Message) error {
		// A proposal of whom to talk to. You may follow it or not.
		n.Reply(request, node.Body{"type": "topology_ok"})
		return nil
	})

	n.Handle("broadcast", func(request node.Message) error {
		// To do: keep "message" and answer "broadcast_ok". From then on it must
		// reach every node, whatever happens to this one. Handlers run at the same
		// time: guard what they share.
		return node.Errorf(node.NotSupported, "broadcast is still to do")
	})

	n.Handle("read", func(request node.Message) error {
		// To do: answer "read_ok" with all "messages" that this node knows, each
		// once.
		return node.Errorf(node.NotSupported, "read is still to do")
	})

	// Add types of your own for what the nodes tell each other: n.Send and n.RPC.
	// For what is to happen later there is n.SetTimer.

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
