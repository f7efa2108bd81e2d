// Command solution is a broadcast with few messages that loses nothing.
//
// Every node keeps one log for each node of the cluster: the values that node
// acknowledged, in its order. A log only ever grows at its end, so how long each
// is says all about what a node has.
//
//   - Stored first: a value is in a file before it is acknowledged or sent on.
//   - Fast path: new values go to the hub (the first node) and from there to all
//     others, collected for a moment so that one message carries many. Two hops,
//     and nobody waits for an answer: a loss is repaired by the slow path.
//   - Slow path: every node regularly tells another one, each in turn, how long
//     its logs are, and is sent what it lacks. That needs no hub, and heals every
//     loss, partition and restart.
package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"solution/node"
)

const (
	// collect is how long values are collected on each of the two hops. Longer
	// costs time, shorter messages.
	collect = 50 * time.Millisecond
	// repair is how often a node asks the next of the others for what it lacks.
	repair = 200 * time.Millisecond
)

// part is the end of a log, from some position on.
type part struct {
	From   int     `json:"from"`
	Values []int64 `json:"values"`
}

type broadcast struct {
	node *node.Node // not guarded: it guards itself

	mu       sync.Mutex         // guards everything below
	logs     map[string][]int64 // by the name of the node that acknowledged them
	values   []int64            // all values, each once: several nodes may acknowledge the same
	known    map[int64]bool
	fresh    map[string]int // from where on each log is still to be sent on the fast path
	store    *os.File
	nextPeer int
}

func main() {
	b := &broadcast{
		node:   node.New(),
		values: []int64{}, // in JSON an empty list, where nil would be null
		logs:   map[string][]int64{},
		known:  map[int64]bool{},
		fresh:  map[string]int{},
	}
	b.node.OnInit(b.init)
	b.node.Handle("topology", b.topology)
	b.node.Handle("broadcast", b.broadcast)
	b.node.Handle("read", b.read)
	b.node.Handle("have", b.have)
	b.node.Handle("values", b.merge)
	if err := b.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (b *broadcast) init() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.load(b.node.DataDir()); err != nil {
		return err
	}
	// Not all nodes ask the same one first.
	b.nextPeer = slices.Index(b.node.IDs(), b.node.ID())
	b.node.SetTimer(0, b.repair)
	return nil
}

func (b *broadcast) topology(request node.Message) error {
	b.node.Reply(request, node.Body{"type": "topology_ok"})
	return nil
}

func (b *broadcast) broadcast(request node.Message) error {
	var body struct {
		Message *int64 `json:"message"`
	}
	if err := request.Decode(&body); err != nil {
		return err
	}
	if body.Message == nil {
		return node.Errorf(node.MalformedRequest, "no message")
	}
	b.accept(*body.Message)
	b.node.Reply(request, node.Body{"type": "broadcast_ok"})
	return nil
}

// accept takes in a value from a client. A client that got no answer may ask
// again: what is known is stored already.
func (b *broadcast) accept(value int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.known[value] {
		b.append(b.node.ID(), []int64{value})
	}
}

func (b *broadcast) read(request node.Message) error {
	b.mu.Lock()
	// Values are only ever appended, so this slice stays good without the lock.
	values := b.values
	b.mu.Unlock()
	b.node.Reply(request, node.Body{"type": "read_ok", "messages": values})
	return nil
}

// append adds new values to the end of a log, on disk first.
func (b *broadcast) append(origin string, values []int64) {
	var lines bytes.Buffer
	for _, value := range values {
		fmt.Fprintf(&lines, "%s %d\n", origin, value)
	}
	// Written is enough to survive a kill. To survive a power cut, sync here.
	if _, err := b.store.Write(lines.Bytes()); err != nil {
		// Half a line may be in the file: nothing good can be added behind it.
		log.Fatalf("the values must be stored: %v", err)
	}

	start := len(b.logs[origin])
	b.remember(origin, values)
	if origin == b.node.ID() || b.isHub() {
		if len(b.fresh) == 0 {
			b.node.SetTimer(collect, b.sendFresh)
		}
		if _, listed := b.fresh[origin]; !listed {
			b.fresh[origin] = start
		}
	}
}

func (b *broadcast) remember(origin string, values []int64) {
	b.logs[origin] = append(b.logs[origin], values...)
	for _, value := range values {
		if !b.known[value] {
			b.known[value] = true
			b.values = append(b.values, value)
		}
	}
}

// hub is the node that all others exchange their values through, as long as it
// can be reached.
func (b *broadcast) hub() string { return b.node.IDs()[0] }

func (b *broadcast) isHub() bool { return b.node.ID() == b.hub() }

// sendFresh is the fast path: a leaf sends its own new values to the hub, the
// hub sends all to every leaf.
func (b *broadcast) sendFresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	targets := []string{b.hub()}
	if b.isHub() {
		targets = b.node.Peers()
	}
	for _, target := range targets {
		news := map[string]part{}
		for origin, from := range b.fresh {
			if origin != target { // nobody needs to be told what it said itself
				news[origin] = part{from, b.logs[origin][from:]}
			}
		}
		b.send(target, news)
	}
	b.fresh = map[string]int{}
}

// repair is the slow path: it asks the next of the others for what this node
// lacks.
func (b *broadcast) repair() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if peers := b.node.Peers(); len(peers) > 0 {
		b.nextPeer = (b.nextPeer + 1) % len(peers)
		b.ask(peers[b.nextPeer])
	}
	b.node.SetTimer(repair, b.repair)
}

// ask tells a node what this one has, to be sent what it has not.
func (b *broadcast) ask(dest string) {
	counts := map[string]int{}
	for origin, values := range b.logs {
		counts[origin] = len(values)
	}
	b.node.Send(dest, node.Body{"type": "have", "counts": counts})
}

func (b *broadcast) have(message node.Message) error {
	var body struct {
		Counts map[string]int `json:"counts"`
	}
	if err := message.Decode(&body); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	lacking := map[string]part{}
	for origin, values := range b.logs {
		if count := body.Counts[origin]; count < len(values) {
			lacking[origin] = part{count, values[count:]}
		}
	}
	b.send(message.Src, lacking)
	return nil
}

func (b *broadcast) send(dest string, logs map[string]part) {
	if len(logs) > 0 {
		b.node.Send(dest, node.Body{"type": "values", "logs": logs})
	}
}

func (b *broadcast) merge(message node.Message) error {
	var body struct {
		Logs map[string]part `json:"logs"`
	}
	if err := message.Decode(&body); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	gap := false
	for origin, part := range body.Logs {
		count := len(b.logs[origin])
		if part.From > count {
			// Something before it was lost, or is still on its way.
			gap = true
		} else if part.From+len(part.Values) > count {
			b.append(origin, part.Values[count-part.From:])
		}
	}
	if gap {
		b.ask(message.Src)
	}
	return nil
}

// load opens the store and reads what it has from an earlier life of this node.
func (b *broadcast) load(dir string) error {
	path := filepath.Join(dir, "values")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	// The last line may be torn. Nobody has heard of it: cut it off.
	whole := bytes.LastIndexByte(text, '\n') + 1
	if err := file.Truncate(int64(whole)); err != nil {
		return err
	}
	for lines := bytes.NewReader(text[:whole]); lines.Len() > 0; {
		var origin string
		var value int64
		if _, err := fmt.Fscanf(lines, "%s %d\n", &origin, &value); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		b.remember(origin, []int64{value})
	}
	b.store = file
	return nil
}
