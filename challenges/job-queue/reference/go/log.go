package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"time"
)

// Log is what has changed, in the order in which it did. An entry is a line; behind that of a put come the data and another
// line end. A log that ends in the middle of an entry was being written when the process was killed: that was told to nobody.
type Log struct {
	file *os.File
	// unwritten is empty while nobody holds the lock.
	unwritten bytes.Buffer
}

// open gives the queue as its log has it: jobs that somebody had are ready again.
func open(folder string) (*Queue, error) {
	file, err := os.OpenFile(filepath.Join(folder, "log"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	queue := &Queue{jobs: map[uint64]*Job{}, tubes: map[string]*Tube{}, names: map[*Tube]string{}, log: &Log{file: file}}
	queue.lock.Lock()
	defer queue.lock.Unlock()
	input := bufio.NewReader(file)
	whole := int64(0)
	for {
		length, err := queue.again(input)
		if err != nil {
			break
		}
		whole += length
	}
	return queue, file.Truncate(whole)
}

// again does once more what the next entry did, and tells its length.
func (queue *Queue) again(input *bufio.Reader) (int64, error) {
	line, err := input.ReadString('\n')
	if err != nil {
		return 0, err
	}
	var name, tube string
	var id uint64
	var priority, ttr uint32
	var at int64
	var size int
	fmt.Sscan(line, &name, &id)
	job := queue.jobs[id]
	switch {
	case name == "put":
		if _, err := fmt.Sscan(line, &name, &id, &priority, &at, &ttr, &tube, &size); err != nil {
			return 0, err
		}
		data := make([]byte, size+1)
		if _, err := io.ReadFull(input, data); err != nil {
			return 0, err
		}
		queue.lastID = max(queue.lastID, id)
		job := &Job{id: id, tube: queue.tube(tube), priority: priority, ttr: ttr, data: string(data[:size])}
		queue.add(job, left(at))
		return int64(len(line) + len(data)), nil
	case job == nil:
		return 0, fmt.Errorf("job %d is not there", id)
	case name == "delete":
		queue.remove(job)
	case name == "release":
		fmt.Sscan(line, &name, &id, &priority, &at)
		queue.release(job, priority, left(at))
	case name == "bury":
		fmt.Sscan(line, &name, &id, &priority)
		queue.bury(job, priority)
	case name == "kick":
		queue.move(job, ready, 0, nil)
	}
	return int64(len(line)), nil
}

// left is how many seconds there are until a moment of the log.
func left(at int64) uint32 {
	if at == 0 {
		return 0
	}
	return uint32(max(time.Until(time.UnixMilli(at)).Seconds(), 0) + 0.999)
}

func (l *Log) put(job *Job, tube string, delay uint32) {
	l.write("put %d %d %d %d %s %d", job.id, job.priority, moment(delay), job.ttr, tube, len(job.data))
	l.unwritten.WriteString(job.data)
	l.unwritten.WriteByte('\n')
}

func (l *Log) write(form string, words ...any) {
	fmt.Fprintf(&l.unwritten, form+"\n", words...)
}

// commit writes what has changed, in one call: a process that is killed leaves whole entries, and at most the beginning of
// one.
func (l *Log) commit() {
	if l.unwritten.Len() == 0 {
		return
	}
	if _, err := l.file.Write(l.unwritten.Bytes()); err != nil {
		// Nobody can say how much of it is there. Better no queue than one that may be wrong.
		log.Fatal("the log cannot be written: ", err)
	}
	l.unwritten.Reset()
}
