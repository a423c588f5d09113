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

// process is one that was started here.
type process struct {
	name    string
	dir     string
	command *exec.Cmd
	// ended is closed when it has ended.
	ended chan struct{}
}

// start starts a program in a directory of its own, where it finds its home and
// leaves its log.
func (l *lab) start(name string, env []string, program string, args ...string) (*process, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(l.dir, "process")
	if err != nil {
		return nil, err
	}
	return l.startIn(dir, name, env, program, args...)
}

// startIn starts a program in a directory that exists.
func (l *lab) startIn(dir, name string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, dir: dir, ended: make(chan struct{})}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_TRUNC|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the process has its own
	p.command = exec.Command(program, args...)
	p.command.Dir = dir
	p.command.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	p.command.Env = append(p.command.Env, env...)
	p.command.Stdout, p.command.Stderr = log, log
	p.command.SysProcAttr = child.EndWithParent(syscall.SIGTERM)
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		_ = p.command.Wait() // death tells more, from the log
		close(p.ended)
	}()
	l.processes = append(l.processes, p)
	return p, nil
}

// stop ends the process, gently for some seconds.
func (p *process) stop() { child.Stop(p.command.Process, p.ended) }

func (p *process) log() string { return filepath.Join(p.dir, "log") }

// death says why the process ended, when it should not have.
func (p *process) death() error {
	return fmt.Errorf("%s ended (%s); the last words in its log:\n%s", p.name, p.command.ProcessState, p.lastWords())
}

// lastWords are the last lines of the log.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.log())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}

// cpu is the time that the process has computed so far, all its threads
// together, in itself and in the kernel.
func (p *process) cpu() (time.Duration, error) {
	used, err := cpuTime(p.command.Process.Pid)
	if err != nil {
		return 0, fmt.Errorf("CPU time of %s: %w", p.name, err)
	}
	return used, nil
}

// memory is what a process has in memory, in bytes.
type memory struct {
	resident, peak int64
	// own is what of it belongs to no file. The rest, such as pages of a mapped
	// database, the kernel takes back when it needs them.
	own int64
}

// memory reads what the process has in memory now, and had at its peak.
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

// ownCPU is the time that this process has computed so far.
func ownCPU() (time.Duration, error) { return cpuTime(os.Getpid()) }
