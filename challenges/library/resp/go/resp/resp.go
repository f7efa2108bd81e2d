// Package resp reads commands of RESP2 as clients send them, and writes replies.
//
// A command is an array of bulk strings, "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n", or a line of words, "GET k\r\n".
package resp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// Largest is the largest word of a command.
const Largest = 64 << 20

// The most words of a command, and the longest line.
const (
	most    = 1 << 20
	longest = 64 << 10
)

// The end of a line.
const end = "\r\n"

// ReadCommand reads the next command; io.EOF at the end of the connection. Any other error is told to the client before
// the connection is closed: nobody knows where the next command begins.
func ReadCommand(input *bufio.Reader) ([]string, error) {
	line, err := readLine(input)
	if err != nil {
		return nil, err
	}
	if len(line) == 0 || line[0] != '*' {
		return strings.Fields(string(line)), nil
	}
	count, err := number(line[1:], most)
	if err != nil {
		return nil, err
	}
	words := make([]string, 0, min(count, 8))
	for len(words) < count {
		line, err := readLine(input)
		if err != nil {
			return nil, err
		}
		if len(line) == 0 || line[0] != '$' {
			return nil, errors.New("Protocol error: expected '$'")
		}
		length, err := number(line[1:], Largest)
		if err != nil {
			return nil, err
		}
		word, err := readWord(input, length)
		if err != nil {
			return nil, err
		}
		words = append(words, word)
	}
	return words, nil
}

// readWord reads so many bytes, and the end of the line. Memory is used for what has arrived, not for what was announced.
func readWord(input *bufio.Reader, length int) (string, error) {
	all := length + len(end)
	if all <= input.Size() {
		word, err := input.Peek(all)
		if err != nil {
			return "", err
		}
		text, err := withoutEnd(word, length)
		input.Discard(all)
		return text, err
	}
	var word bytes.Buffer
	if _, err := io.CopyN(&word, input, int64(all)); err != nil {
		return "", err
	}
	return withoutEnd(word.Bytes(), length)
}

func withoutEnd(word []byte, length int) (string, error) {
	if string(word[length:]) != end {
		return "", errors.New("Protocol error: a bulk string without its end")
	}
	return string(word[:length]), nil
}

// readLine reads a line. It is there until the next read: mostly it lies in the buffer of the input.
func readLine(input *bufio.Reader) ([]byte, error) {
	line, err := input.ReadSlice('\n')
	for err == bufio.ErrBufferFull && len(line) <= longest {
		var piece []byte
		line = bytes.Clone(line)
		piece, err = input.ReadSlice('\n')
		line = append(line, piece...)
	}
	if len(line) > longest {
		return nil, errors.New("Protocol error: too long a line")
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r")), err
}

func number(text []byte, most int) (int, error) {
	number, err := strconv.Atoi(string(text))
	if err != nil || number < 0 || number > most {
		return 0, errors.New("Protocol error: invalid length")
	}
	return number, nil
}

// Status writes a status such as OK.
func Status(out *bufio.Writer, text string) { write(out, "+", text, end) }

// Error writes an error; it begins with a word in capitals, such as ERR.
func Error(out *bufio.Writer, text string) { write(out, "-", inOneLine.Replace(text), end) }

var inOneLine = strings.NewReplacer("\r", " ", "\n", " ")

// Integer writes a number.
func Integer(out *bufio.Writer, number int64) { write(out, ":", strconv.FormatInt(number, 10), end) }

// Bulk writes a value.
func Bulk(out *bufio.Writer, value string) {
	write(out, "$", strconv.Itoa(len(value)), end, value, end)
}

// Nil says that there is no value.
func Nil(out *bufio.Writer) { write(out, "$-1", end) }

func write(out *bufio.Writer, pieces ...string) {
	for _, piece := range pieces {
		out.WriteString(piece)
	}
}
