package main

import (
	"fmt"
	"sort"
	"sync"
	"time"

	"solution/beanstalk"
)

// A client that waits hears when a job of its own has only so long left.
const margin = time.Second

// Job is in one place at a time: ready, delayed or buried in its tube, or with a client.
type Job struct {
	id       uint64
	tube     *Tube
	priority uint32
	ttr      uint32
	data     string
	place    place
	// until is when a delay or a time to run is over.
	until  time.Time
	holder *Client
	timer  *time.Timer
}

type place int

const (
	ready place = iota
	delayed
	held
	buried
)

// Tube has its jobs in the order in which they are handed out, kicked or shown.
type Tube struct {
	ready, delayed, buried []*Job
	// waiting are the clients that wait, as they came.
	waiting []*Client
}

// Client is one connection.
type Client struct {
	uses    *Tube
	watches []*Tube
	holds   map[uint64]*Job
	waits   bool
	timer   *time.Timer
	// told is what the client has waited for.
	told chan string
}

// Queue is all that one lock holds.
type Queue struct {
	lock   sync.Mutex
	jobs   map[uint64]*Job
	tubes  map[string]*Tube
	names  map[*Tube]string
	lastID uint64
	log    *Log
}

func (queue *Queue) tube(name string) *Tube {
	tube := queue.tubes[name]
	if tube == nil {
		tube = &Tube{}
		queue.tubes[name], queue.names[tube] = tube, name
	}
	return tube
}

func (queue *Queue) join() *Client {
	queue.lock.Lock()
	defer queue.lock.Unlock()
	tube := queue.tube("default")
	return &Client{uses: tube, watches: []*Tube{tube}, holds: map[uint64]*Job{}, told: make(chan string, 1)}
}

// leave makes the jobs of a client that is gone ready again.
func (queue *Queue) leave(client *Client) {
	queue.lock.Lock()
	defer queue.lock.Unlock()
	client.stopWaiting()
	jobs := make([]*Job, 0, len(client.holds))
	for _, job := range client.holds {
		jobs = append(jobs, job)
	}
	for _, job := range jobs {
		queue.move(job, ready, 0, nil)
	}
}

// execute does what a command says; nothing is its answer where the client has to wait for one.
func (queue *Queue) execute(client *Client, command beanstalk.Command) string {
	queue.lock.Lock()
	defer queue.lock.Unlock()
	defer queue.log.commit()
	job := queue.jobs[command.ID]
	mine := job != nil && job.holder == client
	switch command.Name {
	case "put":
		queue.lastID++
		job := &Job{id: queue.lastID, tube: client.uses, priority: command.Priority, ttr: max(command.TTR, 1), data: command.Data}
		queue.log.put(job, queue.names[job.tube], command.Delay)
		queue.add(job, command.Delay)
		return fmt.Sprintf("INSERTED %d", job.id)
	case "reserve":
		return queue.reserve(client, -1)
	case "reserve-with-timeout":
		return queue.reserve(client, time.Duration(command.Timeout)*time.Second)
	case "delete":
		if job == nil || job.place == held && !mine {
			return "NOT_FOUND"
		}
		queue.log.write("delete %d", job.id)
		queue.remove(job)
		return "DELETED"
	case "release":
		if !mine {
			return "NOT_FOUND"
		}
		queue.log.write("release %d %d %d", job.id, command.Priority, moment(command.Delay))
		queue.release(job, command.Priority, command.Delay)
		return "RELEASED"
	case "bury":
		if !mine {
			return "NOT_FOUND"
		}
		queue.log.write("bury %d %d", job.id, command.Priority)
		queue.bury(job, command.Priority)
		return "BURIED"
	case "touch":
		if !mine {
			return "NOT_FOUND"
		}
		queue.move(job, held, job.ttr, client)
		return "TOUCHED"
	case "kick":
		return queue.kick(client.uses, command.ID)
	case "kick-job":
		if job == nil || job.place == ready || job.place == held {
			return "NOT_FOUND"
		}
		queue.kickOne(job)
		return "KICKED"
	case "peek":
		return shown("FOUND", job)
	case "peek-ready":
		return shown("FOUND", first(client.uses.ready))
	case "peek-delayed":
		return shown("FOUND", first(client.uses.delayed))
	case "peek-buried":
		return shown("FOUND", first(client.uses.buried))
	case "use":
		client.uses = queue.tube(command.Tube)
		return "USING " + command.Tube
	case "watch":
		tube := queue.tube(command.Tube)
		if index(client.watches, tube) < 0 {
			client.watches = append(client.watches, tube)
		}
		return fmt.Sprintf("WATCHING %d", len(client.watches))
	default:
		return client.ignore(queue.tube(command.Tube))
	}
}

func (client *Client) ignore(tube *Tube) string {
	at := index(client.watches, tube)
	if at >= 0 && len(client.watches) == 1 {
		return "NOT_IGNORED"
	}
	if at >= 0 {
		client.watches = append(client.watches[:at], client.watches[at+1:]...)
	}
	return fmt.Sprintf("WATCHING %d", len(client.watches))
}

// reserve hands the best job out, or has the client wait for one; without an end where the timeout is below 0.
func (queue *Queue) reserve(client *Client, timeout time.Duration) string {
	var best *Job
	for _, tube := range client.watches {
		if job := first(tube.ready); job != nil && (best == nil || before(job, best)) {
			best = job
		}
	}
	if best != nil {
		queue.move(best, held, best.ttr, client)
		return shown("RESERVED", best)
	}
	wait, end := timeout, "TIMED_OUT"
	for _, job := range client.holds {
		if left := time.Until(job.until) - margin; wait < 0 || left < wait {
			wait, end = max(left, 0), "DEADLINE_SOON"
		}
	}
	if wait == 0 {
		return end
	}
	client.waits = true
	for _, tube := range client.watches {
		tube.waiting = append(tube.waiting, client)
	}
	if wait > 0 {
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			queue.lock.Lock()
			defer queue.lock.Unlock()
			// It may have stopped, and wait for something else by now.
			if client.waits && client.timer == timer {
				client.stopWaiting()
				client.told <- end
			}
		})
		client.timer = timer
	}
	return ""
}

func (client *Client) stopWaiting() {
	if !client.waits {
		return
	}
	client.waits = false
	if client.timer != nil {
		client.timer.Stop()
		client.timer = nil
	}
	for _, tube := range client.watches {
		at := index(tube.waiting, client)
		tube.waiting = append(tube.waiting[:at], tube.waiting[at+1:]...)
	}
}

func (queue *Queue) add(job *Job, delay uint32) {
	queue.jobs[job.id] = job
	job.place = buried
	if delay > 0 {
		queue.move(job, delayed, delay, nil)
	} else {
		queue.move(job, ready, 0, nil)
	}
}

func (queue *Queue) remove(job *Job) {
	queue.takeOut(job)
	delete(queue.jobs, job.id)
}

func (queue *Queue) release(job *Job, priority, delay uint32) {
	queue.takeOut(job)
	job.priority = priority
	queue.add(job, delay)
}

func (queue *Queue) bury(job *Job, priority uint32) {
	queue.takeOut(job)
	job.priority = priority
	queue.move(job, buried, 0, nil)
}

// kick makes buried jobs ready, and delayed ones where none are buried.
func (queue *Queue) kick(tube *Tube, bound uint64) string {
	jobs := tube.buried
	if len(jobs) == 0 {
		jobs = tube.delayed
	}
	jobs = append([]*Job(nil), jobs[:min(uint64(len(jobs)), bound)]...)
	for _, job := range jobs {
		queue.kickOne(job)
	}
	return fmt.Sprintf("KICKED %d", len(jobs))
}

func (queue *Queue) kickOne(job *Job) {
	queue.log.write("kick %d", job.id)
	queue.move(job, ready, 0, nil)
}

// move puts a job in another place, for so many seconds where it is delayed or held. What becomes ready is handed to the
// client that waits since longest.
func (queue *Queue) move(job *Job, to place, seconds uint32, holder *Client) {
	queue.takeOut(job)
	job.place, job.holder = to, holder
	if to == delayed || to == held {
		left := time.Duration(seconds) * time.Second
		job.until = time.Now().Add(left)
		var timer *time.Timer
		timer = time.AfterFunc(left, func() {
			queue.lock.Lock()
			defer queue.lock.Unlock()
			if job.timer == timer {
				queue.move(job, ready, 0, nil)
			}
		})
		job.timer = timer
	}
	switch to {
	case held:
		holder.holds[job.id] = job
	case delayed:
		job.tube.delayed = insert(job.tube.delayed, job, func(a, b *Job) bool { return a.until.Before(b.until) })
	case buried:
		job.tube.buried = append(job.tube.buried, job)
	case ready:
		job.tube.ready = insert(job.tube.ready, job, before)
		if len(job.tube.waiting) > 0 {
			client := job.tube.waiting[0]
			client.stopWaiting()
			queue.move(job, held, job.ttr, client)
			client.told <- shown("RESERVED", job)
		}
	}
}

// takeOut takes a job out of wherever it is.
func (queue *Queue) takeOut(job *Job) {
	if job.timer != nil {
		job.timer.Stop()
		job.timer = nil
	}
	switch job.place {
	case ready:
		job.tube.ready = without(job.tube.ready, job)
	case delayed:
		job.tube.delayed = without(job.tube.delayed, job)
	case buried:
		job.tube.buried = without(job.tube.buried, job)
	case held:
		delete(job.holder.holds, job.id)
		job.holder = nil
		job.place = buried
	}
}

func before(a, b *Job) bool {
	return a.priority < b.priority || a.priority == b.priority && a.id < b.id
}

func insert(jobs []*Job, job *Job, before func(a, b *Job) bool) []*Job {
	at := sort.Search(len(jobs), func(index int) bool { return before(job, jobs[index]) })
	jobs = append(jobs, nil)
	copy(jobs[at+1:], jobs[at:])
	jobs[at] = job
	return jobs
}

func without(jobs []*Job, job *Job) []*Job {
	if at := index(jobs, job); at >= 0 {
		return append(jobs[:at], jobs[at+1:]...)
	}
	return jobs
}

func index[T comparable](all []T, one T) int {
	for at, other := range all {
		if other == one {
			return at
		}
	}
	return -1
}

func first(jobs []*Job) *Job {
	if len(jobs) == 0 {
		return nil
	}
	return jobs[0]
}

func shown(word string, job *Job) string {
	if job == nil {
		return "NOT_FOUND"
	}
	return fmt.Sprintf("%s %d %d\r\n%s", word, job.id, len(job.data), job.data)
}

// moment is when a delay is over, for the log: milliseconds since 1970.
func moment(delay uint32) int64 {
	if delay == 0 {
		return 0
	}
	return time.Now().Add(time.Duration(delay) * time.Second).UnixMilli()
}
