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
	"io"
	"log"
	"math"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

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
			log.Fatal(err)
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
		if err == io.EOF {
			return
		}
		if err != nil {
			resp.Error(output, "ERR "+err.Error())
			output.Flush()
			connection.Write(answers.Bytes())
			return
		}
		batch := [][]string{command}
		for hasCommand(input) {
			if command, err = resp.ReadCommand(input); err != nil {
				break
			}
			batch = append(batch, command)
		}
		store.execute(batch, output)
		output.Flush()
		if _, err := connection.Write(answers.Bytes()); err != nil {
			return
		}
		answers.Reset()
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

// Store holds the values, and the log that brings them back.
type Store struct {
	sync.Mutex
	values map[string]string
	log    *os.File
	// What has changed and is not in the log yet; nothing while nobody holds the lock.
	unwritten []byte
}

// open does again what the log holds.
func open(path string) (*Store, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	store := &Store{values: map[string]string{}, log: file}
	counted := &counter{inner: file}
	input := bufio.NewReader(counted)
	whole := int64(0)
	for {
		command, err := resp.ReadCommand(input)
		if err != nil {
			break
		}
		switch len(command) {
		case 3:
			store.values[command[1]] = command[2]
		case 2:
			delete(store.values, command[1])
		}
		whole = counted.read - int64(input.Buffered())
	}
	return store, file.Truncate(whole)
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

// execute answers commands in one turn with the lock; what they change is in the log before anybody is told.
func (s *Store) execute(batch [][]string, output *bufio.Writer) {
	s.Lock()
	defer s.Unlock()
	for _, command := range batch {
		if len(command) > 0 {
			s.one(strings.ToUpper(command[0]), command[1:], output)
		}
	}
	// In one call: a process that is killed leaves whole commands at the end, and at most the beginning of one.
	if _, err := s.log.Write(s.unwritten); err != nil {
		// Nobody can say how much of it is there. Better no store than one that may be wrong.
		log.Fatalf("the log cannot be written: %v", err)
	}
	s.unwritten = s.unwritten[:0]
}

// arguments says how many each command takes.
var arguments = map[string]int{
	"PING": 0, "ECHO": 1, "GET": 1, "DEL": 1, "INCR": 1, "DECR": 1, "SET": 2, "INCRBY": 2, "DECRBY": 2, "APPEND": 2,
}

func (s *Store) one(name string, words []string, output *bufio.Writer) {
	count, known := arguments[name]
	if !known {
		resp.Error(output, "ERR unknown command '"+name+"'")
		return
	}
	if count != len(words) {
		resp.Error(output, "ERR wrong number of arguments for '"+name+"'")
		return
	}
	switch name {
	case "PING":
		resp.Status(output, "PONG")
	case "ECHO":
		resp.Bulk(output, words[0])
	case "GET":
		if value, there := s.values[words[0]]; there {
			resp.Bulk(output, value)
		} else {
			resp.Nil(output)
		}
	case "SET":
		s.set(words[0], words[1])
		resp.Status(output, "OK")
	case "DEL":
		_, there := s.values[words[0]]
		if there {
			delete(s.values, words[0])
			s.unwritten = encode(s.unwritten, "DEL", words[0])
			resp.Integer(output, 1)
		} else {
			resp.Integer(output, 0)
		}
	case "APPEND":
		value := s.values[words[0]] + words[1]
		s.set(words[0], value)
		resp.Integer(output, int64(len(value)))
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

func (s *Store) set(key, value string) {
	s.values[key] = value
	s.unwritten = encode(s.unwritten, "SET", key, value)
}

func (s *Store) add(key, text string, sign int64, output *bufio.Writer) {
	value, there := s.values[key]
	if !there {
		value = "0"
	}
	before, err := strconv.ParseInt(value, 10, 64)
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
	s.set(key, strconv.FormatInt(before+delta, 10))
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
