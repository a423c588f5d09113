package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience bounds every wait. No measurement depends on it.
const patience = 60 * time.Second

// lab owns a temporary directory and the processes started in it. Closing it
// removes both.
type lab struct {
	ctx   context.Context
	dir   string
	caddy string // the binary under test
	// before is an earlier build, if any.
	before string
	out    io.Writer

	processes []*process
	taken     map[string]bool // addresses already handed out
}

func newLab(ctx context.Context, caddy, before string, out io.Writer) (*lab, error) {
	dir, err := os.MkdirTemp("", "jira-tokens-bench")
	if err != nil {
		return nil, err
	}
	l := &lab{ctx: ctx, dir: dir, caddy: caddy, out: out, taken: make(map[string]bool)}
	if caddy == "" {
		err = l.build()
	} else {
		l.caddy, err = findProgram(caddy)
	}
	if err == nil && before != "" {
		l.before, err = findProgram(before)
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// findProgram returns the absolute path of a program, since programs are started
// in directories of their own.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: expected the path of a Caddy binary, such as bin/caddy from make build", err)
	}
	return filepath.Abs(path)
}

// build compiles the Caddy to measure from this checkout.
func (l *lab) build() error {
	l.say("building ./cmd/caddy (-caddy uses an existing binary)")
	l.caddy = filepath.Join(l.dir, "caddy")
	command := exec.CommandContext(l.ctx, "go", "build", "-o", l.caddy, "github.com/jiratokens/caddy-jira-tokens/cmd/caddy")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building Caddy (bench must run in the checkout): %w\n%s", err, text)
	}
	return nil
}

// say reports progress on standard error. Only results go to standard output.
func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// stopAll stops all processes, the last started first.
func (l *lab) stopAll() {
	for len(l.processes) > 0 {
		last := len(l.processes) - 1
		l.processes[last].stop()
		l.processes = l.processes[:last]
	}
}

func (l *lab) close() {
	l.stopAll()
	if err := os.RemoveAll(l.dir); err != nil {
		l.say("removing %s: %v", l.dir, err)
	}
}

// freeAddress returns a loopback address that nothing listens on and that it has
// not returned before.
func (l *lab) freeAddress() (string, error) {
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			return "", err
		}
		if !l.taken[address] {
			l.taken[address] = true
			return address, nil
		}
	}
}

// until retries until try succeeds, the process ends or patience runs out.
func (l *lab) until(p *process, every time.Duration, try func() error) error {
	end := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
		case <-p.ended:
			return p.exitError()
		case <-time.After(every):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s was not ready after %s: %w; its log ends with\n%s", p.name, patience, err, p.lastLines())
		}
	}
}

// wait sleeps for d, or until the lab is canceled.
func (l *lab) wait(d time.Duration) error {
	select {
	case <-l.ctx.Done():
		return l.ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// startUpstream starts the stand-in for Jira, which is this program in another
// process, and returns its URL.
func (l *lab) startUpstream() (url string, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	p, err := l.start("the stand-in for Jira", self, upstreamCommand)
	if err != nil {
		return "", err
	}
	err = l.until(p, 10*time.Millisecond, func() error {
		url = strings.TrimSpace(p.lastLines())
		if !strings.HasPrefix(url, "http://") {
			return errors.New("it has not printed its URL")
		}
		return nil
	})
	return url, err
}

// startRedis starts a redis-server without persistence and returns its address.
func (l *lab) startRedis() (address string, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("%w: install it (apt-get install redis-server), or leave out push and use -stores file", err)
	}
	if address, err = l.freeAddress(); err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(address)
	p, err := l.start("redis-server", program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	if err != nil {
		return "", err
	}
	return address, l.until(p, 10*time.Millisecond, func() error { return dialable(address) })
}

func dialable(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
