package gatewaytest

import (
	"bytes"
	"encoding/base64"
	"fmt"
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
