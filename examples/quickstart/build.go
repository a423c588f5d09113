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

// interval is the time between progress reports of a build.
const interval = 4 * time.Second

// place holds the directories in use.
type place struct {
	// root is the checkout.
	root string
	// home contains .run, which holds all output, and is Caddy's working directory.
	// It is the checkout, except in tests.
	home string
}

// findPlace finds the checkout that contains the working directory.
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
			return nil, errors.New("not in a checkout of caddy-jira-tokens: change to one and run make run")
		}
		dir = parent
	}
}

// inRun returns a path in .run.
func (p *place) inRun(name string) string { return filepath.Join(p.home, ".run", name) }

// caddy returns the path of the Caddy binary.
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
	ended.Go(progress.report)
	err := command.Wait()
	_ = writer.Close() // never fails
	close(progress.done)
	ended.Wait()
	if err != nil {
		return fmt.Errorf("building Caddy failed:\n%s", strings.Join(progress.complaints, "\n"))
	}
	return nil
}

// progress tracks go build -v by its output.
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

// report prints a line at every interval until done is closed.
func (p *progress) report() {
	began := time.Now()
	// A build from the cache is quick and needs no message.
	first := time.After(3 * time.Second)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-first:
			fmt.Fprintln(p.out, "Building Caddy with the plugin. The first build compiles all of Caddy and takes several minutes.")
		case <-ticker.C:
			p.mu.Lock()
			fmt.Fprintf(p.out, "  %6s  %d modules fetched, %d packages compiled\n",
				time.Since(began).Round(time.Second), p.fetched, p.compiled)
			p.mu.Unlock()
		}
	}
}

// read counts go's progress messages and keeps all other lines.
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
		p.compiled++ // -v prints one package path per line
	default:
		p.complaints = append(p.complaints, line)
	}
}
