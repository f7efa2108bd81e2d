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

// The largest word of a command, the most words, and the longest line.
const (
	largest = 64 << 20
	most    = 1 << 20
	longest = 64 << 10
)

// ReadCommand reads the next command; io.EOF at the end of the connection. Any other error is told to the client before
// the connection is closed: nobody knows where the next command begins.
func ReadCommand(input *bufio.Reader) ([]string, error) {
	line, err := readLine(input)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(line, "*") {
		return strings.Fields(line), nil
	}
	count, err := number(line[1:], most)
	if err != nil {
		return nil, err
	}
	var words []string
	for len(words) < count {
		line, err := readLine(input)
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(line, "$") {
			return nil, errors.New("Protocol error: expected '$'")
		}
		length, err := number(line[1:], largest)
		if err != nil {
			return nil, err
		}
		word, err := readWord(input, length+2)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(word, "\r\n") {
			return nil, errors.New("Protocol error: a bulk string without its end")
		}
		words = append(words, word[:length])
	}
	return words, nil
}

// readWord reads so many bytes. Memory is used for what has arrived, not for what was announced.
func readWord(input *bufio.Reader, length int) (string, error) {
	if length <= input.Size() {
		word := make([]byte, length)
		_, err := io.ReadFull(input, word)
		return string(word), err
	}
	var word bytes.Buffer
	_, err := io.CopyN(&word, input, int64(length))
	return word.String(), err
}

func readLine(input *bufio.Reader) (string, error) {
	var line []byte
	for {
		piece, err := input.ReadSlice('\n')
		line = append(line, piece...)
		if len(line) > longest {
			return "", errors.New("Protocol error: too long a line")
		}
		if err != bufio.ErrBufferFull {
			return strings.TrimRight(string(line), "\r\n"), err
		}
	}
}

func number(text string, most int) (int, error) {
	number, err := strconv.Atoi(text)
	if err != nil || number < 0 || number > most {
		return 0, errors.New("Protocol error: invalid length")
	}
	return number, nil
}

// Status writes a status such as OK.
func Status(out *bufio.Writer, text string) { out.WriteString("+" + text + "\r\n") }

// Error writes an error; it begins with a word in capitals, such as ERR.
func Error(out *bufio.Writer, text string) { out.WriteString("-" + text + "\r\n") }

// Integer writes a number.
func Integer(out *bufio.Writer, number int64) {
	out.WriteString(":" + strconv.FormatInt(number, 10) + "\r\n")
}

// Bulk writes a value.
func Bulk(out *bufio.Writer, value string) {
	out.WriteString("$" + strconv.Itoa(len(value)) + "\r\n" + value + "\r\n")
}

// Nil says that there is no value.
func Nil(out *bufio.Writer) { out.WriteString("$-1\r\n") }
