package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// interval is how often a build tells that it is alive.
const interval = 4 * time.Second

// place is where everything is.
type place struct {
	// root is the checkout.
	root string
	// home has the directory .run, which everything that is made goes to. It
	// is Caddy's working directory. Tests have another than the checkout.
	home string
}

// findPlace finds the checkout, from anywhere inside.
func findPlace() (*place, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "cmd", "caddy", "main.go")); err == nil {
			return &place{root: dir, home: dir}, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, errors.New("this is no checkout of caddy-jira-tokens: start it there, with make run")
		}
		dir = parent
	}
}

// inRun is a path in .run.
func (p *place) inRun(name string) string { return filepath.Join(p.home, ".run", name) }

// caddy is the program that is built and started.
func (p *place) caddy() string { return p.inRun("caddy") }

// build builds Caddy with the plugin.
func (p *place) build(ctx context.Context, out io.Writer) error {
	if err := os.MkdirAll(p.inRun(""), 0o700); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, "go", "build", "-v", "-ldflags", "-s -w", "-o", p.caddy(), "./cmd/caddy")
	command.Dir = p.root
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 10 * time.Second
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		return fmt.Errorf("building Caddy: %w", err)
	}
	progress := newProgress(out)
	var ended sync.WaitGroup
	ended.Go(func() { progress.read(reader) })
	ended.Go(progress.tell)
	err := command.Wait()
	_ = writer.Close() // never fails
	close(progress.done)
	ended.Wait()
	if err != nil {
		return fmt.Errorf("building Caddy failed:\n%s", strings.Join(progress.complaints, "\n"))
	}
	return nil
}

// progress follows go build -v by its output.
type progress struct {
	out  io.Writer
	done chan struct{}

	mu         sync.Mutex
	fetched    int
	compiled   int
	complaints []string
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, done: make(chan struct{})}
}

// tell writes a line now and then.
func (p *progress) tell() {
	began := time.Now()
	// What is in the build cache takes a moment, and needs no word.
	first := time.After(3 * time.Second)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-first:
			fmt.Fprintln(p.out, "Building Caddy with the plugin. The first time this takes minutes, as all of Caddy is compiled.")
		case <-ticker.C:
			p.mu.Lock()
			fmt.Fprintf(p.out, "  %6s  %d modules fetched, %d packages compiled\n",
				time.Since(began).Round(time.Second), p.fetched, p.compiled)
			p.mu.Unlock()
		}
	}
}

// read counts what go says about its work, and keeps the rest.
func (p *progress) read(output io.Reader) {
	lines := bufio.NewScanner(output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.line(lines.Text())
	}
}

func (p *progress) line(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.fetched++
	case !strings.ContainsAny(line, " \t"):
		p.compiled++ // -v: one package path a line
	default:
		p.complaints = append(p.complaints, line)
	}
}
