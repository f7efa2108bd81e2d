// Command solution is a key-value store that many clients may use at once and that forgets nothing it has acknowledged.
//
// One lock holds the values and the log of what changed them. Each change is in the log, as the command that made it,
// before anybody is told of it or can see it: both happen under the lock. Commands of one client that have arrived together
// take one turn with the lock, one write to the log and one to the client. A log that ends in the middle of a command was
// being written when the process was killed; that command was acknowledged to nobody.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"solution/resp"
)

func main() {
	address := os.Getenv("TAKEHOME_LISTEN")
	if address == "" {
		address = "127.0.0.1:6379"
	}
	folder := os.Getenv("TAKEHOME_DATA")
	if folder == "" {
		folder = "."
	}
	store, err := open(filepath.Join(folder, "log"))
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
			// Whoever could not be let in, such as for want of a file, is no reason to end.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		go serve(connection, store)
	}
}

func serve(connection net.Conn, store *Store) {
	defer connection.Close()
	input := bufio.NewReaderSize(connection, 64<<10)
	var answers bytes.Buffer
	output := bufio.NewWriter(&answers)
	for {
		command, err := resp.ReadCommand(input)
		var batch [][]string
		for err == nil {
			batch = append(batch, command)
			if !hasCommand(input) {
				break
			}
			command, err = resp.ReadCommand(input)
		}
		for len(batch) > 0 {
			batch = store.execute(batch, &answers, output)
			if _, err := connection.Write(answers.Bytes()); err != nil {
				return
			}
			answers.Reset()
			if answers.Cap() > mostUnsent {
				answers = bytes.Buffer{}
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			resp.Error(output, "ERR "+err.Error())
			output.Flush()
			connection.Write(answers.Bytes())
			return
		}
	}
}

// hasCommand tells whether all of the next command has arrived, if it is an array.
func hasCommand(input *bufio.Reader) bool {
	rest, _ := input.Peek(input.Buffered())
	if len(rest) == 0 || rest[0] != '*' {
		return false
	}
	count, rest := header(rest)
	for ; count > 0; count-- {
		length, behind := header(rest)
		if length < 0 || len(behind) < length+2 {
			return false
		}
		rest = behind[length+2:]
	}
	return count == 0
}

// header reads the number behind the first byte of a line; it is negative where the line has not arrived or has none.
func header(buffer []byte) (int, []byte) {
	end := bytes.IndexByte(buffer, '\n')
	if end < 2 {
		return -1, nil
	}
	number, err := strconv.Atoi(string(buffer[1 : end-1]))
	if err != nil || number > len(buffer) {
		return -1, nil
	}
	return number, buffer[end+1:]
}

// Entry is a value, and until when it stays: milliseconds since 1970, or 0 where it stays.
type Entry struct {
	value string
	until int64
}

// Store holds the values, and the log that brings them back. A value whose time is over counts as gone whenever somebody
// looks, and is taken away when its key is written to.
type Store struct {
	sync.Mutex
	values map[string]Entry
	log    *os.File
	// What has changed and is not in the log yet; nothing while nobody holds the lock.
	unwritten []byte
}

// mostUnsent bounds the answers of one client that are kept until they are sent: whoever reads nothing is not worked for.
const mostUnsent = 1 << 20

// open does again what the log holds.
func open(path string) (*Store, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	store := &Store{values: map[string]Entry{}, log: file}
	counted := &counter{inner: file}
	input := bufio.NewReader(counted)
	whole := int64(0)
	for {
		command, err := resp.ReadCommand(input)
		var failed *os.PathError
		if errors.As(err, &failed) {
			return nil, err
		}
		if err != nil {
			break
		}
		store.apply(command)
		whole = counted.read - int64(input.Buffered())
	}
	return store, file.Truncate(whole)
}

// apply does again what a command of the log did.
func (s *Store) apply(command []string) {
	if len(command) == 0 {
		return
	}
	words := command[1:]
	switch command[0] {
	case "SET":
		until := int64(0)
		if len(words) == 3 {
			until, _ = strconv.ParseInt(words[2], 10, 64)
		}
		s.values[words[0]] = Entry{words[1], until}
	case "MSET":
		for ; len(words) > 1; words = words[2:] {
			s.values[words[0]] = Entry{words[1], 0}
		}
	case "DEL":
		for _, key := range words {
			delete(s.values, key)
		}
	}
}

// counter counts what is read through it.
type counter struct {
	inner io.Reader
	read  int64
}

func (c *counter) Read(buffer []byte) (int, error) {
	count, err := c.inner.Read(buffer)
	c.read += int64(count)
	return count, err
}

// execute answers commands in one turn with the lock; what they change is in the log before anybody is told. It returns
// those for whose answers there was no room.
func (s *Store) execute(batch [][]string, answers *bytes.Buffer, output *bufio.Writer) [][]string {
	s.Lock()
	defer s.Unlock()
	for len(batch) > 0 && answers.Len() < mostUnsent {
		if command := batch[0]; len(command) > 0 {
			s.one(strings.ToUpper(command[0]), command[1:], output)
		}
		batch = batch[1:]
	}
	output.Flush()
	if len(s.unwritten) == 0 {
		return batch
	}
	// In one call: a process that is killed leaves whole commands at the end, and at most the beginning of one.
	if _, err := s.log.Write(s.unwritten); err != nil {
		// Nobody can say how much of it is there. Better no store than one that may be wrong.
		log.Fatalf("the log cannot be written: %v", err)
	}
	s.unwritten = s.unwritten[:0]
	if cap(s.unwritten) > mostUnsent {
		s.unwritten = nil
	}
	return batch
}

// arguments says how many each command takes at least, and whether it takes more.
var arguments = map[string]struct {
	least int
	more  bool
}{
	"PING": {0, false}, "ECHO": {1, false}, "GET": {1, false}, "SET": {2, true}, "GETSET": {2, false}, "MSET": {2, true},
	"DEL": {1, true}, "INCR": {1, false}, "DECR": {1, false}, "INCRBY": {2, false}, "DECRBY": {2, false}, "APPEND": {2, false},
}

func (s *Store) one(name string, words []string, output *bufio.Writer) {
	takes, known := arguments[name]
	if !known {
		resp.Error(output, "ERR unknown command '"+name+"'")
		return
	}
	count := len(words)
	if count < takes.least || (count > takes.least && !takes.more) || (name == "MSET" && count%2 != 0) {
		resp.Error(output, "ERR wrong number of arguments for '"+name+"'")
		return
	}
	switch name {
	case "PING":
		resp.Status(output, "PONG")
	case "ECHO":
		resp.Bulk(output, words[0])
	case "GET":
		s.get(words[0], output)
	case "SET":
		s.setWith(words[0], words[1], words[2:], output)
	case "GETSET":
		s.get(words[0], output)
		s.set(words[0], words[1], 0)
	case "MSET":
		s.unwritten = encode(s.unwritten, append([]string{"MSET"}, words...)...)
		s.apply(append([]string{"MSET"}, words...))
		resp.Status(output, "OK")
	case "DEL":
		s.remove(words, output)
	case "APPEND":
		before, _ := s.now(words[0])
		if len(before.value)+len(words[1]) > resp.Largest {
			resp.Error(output, "ERR too large a value")
			return
		}
		s.set(words[0], before.value+words[1], before.until)
		resp.Integer(output, int64(len(before.value)+len(words[1])))
	case "INCR":
		s.add(words[0], "1", 1, output)
	case "DECR":
		s.add(words[0], "1", -1, output)
	case "INCRBY":
		s.add(words[0], words[1], 1, output)
	case "DECRBY":
		s.add(words[0], words[1], -1, output)
	}
}

// now is what is there for a key at this moment, and whether anything is.
func (s *Store) now(key string) (Entry, bool) {
	entry, there := s.values[key]
	if there && entry.until != 0 && entry.until <= time.Now().UnixMilli() {
		return Entry{}, false
	}
	return entry, there
}

func (s *Store) get(key string, output *bufio.Writer) {
	if entry, there := s.now(key); there {
		resp.Bulk(output, entry.value)
	} else {
		resp.Nil(output)
	}
}

// setWith sets a key if its options allow it.
func (s *Store) setWith(key, value string, options []string, output *bufio.Writer) {
	condition, until := "", int64(0)
	for ; len(options) > 0; options = options[1:] {
		option := strings.ToUpper(options[0])
		switch {
		case (option == "NX" || option == "XX") && condition == "":
			condition = option
		case (option == "EX" || option == "PX") && until == 0 && len(options) > 1:
			stay, err := strconv.ParseInt(options[1], 10, 64)
			if err != nil || stay <= 0 || stay > math.MaxInt64/2000 {
				resp.Error(output, "ERR invalid expire time in 'set' command")
				return
			}
			if option == "EX" {
				stay *= 1000
			}
			until = time.Now().UnixMilli() + stay
			options = options[1:]
		default:
			resp.Error(output, "ERR syntax error")
			return
		}
	}
	if _, there := s.now(key); condition != "" && there != (condition == "XX") {
		resp.Nil(output)
		return
	}
	s.set(key, value, until)
	resp.Status(output, "OK")
}

func (s *Store) set(key, value string, until int64) {
	s.values[key] = Entry{value, until}
	if until == 0 {
		s.unwritten = encode(s.unwritten, "SET", key, value)
	} else {
		s.unwritten = encode(s.unwritten, "SET", key, value, strconv.FormatInt(until, 10))
	}
}

// remove takes keys away: one command of the log, which is there as a whole or not at all.
func (s *Store) remove(keys []string, output *bufio.Writer) {
	count, logged := int64(0), []string{"DEL"}
	for _, key := range keys {
		if _, there := s.now(key); there {
			count++
		}
		if _, there := s.values[key]; there {
			delete(s.values, key)
			logged = append(logged, key)
		}
	}
	if len(logged) > 1 {
		s.unwritten = encode(s.unwritten, logged...)
	}
	resp.Integer(output, count)
}

func (s *Store) add(key, text string, sign int64, output *bufio.Writer) {
	entry, there := s.now(key)
	if !there {
		entry.value = "0"
	}
	before, err := strconv.ParseInt(entry.value, 10, 64)
	delta, wrong := strconv.ParseInt(text, 10, 64)
	if err != nil || wrong != nil || (sign < 0 && delta == math.MinInt64) {
		resp.Error(output, "ERR value is not an integer or out of range")
		return
	}
	delta *= sign
	if (delta > 0 && before > math.MaxInt64-delta) || (delta < 0 && before < math.MinInt64-delta) {
		resp.Error(output, "ERR increment or decrement would overflow")
		return
	}
	s.set(key, strconv.FormatInt(before+delta, 10), entry.until)
	resp.Integer(output, before+delta)
}

func encode(log []byte, words ...string) []byte {
	log = append(log, '*')
	log = strconv.AppendInt(log, int64(len(words)), 10)
	log = append(log, "\r\n"...)
	for _, word := range words {
		log = append(log, '$')
		log = strconv.AppendInt(log, int64(len(word)), 10)
		log = append(log, "\r\n"...)
		log = append(log, word...)
		log = append(log, "\r\n"...)
	}
	return log
}
