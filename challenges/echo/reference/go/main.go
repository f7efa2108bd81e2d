// Command solution sends back what it is sent.
package main

import (
	"encoding/json"
	"log"

	"solution/node"
)

func main() {
	n := node.New()

	n.Handle("echo", func(request node.Message) error {
		// Raw, so that no number becomes a float64 on the way.
		var body struct {
			Echo json.RawMessage `json:"echo"`
		}
		if err := request.Decode(&body); err != nil {
			return err
		}
		n.Reply(request, node.Body{"type": "echo_ok", "echo": body.Echo})
		return nil
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
