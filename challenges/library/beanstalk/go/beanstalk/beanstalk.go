// Package beanstalk reads commands of beanstalkd's protocol as clients send them.
//
// A command is a line of words between single spaces, "reserve-with-timeout 5\r\n"; behind that of put come the data of the
// job and another line end, "put 0 0 60 5\r\nhello\r\n".
package beanstalk

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

// The most bytes of a job's data, of a tube's name, and of a line with its end.
const (
	MostData = 65535
	mostName = 200
	mostLine = 224
)

// Command is a command with its words. Times are seconds.
type Command struct {
	// Name is the command's, such as "put".
	Name string
	// ID is the job's; of kick, the bound.
	ID uint64
	// Priority, Delay and TTR are as they were given.
	Priority, Delay, TTR uint32
	// Timeout is that of reserve-with-timeout.
	Timeout uint32
	// Tube is its name.
	Tube string
	// Data is the job's.
	Data string
	// Wrong is the answer to what is no command, and empty for one that is.
	Wrong string
}

// ErrLine is told to the client as BAD_FORMAT before the connection is closed: nobody knows where the next command begins.
var ErrLine = errors.New("a line without its end")

// Read reads what comes next; io.EOF at the end of the connection.
func Read(input *bufio.Reader) (Command, error) {
	line, err := readLine(input)
	if err != nil {
		return Command{}, err
	}
	words := strings.Split(line, " ")
	command := Command{Name: words[0]}
	fields, known := forms[command.Name]
	if !known || strings.TrimSpace(line) == "" {
		return Command{Wrong: "UNKNOWN_COMMAND"}, nil
	}
	if len(words) != len(fields)+1 {
		return Command{Wrong: "BAD_FORMAT"}, nil
	}
	var bytes uint64
	for index, field := range fields {
		if !command.take(field, words[index+1], &bytes) {
			return Command{Wrong: "BAD_FORMAT"}, nil
		}
	}
	if command.Name == "put" {
		return readData(input, command, bytes)
	}
	return command, nil
}

// forms are the commands and what comes behind their names.
var forms = map[string][]string{
	"put": {"priority", "delay", "ttr", "bytes"}, "reserve": {}, "reserve-with-timeout": {"timeout"},
	"delete": {"id"}, "release": {"id", "priority", "delay"}, "bury": {"id", "priority"}, "touch": {"id"},
	"kick": {"id"}, "kick-job": {"id"}, "peek": {"id"}, "peek-ready": {}, "peek-delayed": {}, "peek-buried": {},
	"use": {"tube"}, "watch": {"tube"}, "ignore": {"tube"}, "quit": {},
}

func (command *Command) take(field, word string, bytes *uint64) bool {
	small := func(value *uint32) bool {
		number, err := strconv.ParseUint(word, 10, 32)
		*value = uint32(number)
		return err == nil
	}
	large := func(value *uint64) (ok bool) {
		number, err := strconv.ParseUint(word, 10, 64)
		*value = number
		return err == nil
	}
	switch field {
	case "priority":
		return small(&command.Priority)
	case "delay":
		return small(&command.Delay)
	case "ttr":
		return small(&command.TTR)
	case "timeout":
		return small(&command.Timeout)
	case "id":
		return large(&command.ID)
	case "bytes":
		return large(bytes)
	}
	command.Tube = word
	return isName(word)
}

func isName(word string) bool {
	if word == "" || len(word) > mostName || word[0] == '-' {
		return false
	}
	for _, letter := range []byte(word) {
		isLetter := letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z' || letter >= '0' && letter <= '9'
		if !isLetter && !strings.ContainsRune("-+/;.$_()", rune(letter)) {
			return false
		}
	}
	return true
}

func readData(input *bufio.Reader, command Command, bytes uint64) (Command, error) {
	if bytes > MostData {
		// It is passed over, however much it is.
		all := int64(bytes + 2)
		if bytes > 1<<62 {
			all = 1 << 62
		}
		_, err := io.CopyN(io.Discard, input, all)
		return Command{Wrong: "JOB_TOO_BIG"}, err
	}
	data := make([]byte, bytes+2)
	if _, err := io.ReadFull(input, data); err != nil {
		return Command{}, err
	}
	if data[bytes] != '\r' || data[bytes+1] != '\n' {
		return Command{Wrong: "EXPECTED_CRLF"}, nil
	}
	command.Data = string(data[:bytes])
	return command, nil
}

func readLine(input *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < mostLine {
		letter, err := input.ReadByte()
		if err != nil {
			return "", err
		}
		line = append(line, letter)
		if letter == '\n' {
			text, ended := strings.CutSuffix(string(line), "\r\n")
			if !ended {
				return "", ErrLine
			}
			return text, nil
		}
	}
	return "", ErrLine
}
