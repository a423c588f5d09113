package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// profile reports where CPU time and allocations go in each selected process
// under the closed loop.
func profile(l *lab, o *options) error {
	url, err := l.startUpstream()
	if err != nil {
		return err
	}
	all, err := l.startVariants(o.profiled, url)
	if err != nil {
		return err
	}
	fmt.Fprintf(l.out, "## Profile\n\n%s\n\n", machine())
	var profiles []*profiled
	for _, r := range all {
		l.say("profiling %s", r.variant.name)
		p, err := l.profileOne(o, r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.variant.name, err)
		}
		profiles = append(profiles, p)
		p.report(l.out)
	}
	for _, kind := range kinds() {
		reportPackages(l.out, kind, profiles)
	}
	return nil
}

// kind is a kind of profile.
type kind struct {
	name   string // pprof's sample index
	what   string
	column string // heading of the column of values per request
	write  func(float64) string
}

func kinds() []kind {
	return []kind{
		{"cpu", "CPU time", "of a request", writeTime},
		{"alloc_objects", "allocations", "per request", func(v float64) string { return fmt.Sprintf("%.1f", v) }},
		{"alloc_space", "allocated bytes", "per request", func(v float64) string { return fmt.Sprintf("%.0f B", v) }},
	}
}

// profiled holds the profiles of one process.
type profiled struct {
	*running
	requests int
	top      map[string][]sample // by kind, largest first
}

// sample is one function's flat value in a profile.
type sample struct {
	function string
	flat     float64 // total nanoseconds, objects or bytes
	percent  string
}

func (l *lab) profileOne(o *options, r *running) (*profiled, error) {
	dir := o.keep
	if dir == "" {
		dir = l.dir
	}
	file := func(kind string) string { return filepath.Join(dir, r.variant.name+"."+kind+".pprof") }
	duration := max(10*o.duration, 2*time.Second).Round(time.Second)
	// A profile takes a moment to start and to stop, so the load brackets it.
	g := &load{target: r.target, l: l, connections: connections, warmup: 2 * warmup, duration: duration + time.Second}
	done := make(chan error, 1)
	go func() {
		done <- r.takeProfiles(l, duration, file)
	}()
	m, err := g.closed()
	if taken := <-done; err == nil {
		err = taken
	}
	if err != nil {
		return nil, err
	}
	requests := int(m.perSecond() * duration.Seconds())
	p := &profiled{running: r, requests: requests, top: make(map[string][]sample)}
	for _, kind := range kinds() {
		if p.top[kind.name], err = readProfile(l, kind, file); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// takeProfiles saves a CPU profile, and the allocation profiles before and after
// it.
func (r *running) takeProfiles(l *lab, duration time.Duration, file func(string) string) error {
	if err := l.wait(2 * warmup); err != nil {
		return err
	}
	for _, take := range []struct{ kind, path string }{
		{"before", "/debug/pprof/allocs"},
		{"cpu", fmt.Sprintf("/debug/pprof/profile?seconds=%d", int(duration.Seconds()))},
		{"allocs", "/debug/pprof/allocs"},
	} {
		var data []byte
		if err := r.call(http.MethodGet, take.path, nil, &data); err != nil {
			return err
		}
		if err := os.WriteFile(file(take.kind), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// readProfile lists all functions of a profile with go tool pprof.
func readProfile(l *lab, kind kind, file func(string) string) ([]sample, error) {
	args := []string{"tool", "pprof", "-top", "-nodecount=100000", "-nodefraction=0", "-edgefraction=0"}
	switch kind.name {
	case "cpu":
		args = append(args, "-unit=ns", file("cpu"))
	case "alloc_space":
		args = append(args, "-unit=B", "-sample_index="+kind.name, "-base="+file("before"), file("allocs"))
	default:
		args = append(args, "-sample_index="+kind.name, "-base="+file("before"), file("allocs"))
	}
	command := exec.CommandContext(l.ctx, "go", args...)
	command.Stderr = nil // noise about missing symbols
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return parseTop(string(text)), nil
}

// parseTop parses lines such as "  120ns  1.2%  3.4%   150ns  1.5%  runtime.futex".
func parseTop(text string) []sample {
	var samples []sample
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 || !strings.HasSuffix(fields[1], "%") {
			continue
		}
		flat, err := strconv.ParseFloat(strings.TrimRight(fields[0], "nsB"), 64)
		if err != nil {
			continue
		}
		samples = append(samples, sample{strings.Join(fields[5:], " "), flat, fields[1]})
	}
	return samples
}

// report writes the top ten functions of each kind.
func (p *profiled) report(out io.Writer) {
	for _, kind := range kinds() {
		fmt.Fprintf(out, "### %s: %s\n\n", p.what, kind.what)
		header(out, "function", "share", kind.column)
		for _, s := range p.top[kind.name][:min(10, len(p.top[kind.name]))] {
			row(out, "`"+s.function+"`", s.percent, kind.write(s.flat/float64(p.requests)))
		}
		fmt.Fprintln(out)
	}
}

// reportPackages compares the processes package by package.
func reportPackages(out io.Writer, kind kind, profiles []*profiled) {
	byPackage := make([]map[string]float64, len(profiles))
	totals := make(map[string]float64)
	var columns []string
	for i, p := range profiles {
		columns = append(columns, p.what)
		byPackage[i] = make(map[string]float64)
		for _, s := range p.top[kind.name] {
			name := packageOf(s.function)
			byPackage[i][name] += s.flat / float64(p.requests)
			totals[name] += s.flat / float64(p.requests)
			byPackage[i][""] += s.flat / float64(p.requests)
		}
	}
	fmt.Fprintf(out, "### By package: %s %s\n\n", kind.what, kind.column)
	header(out, "package", columns...)
	listed := slices.SortedFunc(maps.Keys(totals), func(a, b string) int { return cmp.Compare(totals[b], totals[a]) })
	for _, name := range append([]string{""}, listed[:min(25, len(listed))]...) {
		var cells []string
		for i := range profiles {
			cells = append(cells, kind.write(byPackage[i][name]))
		}
		row(out, cmp.Or(name, "all"), cells...)
	}
	fmt.Fprintln(out)
}

// packageOf returns the package of a function as pprof names it, such as
// github.com/a/b.(*T).Method.
func packageOf(function string) string {
	// Type arguments may contain slashes.
	name, _, _ := strings.Cut(function, "[")
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return name
	}
	return name[:slash+dot]
}
