package gatewaytest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/internal/child"
	"github.com/jiratokens/caddy-jira-tokens/internal/freeport"
)

// patience is how long anything may take before a test gives up: minutes, because the
// machine may be busy. It measures nothing, and a passing test never waits that long.
const patience = 2 * time.Minute

// The default account of a gateway under test.
const (
	accountUser   = "svc-bi@example.com"
	accountSecret = "s3cret-account-7f2"
)

var accountBasic = base64.StdEncoding.EncodeToString([]byte(accountUser + ":" + accountSecret))

// options are the settings of a gateway.
type options struct {
	// global and site are additional global options and lines of jira_gateway.
	global, site string
	// store is the store line; by default a file in the gateway's directory.
	store string
	// apps are additional lines of jira_tokens: accounts, cache.
	apps string
	// jiraPath is Jira's context path.
	jiraPath string
	// outside are additional lines of the site, next to jira_gateway.
	outside string
	// instead replaces the whole content of the site.
	instead string
	// more are additional sites.
	more string
	// upstream is the Jira to use; by default a new one.
	upstream *upstream
}

// gateway is a running Caddy with the plugin.
type gateway struct {
	t         *testing.T
	dir       string
	admin     string
	addr      string
	caddyfile string
	store     string
	up        *upstream
	options   options

	cmd    *exec.Cmd
	exited chan struct{}
	code   int
	log    *logBuffer

	mu      sync.Mutex
	tokens  []string // clients' secrets: must not reach the log or Jira
	account []string // the gateway's secrets: must not reach the log or clients
	answers bytes.Buffer
}

// startGateway starts a gateway. When the test ends, it stops the gateway and checks
// that no secret has leaked.
func startGateway(t *testing.T, o options) *gateway {
	t.Helper()
	g := newGateway(t, o)
	g.start()
	return g
}

func newGateway(t *testing.T, o options) *gateway {
	t.Helper()
	g := &gateway{t: t, dir: t.TempDir(), admin: freeAddress(t), addr: freeAddress(t), options: o, up: o.upstream, log: new(logBuffer)}
	if g.up == nil {
		g.up = newUpstream(t)
	}
	g.account = []string{accountSecret, accountBasic}
	g.caddyfile = filepath.Join(g.dir, "Caddyfile")
	g.store = filepath.Join(g.dir, "tokens.db")
	g.configure(o)
	t.Cleanup(g.end)
	return g
}

// configure writes the Caddyfile.
func (g *gateway) configure(o options) {
	g.t.Helper()
	g.write(g.render(o))
}

func (g *gateway) render(o options) string {
	store := o.store
	if store == "" {
		store = "store file " + g.store
	}
	inside := o.instead
	if inside == "" {
		inside = fmt.Sprintf("log access\njira_gateway %s%s {\n%s\n}\n%s", g.up.url(), o.jiraPath, o.site, o.outside)
	}
	return fmt.Sprintf(`{
	admin %s
	debug
	auto_https off
	metrics
	%s
	jira_tokens {
		%s
		account default {
			basic %s %s
		}
		%s
	}
}
http://%s, http://localhost:%s {
	%s
}
%s
`, g.admin, o.global, store, accountUser, accountSecret, o.apps, g.addr, port(g.addr), inside, o.more)
}

func (g *gateway) write(caddyfile string) {
	g.t.Helper()
	if err := os.WriteFile(g.caddyfile, []byte(caddyfile), 0o600); err != nil {
		g.t.Fatal(err)
	}
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

// start runs Caddy and waits until it is ready.
func (g *gateway) start() {
	g.t.Helper()
	g.launch()
	eventually(g.t, "the gateway to start", func() error {
		select {
		case <-g.exited:
			g.t.Fatalf("Caddy exited with status %d:\n%s", g.code, g.log.String())
		default:
		}
		for _, address := range []string{g.admin, g.addr} {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				return err
			}
			conn.Close()
		}
		if status, answer, err := g.tryAdmin("GET", "/jira_tokens/tokens?limit=1", ""); err != nil || status != http.StatusOK {
			return fmt.Errorf("HTTP %d: %s (%w)", status, answer, err)
		}
		return nil
	})
}

// launch runs Caddy without waiting for it.
func (g *gateway) launch() {
	g.t.Helper()
	g.cmd = g.command("run", "--config", g.caddyfile, "--adapter", "caddyfile")
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	exited, cmd := make(chan struct{}), g.cmd
	g.exited = exited
	go func() {
		_ = cmd.Wait() // the exit code shows it
		g.code = cmd.ProcessState.ExitCode()
		close(exited)
	}()
}

// command returns a command that runs Caddy with arguments.
func (g *gateway) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir = g.dir
	cmd.SysProcAttr = child.EndWithParent(syscall.SIGKILL)
	cmd.Env = append(os.Environ(), runAsCaddy+"=1", "HOME="+g.dir, "XDG_DATA_HOME="+g.dir, "XDG_CONFIG_HOME="+g.dir,
		"GORACE=halt_on_error=0", "NO_PROXY=*")
	return cmd
}

// stop stops Caddy as a service manager does.
func (g *gateway) stop() {
	g.t.Helper()
	if g.exited == nil {
		return
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM) // it may have exited already
	select {
	case <-g.exited:
	case <-time.After(patience):
		_ = g.cmd.Process.Kill()
		<-g.exited
		g.t.Error("Caddy did not exit after SIGTERM")
	}
}

func (g *gateway) end() {
	g.stop()
	g.sweep()
	if g.t.Failed() {
		g.t.Logf("the gateway's log:\n%s", g.log.tail(12))
	}
}

// sweep looks for leaked secrets, and for faults in the log.
func (g *gateway) sweep() {
	g.t.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	log, seen, answers := g.log.String(), g.up.bytes(), g.answers.String()
	for _, secret := range append(slices.Clone(g.tokens), g.account...) {
		if line := lineWith(log, secret); line != "" {
			g.t.Errorf("secret %q is in Caddy's log: %s", secret, line)
		}
	}
	for _, secret := range g.tokens {
		if line := lineWith(seen, secret); line != "" {
			g.t.Errorf("secret %q reached Jira: %s", secret, line)
		}
	}
	for _, secret := range g.account {
		if line := lineWith(answers, secret); line != "" {
			g.t.Errorf("the account's secret %q is in a response: %s", secret, line)
		}
	}
	for _, fault := range []string{"DATA RACE", "panic", "goroutine "} {
		if line := lineWith(log, fault); line != "" {
			g.t.Errorf("%q in Caddy's log: %s", fault, line)
		}
	}
}

func lineWith(text, part string) string {
	i := strings.Index(text, part)
	if i < 0 {
		return ""
	}
	start := strings.LastIndexByte(text[:i], '\n') + 1
	line, _, _ := strings.Cut(text[start:], "\n")
	return line[:min(len(line), 1000)]
}

// guard records a secret that only the client may see.
func (g *gateway) guard(owner, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tokens = append(g.tokens, secret,
		base64.StdEncoding.EncodeToString([]byte(owner+":"+secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)))
}

// issued is a token as its owner sees it.
type issued struct {
	ID      string `json:"id"`
	Token   string `json:"token"`
	Owner   string `json:"owner"`
	Name    string `json:"name"`
	Scope   string `json:"scope"`
	State   string `json:"state"`
	Account string `json:"account"`
	Version uint64 `json:"version"`
}

func (i issued) basic() string { return basic(i.Owner, i.Token) }

func (i issued) bearer() string { return "Authorization: Bearer " + i.Token + "\r\n" }

func basic(user, password string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)) + "\r\n"
}

// issue creates a token through the admin API. fields are pairs of names and values.
func (g *gateway) issue(owner, scope string, fields ...any) issued {
	g.t.Helper()
	i := g.decoy(owner, scope, fields...)
	g.guard(i.Owner, i.Token)
	return i
}

// decoy issues a token that the test itself puts where no secret belongs.
func (g *gateway) decoy(owner, scope string, fields ...any) issued {
	g.t.Helper()
	body := map[string]any{"owner": owner, "name": "test", "scope": scope}
	for i := 0; i < len(fields); i += 2 {
		body[fields[i].(string)] = fields[i+1]
	}
	var made issued
	g.call("POST", "/jira_tokens/tokens", body, http.StatusCreated, &made)
	return made
}

// call sends a request to the admin API and checks the status.
func (g *gateway) call(method, path string, body any, status int, into any) {
	g.t.Helper()
	text := []byte{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			g.t.Fatal(err)
		}
	}
	got, answer := g.adminCall(method, path, string(text))
	if got != status {
		g.t.Fatalf("%s %s: HTTP %d, want %d: %s", method, path, got, status, answer)
	}
	if into != nil {
		if err := json.Unmarshal([]byte(answer), into); err != nil {
			g.t.Fatalf("%s %s: %v in %s", method, path, err, answer)
		}
	}
}

// adminCall sends a request to the admin API.
func (g *gateway) adminCall(method, path, body string) (status int, answer string) {
	g.t.Helper()
	status, answer, err := g.tryAdmin(method, path, body)
	if err != nil {
		g.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, answer
}

func (g *gateway) tryAdmin(method, path, body string) (status int, answer string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.admin+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	// A reload closes idle connections, and a POST on one of them is not retried.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil {
		checkDocumented(g.t, response, text)
	}
	return response.StatusCode, string(text), err
}

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

// eventually retries until there is no error.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("gave up waiting for %s: %v", what, err)
}

// freeAddress returns a loopback address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", freeport.Find(t))
}

// logBuffer collects a process's output.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) tail(n int) string {
	lines := strings.Split(b.String(), "\n")
	lines = lines[max(0, len(lines)-n):]
	for i, line := range lines {
		lines[i] = line[:min(len(line), 600)]
	}
	return strings.Join(lines, "\n")
}
