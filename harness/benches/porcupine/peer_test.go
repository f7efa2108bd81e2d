// Porcupine's half of the comparison that `run` makes: its own checker and the models of its own tests, on histories in
// takehome's format. Copied into a scratch copy of Porcupine's sources.
package porcupine

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// No value of a register, as Porcupine's model of etcd has it.
const noValue = -1000000

func TestPeer(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(os.Getenv("PEER_FOLDER"), "*.tsv"))
	if err != nil || len(paths) == 0 {
		t.Skip("no histories; this test is run by takehome's comparison")
	}
	limit, err := time.ParseDuration(os.Getenv("PEER_LIMIT"))
	if err != nil {
		t.Fatal(err)
	}
	var parts [][]Operation
	model := etcdModel
	if initial, err := strconv.Atoi(os.Getenv("PEER_INITIAL")); err == nil {
		model.Init = func() interface{} { return initial }
	}
	files := make([]int, 0)
	for index, path := range paths {
		operations, keyed := readHistory(t, path)
		if !keyed {
			parts = append(parts, operations)
			files = append(files, index)
			continue
		}
		// One key after the other, so that each is decided: together they end with the first that is illegal.
		model = kvModel
		for _, part := range kvModel.Partition(operations) {
			parts = append(parts, part)
			files = append(files, index)
		}
	}
	var illegal map[int]bool
	var undecided int
	var times []time.Duration
	for begin := time.Now(); len(times) == 0 || time.Since(begin) < 200*time.Millisecond; {
		illegal, undecided = make(map[int]bool), 0
		start := time.Now()
		for index, part := range parts {
			switch CheckOperationsTimeout(model, part, limit) {
			case Illegal:
				illegal[files[index]] = true
			case Unknown:
				undecided++
			}
		}
		times = append(times, time.Since(start))
	}
	sort.Slice(times, func(a, b int) bool { return times[a] < times[b] })
	elapsed := times[len(times)/2]
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("RESULT\t%d\t%d\t%d\t%d\t%d\n", len(paths), len(illegal), undecided, elapsed.Nanoseconds(), usage.Maxrss)
}

func readHistory(t *testing.T, path string) (operations []Operation, keyed bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for number, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		columns := strings.Split(line, "\t")
		if columns[3] == "failed" {
			continue
		}
		call, err := strconv.ParseInt(columns[1], 10, 64)
		if err != nil {
			t.Fatalf("%s:%d: %v", path, number+2, err)
		}
		pending := columns[2] == "-"
		ret := int64(1) << 62
		if !pending {
			if ret, err = strconv.ParseInt(columns[2], 10, 64); err != nil {
				t.Fatalf("%s:%d: %v", path, number+2, err)
			}
		}
		operation := Operation{ClientId: 0, Call: call, Return: ret}
		if columns[5] != "-" {
			keyed = true
			if pending {
				t.Fatalf("%s:%d: pending operations of keys are not compared", path, number+2)
			}
			operation.Input, operation.Output = kvOperation(columns)
		} else {
			operation.Input, operation.Output = registerOperation(columns, pending)
		}
		operations = append(operations, operation)
	}
	return operations, keyed
}

func kvOperation(columns []string) (kvInput, kvOutput) {
	op := map[string]uint8{"read": 0, "write": 1, "append": 2}[columns[4]]
	return kvInput{op: op, key: unquoted(columns[5]), value: unquoted(columns[6])}, kvOutput{value: unquoted(columns[7])}
}

func unquoted(column string) string {
	var text string
	if json.Unmarshal([]byte(column), &text) != nil {
		return ""
	}
	return text
}

func registerOperation(columns []string, pending bool) (etcdInput, etcdOutput) {
	switch columns[4] {
	case "read":
		value, err := strconv.Atoi(columns[7])
		// Knossos takes a read of nil for one whose result is not known.
		wildcard := pending || columns[7] == "-" || columns[7] == "null" && os.Getenv("PEER_INITIAL") != ""
		return etcdInput{op: 0}, etcdOutput{exists: err == nil, value: value, unknown: wildcard}
	case "write":
		value, _ := strconv.Atoi(columns[6])
		return etcdInput{op: 1, arg1: value}, etcdOutput{}
	default:
		var pair [2]int
		_ = json.Unmarshal([]byte(columns[6]), &pair)
		return etcdInput{op: 2, arg1: pair[0], arg2: pair[1]}, etcdOutput{ok: columns[7] != "false", unknown: pending}
	}
}
