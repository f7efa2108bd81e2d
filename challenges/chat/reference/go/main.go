// A chat room for many members at once.
//
// One lock holds the members. Whoever says something puts it into the channel of each of the others in one turn with that
// lock, so that all hear everything in one order; nobody writes to a connection meanwhile. A channel has a bound: who reads too
// little for too long is out.
package main

import (
	"bufio"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// The longest line, and how many lines may wait for one member.
const (
	mostLine    = 64 << 10
	mostWaiting = 1000
)

type member struct {
	name       string
	connection net.Conn
	outbox     chan string
}

// put adds a line to what waits for a member, or ends its connection: its own goroutine sees that, and takes it out.
func (m *member) put(line string) {
	select {
	case m.outbox <- line:
	default:
		m.connection.Close()
	}
}

// empty sends what there is, until nothing more comes.
func (m *member) empty(sent chan<- struct{}) {
	defer close(sent)
	output := bufio.NewWriter(m.connection)
	for line := range m.outbox {
		output.WriteString(line)
		if len(m.outbox) == 0 && output.Flush() != nil {
			m.connection.Close()
		}
	}
	output.Flush()
}

type room struct {
	lock    sync.Mutex
	members map[*member]bool
}

func (r *room) join(m *member, name string) {
	r.lock.Lock()
	defer r.lock.Unlock()
	r.tell(m, "* "+name+" has entered the room\n")
	var names []string
	for other := range r.members {
		names = append(names, other.name)
	}
	m.name = name
	m.put("* The room contains: " + strings.Join(names, ", ") + "\n")
	r.members[m] = true
}

func (r *room) leave(m *member) {
	r.lock.Lock()
	defer r.lock.Unlock()
	if r.members[m] {
		delete(r.members, m)
		r.tell(m, "* "+m.name+" has left the room\n")
	}
}

// tell tells all but one. The lock is held.
func (r *room) tell(allBut *member, line string) {
	for m := range r.members {
		if m != allBut {
			m.put(line)
		}
	}
}

func main() {
	address := os.Getenv("TAKEHOME_LISTEN")
	if address == "" {
		address = "127.0.0.1:7000"
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	room := &room{members: map[*member]bool{}}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Print(err)
			// Too many open files, as a rule: some of them will be closed.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go serve(connection, room)
	}
}

func serve(connection net.Conn, room *room) {
	m := &member{connection: connection, outbox: make(chan string, mostWaiting)}
	sent := make(chan struct{})
	go m.empty(sent)
	talk(m, room)
	room.leave(m)
	close(m.outbox)
	<-sent
	connection.Close()
}

// talk takes a name, and passes on what is said then.
func talk(m *member, room *room) {
	m.put("* Welcome. What is your name?\n")
	input := bufio.NewScanner(m.connection)
	input.Buffer(nil, mostLine)
	if !input.Scan() {
		return
	}
	name := input.Text()
	if !isName(name) {
		m.put("* A name is letters and digits.\n")
		return
	}
	room.join(m, name)
	for input.Scan() {
		line := "[" + name + "] " + input.Text() + "\n"
		room.lock.Lock()
		room.tell(m, line)
		room.lock.Unlock()
	}
}

func isName(text string) bool {
	for _, letter := range []byte(text) {
		isLetter := letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9'
		if !isLetter {
			return false
		}
	}
	return text != ""
}
