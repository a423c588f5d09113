package gatewaytest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

// result is the outcome of a command.
type result struct {
	out, err string
	code     int
}

func (r result) String() string {
	return fmt.Sprintf("exit status %d\nstdout: %s\nstderr: %s", r.code, r.out, r.err)
}

// token runs `caddy jira-token`.
func (g *gateway) token(args ...string) result {
	g.t.Helper()
	return g.tokenWith("", args...)
}

// tokenWith runs `caddy jira-token` with text on standard input. It does so in this
// process: with the race detector, starting a Caddy for each takes too long.
func (g *gateway) tokenWith(input string, args ...string) result {
	g.t.Helper()
	return g.tokenReading(strings.NewReader(input), args...)
}

func (g *gateway) tokenReading(input io.Reader, args ...string) result {
	g.t.Helper()
	var out, errs bytes.Buffer
	root := &cobra.Command{Use: "jira-token"}
	caddycmd.Commands()["jira-token"].CobraFunc(root)
	root.SetArgs(append(slices.Clone(args), "--address", g.admin))
	root.SetIn(input)
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SilenceUsage = true
	code := 0
	if root.Execute() != nil {
		code = 1
	}
	return result{out.String(), errs.String(), code}
}

// tokenCommand runs `caddy jira-token` in a process of its own, as people do.
func (g *gateway) tokenCommand(args ...string) result {
	g.t.Helper()
	return g.run("", append(append([]string{"jira-token"}, args...), "--address", g.admin)...)
}

// run runs Caddy until it exits.
func (g *gateway) run(input string, args ...string) result {
	g.t.Helper()
	var out, errs bytes.Buffer
	cmd := g.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &errs
	timer := time.AfterFunc(2*patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		g.t.Fatal(err)
	}
	r := result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	if strings.Contains(r.err, "panic") || strings.Contains(r.err, "DATA RACE") {
		g.t.Errorf("%q: %s", args, r)
	}
	return r
}

// reload loads the current Caddyfile. Caddy replaces its admin server while that is
// still responding, and may reset the connection: in that case reload tries again.
func (g *gateway) reload() result {
	g.t.Helper()
	for {
		r := g.run("", "reload", "--config", g.caddyfile, "--adapter", "caddyfile", "--address", g.admin, "--force")
		if r.code == 0 || !strings.Contains(r.err, "connection reset by peer") {
			return r
		}
	}
}
