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

// patience is how long anything may take to start. Nothing is measured by it.
const patience = 60 * time.Second

// lab is where the measuring is done: a directory of its own and the processes
// that were started in it, all of which are gone when it is closed.
type lab struct {
	ctx   context.Context
	dir   string
	caddy string // the program
	// before is an earlier build of it, or empty.
	before string
	out    io.Writer

	processes []*process
	taken     map[string]bool // addresses that were given away
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

// findProgram returns the whole path of a program: it is started elsewhere.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: name a Caddy that is built, such as bin/caddy of make build", err)
	}
	return filepath.Abs(path)
}

// build makes the Caddy to be measured of this checkout.
func (l *lab) build() error {
	l.say("Building Caddy of ./cmd/caddy; -caddy names one that is built already.")
	l.caddy = filepath.Join(l.dir, "caddy")
	command := exec.CommandContext(l.ctx, "go", "build", "-o", l.caddy, "github.com/jiratokens/caddy-jira-tokens/cmd/caddy")
	if text, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("building Caddy (start this in the checkout): %w\n%s", err, text)
	}
	return nil
}

// say tells how far things are. Results go to standard output, alone.
func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// stopAll stops what was started, last first.
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
		l.say("%s could not be removed: %v", l.dir, err)
	}
}

// freeAddress is a loopback address that nothing listens on, and that was not
// given away before.
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

// until tries again and again, until it works, the process has ended or time
// is up.
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
			return p.death()
		case <-time.After(every):
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not get ready in %s: %w; its log ends with\n%s", p.name, patience, err, p.lastWords())
		}
	}
}

// wait waits, unless somebody has had enough.
func (l *lab) wait(d time.Duration) error {
	select {
	case <-l.ctx.Done():
		return l.ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// startUpstream starts the stand-in for Jira: this program once more.
func (l *lab) startUpstream() (url string, p *process, err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	p, err = l.start("the stand-in for Jira", nil, self, upstreamCommand)
	if err != nil {
		return "", nil, err
	}
	err = l.until(p, 10*time.Millisecond, func() error {
		url = strings.TrimSpace(p.lastWords())
		if !strings.HasPrefix(url, "http://") {
			return errors.New("it has not said where it listens")
		}
		return nil
	})
	return url, p, err
}

// startRedis starts a redis-server that saves nothing.
func (l *lab) startRedis() (address string, p *process, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", nil, fmt.Errorf("%w: apt-get install redis-server, or leave out what needs it", err)
	}
	if address, err = l.freeAddress(); err != nil {
		return "", nil, err
	}
	_, port, _ := net.SplitHostPort(address)
	p, err = l.start("redis-server", nil, program, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	if err != nil {
		return "", nil, err
	}
	return address, p, l.until(p, 10*time.Millisecond, func() error { return dialable(address) })
}

func dialable(address string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
