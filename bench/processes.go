package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/child"
)

// process is a child process.
type process struct {
	name    string
	dir     string
	command *exec.Cmd
	// ended is closed when the process has exited.
	ended chan struct{}
}

// start starts a program in a new directory, which holds its home and its log.
func (l *lab) start(name, program string, args ...string) (*process, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "process")
	if err != nil {
		return nil, err
	}
	return l.startIn(dir, name, program, args...)
}

// startIn starts a program in an existing directory.
func (l *lab) startIn(dir, name, program string, args ...string) (*process, error) {
	p := &process{name: name, dir: dir, ended: make(chan struct{})}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p.command = exec.Command(program, args...)
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = child.EndWithParent(syscall.SIGTERM)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait() // exitError says more, from the log
		close(p.ended)
	}()
	l.processes = append(l.processes, p)
	return p, nil
}

// stop asks the process to exit, and kills it if it does not.
func (p *process) stop() { child.Stop(p.command.Process, p.ended) }

func (p *process) log() string { return filepath.Join(p.dir, "log") }

// exitError describes an unexpected exit.
func (p *process) exitError() error {
	return fmt.Errorf("%s exited unexpectedly (%s); its log ends with\n%s", p.name, p.command.ProcessState, p.lastLines())
}

// lastLines returns the end of the process's log.
func (p *process) lastLines() string {
	text, err := os.ReadFile(p.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// cpu returns the CPU time that all threads of the process have used so far, in
// user and kernel mode.
func (p *process) cpu() (time.Duration, error) {
	used, err := cpuTime(p.command.Process.Pid)
	if err != nil {
		return 0, fmt.Errorf("CPU time of %s: %w", p.name, err)
	}
	return used, nil
}

// memory is the memory use of a process, in bytes.
type memory struct {
	resident, peak int64
	// own is anonymous memory. The kernel can reclaim the rest, such as the pages
	// of a mapped database, when it needs them.
	own int64
}

// memory reads the process's current and peak memory use.
func (p *process) memory() (m memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return m, fmt.Errorf("memory of %s: %w", p.name, err)
	}
	fields := map[string]*int64{"VmRSS": &m.resident, "VmHWM": &m.peak, "RssAnon": &m.own}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		into, wanted := fields[name]
		if !wanted {
			continue
		}
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			return m, fmt.Errorf("memory of %s: %w", p.name, err)
		}
		*into = kilobytes << 10
	}
	return m, nil
}
