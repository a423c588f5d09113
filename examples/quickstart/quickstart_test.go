package main

import (
	"context"
	"errors"
	"html"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestReadSettings(t *testing.T) {
	s, err := readSettings(environment())
	if err != nil || !s.standIn || s.user == "" || s.secret == "" {
		t.Errorf("nothing set: %+v, %v", s, err)
	}
	s, err = readSettings(environment("JIRA", "https://acme.atlassian.net/", "ACCOUNT", "basic:me@example.com", "JIRA_SECRET", "x"))
	if err != nil || *s != (settings{jira: "https://acme.atlassian.net", user: "me@example.com", secret: "x"}) {
		t.Errorf("Cloud: %+v, %v", s, err)
	}
	s, err = readSettings(environment("JIRA", "http://jira:8080/jira", "ACCOUNT", "bearer", "JIRA_SECRET", "x", "REDIS", "redis://h:1/0"))
	if err != nil || *s != (settings{jira: "http://jira:8080/jira", secret: "x", redis: "redis://h:1/0"}) {
		t.Errorf("Data Center: %+v, %v", s, err)
	}
}

func TestReadSettingsRefuses(t *testing.T) {
	const jira = "https://acme.atlassian.net"
	for _, test := range []struct {
		want string
		set  []string
	}{
		{"ACCOUNT needs JIRA", []string{"ACCOUNT", "bearer"}},
		{"ACCOUNT is not set", []string{"JIRA", jira, "JIRA_SECRET", "s3cret"}},
		{"JIRA_SECRET is not set", []string{"JIRA", jira, "ACCOUNT", "bearer"}},
		{"bearer takes no value", []string{"JIRA", jira, "ACCOUNT", "bearer:s3cret"}},
		{"expected basic:", []string{"JIRA", jira, "ACCOUNT", "s3cret"}},
		{"basic needs a user", []string{"JIRA", jira, "ACCOUNT", "basic:"}},
		{"not contain a colon", []string{"JIRA", jira, "ACCOUNT", "basic:me:s3cret"}},
		{"expected a URL", []string{"JIRA", "acme.atlassian.net"}},
		{"expected a URL", []string{"JIRA", "https://{env.X}"}},
		{"expected a URL", []string{"JIRA", "https://a\nb"}},
		{"without user", []string{"JIRA", "https://me:s3cret@acme.atlassian.net"}},
		{"REDIS: expected a URL", []string{"REDIS", "localhost"}},
		{"REDIS: expected a URL", []string{"REDIS", "redis://h:1 {"}},
	} {
		_, err := readSettings(environment(test.set...))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want %q", test.set, err, test.want)
		}
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%q: %v", test.set, err)
		}
	}
}

func TestCaddyfile(t *testing.T) {
	s := &settings{jira: "https://acme.atlassian.net", user: "me@example.com", secret: "s3cret", redis: "redis://:s3cret@h"}
	text := s.caddyfile("127.0.0.1:8090", "127.0.0.1:2029")
	for _, want := range []string{
		"admin 127.0.0.1:2029\n", "store redis {$REDIS}\n", "basic {env.JIRA_USER} {env.JIRA_SECRET}\n",
		"http://localhost:8090, http://127.0.0.1:8090 {\n", "\" 421\n", "bind 127.0.0.1\n", "jira_gateway https://acme.atlassian.net\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("does not contain %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "s3cret") || strings.Contains(text, "me@") {
		t.Errorf("contains a credential:\n%s", text)
	}
	text = (&settings{jira: "http://127.0.0.1:1"}).caddyfile("127.0.0.1:8090", "127.0.0.1:2029")
	if !strings.Contains(text, "store file .run/tokens.db {\n\t\t\tcreate\n\t\t}\n") || !strings.Contains(text, "\tbearer {env.JIRA_SECRET}\n") {
		t.Error(text)
	}
}

func TestChoosePort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var said strings.Builder
	got, err := choosePort(&said, "the gateway", listener.Addr().(*net.TCPAddr).Port)
	if err != nil || got == listener.Addr().String() || !strings.Contains(said.String(), "is in use; the gateway listens on "+got) {
		t.Errorf("%s, %v, %q", got, err, said.String())
	}
}

func TestProgress(t *testing.T) {
	p := newProgress(io.Discard)
	p.read(strings.NewReader("go: downloading example.com/a v1.0.0\nexample.com/a\nexample.com/a/b\n# example.com/c\nc.go:1:2: undefined: x\n"))
	if p.fetched != 1 || p.compiled != 2 || strings.Join(p.complaints, "|") != "# example.com/c|c.go:1:2: undefined: x" {
		t.Errorf("%+v", p)
	}
}

func TestLastError(t *testing.T) {
	for log, want := range map[string]string{
		"": "",
		`{"level":"info","msg":"serving initial configuration"}`:                                                                        "",
		`{"level":"error","msg":"loading initial config: loading new config: no store"}` + "\n" + `{"level":"info","msg":"bye"}` + "\n": "no store",
		"Error: adapting config: Caddyfile:3: what?\n":                                                                                  "adapting config: Caddyfile:3: what?",
	} {
		if got := lastError(log); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// buffer is a strings.Builder that is safe for concurrent use.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(data)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// missing skips the test, or fails it in CI, where nothing may be missing.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// buildable skips the test unless Caddy is in the build cache: a build that takes
// minutes is up to make build or make run.
func buildable(t *testing.T) *place {
	t.Helper()
	place, err := findPlace()
	if err != nil {
		t.Fatal(err)
	}
	place.home = t.TempDir() // make run may be using the checkout
	patience := 2 * time.Minute
	if os.Getenv("CI") != "" {
		patience = 15 * time.Minute
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := place.build(ctx, io.Discard); errors.Is(ctx.Err(), context.DeadlineExceeded) {
		missing(t, "Caddy is not in the build cache: make build puts it there")
	} else if err != nil {
		t.Fatal(err)
	}
	return place
}

// start runs the whole program until the test ends or stop is called, and returns
// its output.
func start(t *testing.T, place *place, getenv func(string) string) (printed string, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var out buffer
	result := make(chan error, 1)
	go func() { result <- run(ctx, place, getenv, &out) }()
	stop = sync.OnceValue(func() error { cancel(); return <-result })
	t.Cleanup(func() { _ = stop() })
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if strings.Contains(out.String(), " audit --address ") {
			return out.String(), stop
		}
		if len(result) > 0 {
			break
		}
	}
	t.Fatalf("nothing to paste: %v\n%s", stop(), out.String())
	return "", nil
}

var commandLine = regexp.MustCompile(`(?m)^  # (.*)\n((?:  (?:curl|\.run/caddy) .*\n)+)`)

func TestWholeProgram(t *testing.T) {
	place := buildable(t)
	if _, err := exec.LookPath("curl"); err != nil {
		missing(t, "curl is missing")
	}
	printed, stop := start(t, place, environment())
	wants := []string{
		`"summary":"`, `"key":"DEMO-`, `"key":"DEMO-`, "HTTP 403", `"key":"DEMO-`, "",
	}
	pasted := commandLine.FindAllStringSubmatch(printed, -1)
	if len(pasted) != len(wants) {
		t.Fatalf("%d commands, want %d:\n%s", len(pasted), len(wants), printed)
	}
	for i, match := range pasted {
		for line := range strings.Lines(match[2]) {
			command := exec.Command("sh", "-c", line)
			command.Dir = place.home
			output, err := command.CombinedOutput()
			t.Logf("# %s\n%s\n%s", match[1], strings.TrimSpace(line), output)
			if err != nil || !strings.Contains(strings.ReplaceAll(string(output), `": "`, `":"`), wants[i]) {
				t.Errorf("%s: %v: want %q in\n%s", match[1], err, wants[i], output)
			}
		}
	}
	visitPages(t, printed)
	address := regexp.MustCompile(`gateway +(http://\S+)`).FindStringSubmatch(printed)[1]

	// A second one reports the conflict in one line and leaves the first alone.
	config, err := os.ReadFile(place.inRun("Caddyfile"))
	if err != nil {
		t.Fatal(err)
	}
	err = run(t.Context(), place, environment(), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "another `make run`") || strings.Contains(err.Error(), "\n") {
		t.Errorf("a second one: %v", err)
	}
	if now, err := os.ReadFile(place.inRun("Caddyfile")); err != nil || string(now) != string(config) {
		t.Errorf("the second one changed the first one's configuration: %v", err)
	}

	if err := stop(); err != nil {
		t.Errorf("stopping: %v", err)
	}
	if response, err := http.Get(address); err == nil {
		response.Body.Close()
		t.Error("the gateway is still there after the end")
	}
}

// checkIssues runs a line that lists issues.
func checkIssues(t *testing.T, line string) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "sh", "-c", html.UnescapeString(line)).Output()
	if err != nil || !strings.Contains(string(output), `"DEMO-`) {
		t.Errorf("%s: %v: no issues in %s", line, err, output)
	}
}

func TestWholeProgramRefusedAccount(t *testing.T) {
	place := buildable(t)
	refusing := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(refusing)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	err = run(t.Context(), place, environment("JIRA", "http://"+listener.Addr().String(), "ACCOUNT", "bearer", "JIRA_SECRET", "s3cret"), io.Discard)
	if err == nil || !strings.Contains(err.Error(), "refuses the credential (HTTP 401)") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("got %v", err)
	}
}
