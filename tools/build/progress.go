package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/xcaddy"
)

// interval is how often the progress is reported.
const interval = 4 * time.Second

// maxKept is how many lines of the go command's output are kept for an error.
const maxKept = 40

// stepNames maps xcaddy's steps to names for users.
var stepNames = map[xcaddy.Step]string{
	xcaddy.StepInitializeModule: "creating a module",
	xcaddy.StepPinVersions:      "fetching modules",
	xcaddy.StepTidyModule:       "tidying the module",
	xcaddy.StepCompile:          "compiling",
}

// progress tracks a build by its output.
type progress struct {
	out   io.Writer
	began time.Time
	done  chan struct{}
	ended sync.WaitGroup

	mu       sync.Mutex
	current  string
	fetched  int
	compiled int
	kept     []string
}

func startProgress(out io.Writer) *progress {
	p := &progress{out: out, began: time.Now(), done: make(chan struct{}), current: "starting"}
	p.ended.Go(p.report)
	return p
}

func (p *progress) stop() {
	close(p.done)
	p.ended.Wait()
}

func (p *progress) elapsed() time.Duration { return time.Since(p.began) }

// report prints a line at every interval.
func (p *progress) report() {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-ticker.C:
			p.mu.Lock()
			fmt.Fprintf(p.out, "build: %5s  %s: %d modules fetched, %d packages compiled\n",
				p.elapsed().Round(time.Second), p.current, p.fetched, p.compiled)
			p.mu.Unlock()
		}
	}
}

// step reads the output of one of xcaddy's steps.
func (p *progress) step(event *xcaddy.StepEvent) error {
	name := stepNames[event.Step]
	p.mu.Lock()
	if name != "" {
		p.current, p.kept = name, nil
	}
	p.mu.Unlock()
	lines := bufio.NewScanner(event.Output)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.line(event.Step, lines.Text())
	}
	return lines.Err()
}

// line counts the fetched modules and compiled packages, and keeps other lines.
func (p *progress) line(step xcaddy.Step, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.fetched++
	case strings.HasPrefix(line, "go: added ") || strings.HasPrefix(line, "go: finding ") || stepNames[step] == "":
	case strings.Contains(line, " [INFO] "):
	case step == xcaddy.StepCompile && !strings.ContainsAny(line, " \t#"):
		p.compiled++ // with -v, one package path per line
	default:
		p.kept = append(p.kept, line)
		if len(p.kept) > maxKept {
			p.kept = p.kept[1:]
		}
	}
}

// keptLines returns the last lines that were not about progress.
func (p *progress) keptLines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept
}

func (p *progress) currentStep() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}
