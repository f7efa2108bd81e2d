// Package node is a node of a distributed system that speaks Maelstrom's
// protocol: one JSON message a line, in on stdin, out on stdout, and the log on
// stderr.
//
// Register a handler for each type of message with Handle, then call Run. Like
// net/http, Run calls every handler in a goroutine of its own: a handler may
// block in RPC or Sleep, and must guard the state it shares with the others.
//
// Take ALL your timers from SetTimer, Sleep and RPC, never from package time.
// Today a timer runs on the wall clock. Under a simulated clock it will be a
// message to and from the node "clock", and a program that waits in any other
// way would fall out of the simulation.
package node

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"sync"
	"time"
)

// Codes for an Error.
const (
	Timeout                = 0
	NotSupported           = 10
	TemporarilyUnavailable = 11
	MalformedRequest       = 12
	Crash                  = 13
	Abort                  = 14
)

// Error is an answer of type "error". A handler that returns one sends it.
type Error struct {
	Code int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("error %d: %s", e.Code, e.Text) }

// Errorf makes an Error.
func Errorf(code int, format string, args ...any) *Error {
	return &Error{code, fmt.Sprintf(format, args...)}
}

// Body is the body of a message to send. It must have a "type".
type Body map[string]any

// Message is a message that was received.
type Message struct {
	Src  string          `json:"src"`
	Dest string          `json:"dest"`
	Body json.RawMessage `json:"body"`

	header header
}

// header is the part of a body that is the same in every message.
type header struct {
	Type      string          `json:"type"`
	MsgID     json.RawMessage `json:"msg_id"`
	InReplyTo *int64          `json:"in_reply_to"`
	Code      int             `json:"code"`
	Text      string          `json:"text"`
}

// Type is the type of the body.
func (m Message) Type() string { return m.header.Type }

// Decode reads the body into v. A number is exact: it becomes a json.Number
// where v does not say what it is, never a float64.
func (m Message) Decode(v any) error {
	decoder := json.NewDecoder(bytes.NewReader(m.Body))
	decoder.UseNumber()
	if err := decoder.Decode(v); err != nil {
		return Errorf(MalformedRequest, "%v", err)
	}
	return nil
}

// Handler answers one message. An error that it returns becomes the reply.
type Handler func(Message) error

// Node is this node's name, its peers, and everything it can do to the world.
type Node struct {
	id       string
	ids      []string
	handlers map[string]Handler
	onInit   func() error

	output sync.Mutex // held while a line is written

	calls     sync.Mutex // guards the two below
	lastMsgID int64
	waiting   map[int64]chan Message

	ended chan struct{} // closed when stdin ends
}

// New makes a node.
func New() *Node {
	return &Node{
		handlers: map[string]Handler{},
		waiting:  map[int64]chan Message{},
		ended:    make(chan struct{}),
	}
}

// ID is this node's name, once it is initialised.
func (n *Node) ID() string { return n.id }

// IDs are all nodes of the cluster, this one included.
func (n *Node) IDs() []string { return n.ids }

// Peers are all nodes of the cluster but this one.
func (n *Node) Peers() []string {
	var peers []string
	for _, id := range n.ids {
		if id != n.id {
			peers = append(peers, id)
		}
	}
	return peers
}

// DataDir is a private directory that survives when this node is killed and
// started again.
func (n *Node) DataDir() string {
	if dir := os.Getenv("TAKEHOME_DATA"); dir != "" {
		return dir
	}
	return "."
}

// Handle sets the handler of a type of message.
func (n *Node) Handle(kind string, handler Handler) { n.handlers[kind] = handler }

// OnInit sets what to do once the node knows its name. It ends before any
// handler starts, and before init is answered.
func (n *Node) OnInit(f func() error) { n.onInit = f }

// Log writes a line to the log.
func (n *Node) Log(format string, args ...any) { log.Printf(format, args...) }

// Send sends a message that needs no answer. The network may lose, delay or
// repeat it.
func (n *Node) Send(dest string, body Body) {
	line, err := json.Marshal(map[string]any{"src": n.id, "dest": dest, "body": body})
	if err != nil {
		log.Fatalf("cannot encode %v: %v", body, err)
	}
	n.output.Lock()
	defer n.output.Unlock()
	if _, err := os.Stdout.Write(append(line, '\n')); err != nil {
		log.Fatal(err)
	}
}

// Reply answers a request. A message without msg_id asks for no answer, and gets
// none.
func (n *Node) Reply(request Message, body Body) {
	if request.header.MsgID != nil {
		n.Send(request.Src, body.with("in_reply_to", request.header.MsgID))
	}
}

// RPC sends a request and waits for the answer. The error is an *Error: the one
// in the answer, or Timeout when none came in time. Silence does not tell
// whether the request was carried out.
func (n *Node) RPC(dest string, body Body, timeout time.Duration) (Message, error) {
	answer := make(chan Message, 1)
	n.calls.Lock()
	n.lastMsgID++
	id := n.lastMsgID
	n.waiting[id] = answer
	n.calls.Unlock()
	defer n.takeCall(id)

	n.Send(dest, body.with("msg_id", id))
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case message := <-answer:
		if message.Type() == "error" {
			return message, &Error{message.header.Code, message.header.Text}
		}
		return message, nil
	case <-timer.C:
	case <-n.ended:
	}
	return Message{}, Errorf(Timeout, "no answer from %s", dest)
}

// SetTimer calls f once, in its own goroutine, after the given time. A timer
// that repeats sets itself again.
func (n *Node) SetTimer(after time.Duration, f func()) { time.AfterFunc(after, f) }

// Sleep waits.
func (n *Node) Sleep(d time.Duration) {
	done := make(chan struct{})
	n.SetTimer(d, func() { close(done) })
	<-done
}

// Run reads and handles messages until stdin ends.
func (n *Node) Run() error {
	var running sync.WaitGroup
	defer running.Wait()
	defer close(n.ended)
	input := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		line, err := input.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		message, err := parse(line)
		if err != nil {
			n.Log("not a message: %v", err)
			continue
		}
		switch {
		case message.Type() == "init":
			// Not in a goroutine: what follows needs the node's name.
			if err := n.init(message); err != nil {
				return err
			}
		case n.id == "":
			// From a peer that started sooner. The network loses messages, so this
			// one may go too.
			n.Log("a message before init is ignored")
		case message.header.InReplyTo != nil:
			// No such call: the answer came too late, or twice.
			if answer := n.takeCall(*message.header.InReplyTo); answer != nil {
				answer <- message
			}
		default:
			running.Add(1)
			go func() {
				defer running.Done()
				n.handle(message)
			}()
		}
	}
}

func parse(line []byte) (Message, error) {
	var message Message
	if err := json.Unmarshal(line, &message); err != nil {
		return message, err
	}
	return message, json.Unmarshal(message.Body, &message.header)
}

func (n *Node) init(message Message) error {
	var body struct {
		NodeID  string   `json:"node_id"`
		NodeIDs []string `json:"node_ids"`
	}
	if err := message.Decode(&body); err != nil {
		return err
	}
	n.id, n.ids = body.NodeID, body.NodeIDs
	if n.onInit != nil {
		if err := n.onInit(); err != nil {
			return err
		}
	}
	n.Reply(message, Body{"type": "init_ok"})
	return nil
}

func (n *Node) handle(message Message) {
	handler := n.handlers[message.Type()]
	if handler == nil {
		handler = func(m Message) error {
			return Errorf(NotSupported, "no handler for %q", m.Type())
		}
	}
	err := handler(message)
	if err == nil {
		return
	}
	n.Log("%s from %s: %v", message.Type(), message.Src, err)
	var failure *Error
	if !errors.As(err, &failure) {
		failure = Errorf(Crash, "%v", err)
	}
	n.Reply(message, Body{"type": "error", "code": failure.Code, "text": failure.Text})
}

// takeCall removes a call that waits for an answer.
func (n *Node) takeCall(id int64) chan Message {
	n.calls.Lock()
	defer n.calls.Unlock()
	answer := n.waiting[id]
	delete(n.waiting, id)
	return answer
}

// with is a copy of the body with one more field: the caller's stays untouched,
// so that it can be sent again.
func (b Body) with(key string, value any) Body {
	body := Body{}
	for k, v := range b {
		body[k] = v
	}
	body[key] = value
	return body
}
