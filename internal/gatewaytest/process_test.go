package gatewaytest

import (
	"bytes"
	"os"
	"os/exec"
	"time"
)

// process is `caddy jira-token` with these arguments, in a process of its own.
type process struct {
	g     *gateway
	args  []string
	stdin string // path of a file

	cmd    *exec.Cmd
	out    bytes.Buffer
	err    bytes.Buffer
	exited chan struct{}
}

// importing returns the import of a file.
func (g *gateway) importing(path string) *process {
	return &process{g: g, args: []string{"import"}, stdin: path}
}

func (p *process) begin() {
	p.g.t.Helper()
	p.cmd = p.g.command(append(append([]string{"jira-token"}, p.args...), "--address", p.g.admin)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.err
	if p.stdin != "" {
		file, err := os.Open(p.stdin)
		if err != nil {
			p.g.t.Fatal(err)
		}
		defer file.Close()
		p.cmd.Stdin = file
	}
	if err := p.cmd.Start(); err != nil {
		p.g.t.Fatal(err)
	}
	exited := make(chan struct{})
	p.exited = exited
	go func() {
		_ = p.cmd.Wait() // end returns the exit code
		close(exited)
	}()
}

// await waits until something is so, or the process has exited.
func (p *process) await(until func() bool) {
	for !until() {
		select {
		case <-p.exited:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// end waits for the process to exit.
func (p *process) end() result {
	<-p.exited
	return result{p.out.String(), p.err.String(), p.cmd.ProcessState.ExitCode()}
}

// killed runs a process and kills it once something is so.
func (g *gateway) killed(p *process, until func() bool) {
	g.t.Helper()
	p.begin()
	p.await(until)
	_ = p.cmd.Process.Kill() // it may have exited already
	p.end()
}
