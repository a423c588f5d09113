package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// interval is the time between progress reports.
const interval = 4 * time.Second

// maxNamed is the maximum number of running tests to name.
const maxNamed = 3

// event is an event of go test -json: see go doc test2json and go help buildjson.
type event struct {
	Action, Package, Test, Output string
}

// report turns events back into go test's output and reports progress in
// between.
type report struct {
	out, progress io.Writer
	verbose       bool
	began         time.Time

	mu       sync.Mutex
	packages int // number of packages to test
	built    int // number of packages compiled
	tested   int // number of packages tested
	running  map[string]*packageRun
	summary  []string
}

// packageRun is a package whose tests are running.
type packageRun struct {
	lines   []outputLine
	over    map[string]bool // finished tests; true if they did not fail
	running map[string]time.Time
}

type outputLine struct{ test, text string }

func newReport(out, progress io.Writer, verbose bool) *report {
	return &report{out: out, progress: progress, verbose: verbose, began: time.Now(), running: make(map[string]*packageRun)}
}

// start reports progress regularly until the returned function is called.
func (r *report) start() (stop func()) {
	done := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				r.say()
			}
		}
	})
	return func() { close(done); ended.Wait() }
}

func (r *report) say() {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.progress, "test: %6s  %s\n", time.Since(r.began).Round(time.Second), r.now())
}

// now describes the current state. The caller holds the lock.
func (r *report) now() string {
	if r.packages == 0 {
		return fmt.Sprintf("compiling, %d packages so far", r.built)
	}
	state := fmt.Sprintf("%d of %d packages tested", r.tested, r.packages)
	var names []string
	for _, path := range slices.Sorted(maps.Keys(r.running)) {
		if name := r.running[path].oldest(); name != "" {
			names = append(names, path[strings.LastIndexByte(path, '/')+1:]+" "+name)
		}
	}
	if len(names) == 0 {
		return state + ", linking the next"
	}
	if more := len(names) - maxNamed; more > 0 {
		names = append(names[:maxNamed], fmt.Sprintf("%d more", more))
	}
	return state + ", running " + strings.Join(names, ", ")
}

// oldest returns the test that has been running longest, or its innermost running
// subtest.
func (p *packageRun) oldest() string {
	name := ""
	for test, began := range p.running {
		if name == "" || strings.HasPrefix(test, name+"/") ||
			began.Before(p.running[name]) && !strings.HasPrefix(name, test+"/") {
			name = test
		}
	}
	return name
}

// compiled records a line of go list's standard error: the path of a package
// being compiled, or an error.
func (r *report) compiled(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !strings.ContainsAny(line, " \t") {
		r.built++
	}
}

// listed records a line of go list's output: a plus sign and a package to test,
// or nothing.
func (r *report) listed(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if path := strings.TrimSpace(line); path != "" && !strings.HasSuffix(path, ".test") {
		r.packages++
	}
}

// event handles one line of go test -json. It prints lines that are not events.
func (r *report) event(line []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		_, _ = r.out.Write(line) // an error could not be reported anywhere else
		return
	}
	if e.Package == "" {
		fmt.Fprint(r.out, e.Output) // build-output
		return
	}
	p := r.running[e.Package]
	if p == nil {
		p = &packageRun{over: make(map[string]bool), running: make(map[string]time.Time)}
		r.running[e.Package] = p
	}
	switch e.Action {
	case "run", "cont":
		p.running[e.Test] = time.Now()
	case "pause":
		delete(p.running, e.Test)
	case "output":
		r.output(p, e)
	case "pass", "fail", "skip":
		delete(p.running, e.Test)
		if e.Test != "" {
			p.over[e.Test] = e.Action != "fail"
			return
		}
		r.packageEnded(e.Package, e.Action == "fail")
	}
}

func (r *report) output(p *packageRun, e event) {
	switch {
	case e.Test == "" && isSummary(e.Output):
		r.summary = append(r.summary, e.Output)
	case r.verbose:
		fmt.Fprint(r.out, e.Output)
	default:
		p.lines = append(p.lines, outputLine{e.Test, e.Output})
	}
}

// isSummary reports whether a line is a package's summary.
func isSummary(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "?   \t") ||
		strings.HasPrefix(line, "---\t")
}

// packageEnded prints the output of a failed package, except that of tests that
// did not fail.
func (r *report) packageEnded(path string, failed bool) {
	p := r.running[path]
	delete(r.running, path)
	r.tested++
	result := "passed"
	if failed {
		result = "FAILED"
		for _, line := range p.lines {
			if !p.over[line.test] && !strings.HasPrefix(line.text, "=== ") {
				fmt.Fprint(r.out, line.text)
			}
		}
	}
	fmt.Fprintf(r.progress, "test: %6s  %s %s\n", time.Since(r.began).Round(time.Second), result, path)
}

// end prints the package summaries and the overall result.
func (r *report) end(passed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.summary {
		fmt.Fprint(r.out, line)
	}
	if !passed {
		fmt.Fprintln(r.out, "FAIL")
	}
}
