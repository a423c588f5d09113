// Package clienttest describes real Jira clients: how to find or build each of
// them, and which command line, configuration and environment perform each
// action. Tests run them directly against a stand-in for Jira and through the
// gateway; only the Target differs.
//
// Every client works offline, on loopback, over plain HTTP, and in its own home
// directory.
package clienttest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Target is the Jira or gateway that a client uses, with its credentials.
type Target struct {
	// BaseURL without a trailing slash; with a context path if there is one.
	BaseURL string
	// User and Secret are the Basic credentials: a Jira account, or a token of the
	// gateway and its owner.
	User, Secret string
	// Home is an empty directory for the client's configuration. One home
	// serves one Target.
	Home string
	// Cloud is set if the server is, or imitates, Jira Cloud.
	Cloud bool
}

// Action is an action that clients can perform.
type Action string

// The actions. Myself shows the caller; Search lists the issues of DEMO; View
// shows DEMO-2; Create creates a task; Comment comments on DEMO-1; Upload attaches
// a file to DEMO-3; Download fetches the attachment with a given ID; Update and
// Delete change one issue, through the self link in a search result if the client
// uses self links. Follow searches for a hundred issues, updates each through its
// self link and deletes the last ten.
const (
	ServerInfo Action = "serverInfo"
	Myself     Action = "myself"
	Search     Action = "search"
	View       Action = "view"
	Create     Action = "create"
	Comment    Action = "comment"
	Upload     Action = "upload"
	Download   Action = "download"
	Update     Action = "update"
	Delete     Action = "delete"
	Follow     Action = "follow"
)

// Writes reports whether the action changes something in Jira.
func (a Action) Writes() bool {
	switch a {
	case Create, Comment, Upload, Update, Delete, Follow:
		return true
	}
	return false
}

// Arguments are the arguments of an action. Each action uses those it needs.
type Arguments struct {
	// Key is the issue to update or delete.
	Key string
	// Text is the summary of Create, Update and Follow, or the comment's text.
	Text string
	// File is the path of the file to upload or to save a download to.
	File string
	// Attachment is the ID of the attachment to download.
	Attachment string
}

// Result is the result of running a client.
type Result struct {
	// Command is the command line, for reports, with the secret redacted.
	Command        string
	Stdout, Stderr string
	// Err is set if the client exited with a nonzero status.
	Err error
}

// Output returns everything that the client printed.
func (r Result) Output() string { return r.Stdout + r.Stderr }

// Client is a real Jira client.
type Client struct {
	// Name is the client's usual name.
	Name string
	// Find returns the path of the program, building it if necessary. It ends the
	// test if the program is not available: see missing.
	Find func(testing.TB) string
	// Cloud and DataCenter are the products to run the client against.
	Cloud, DataCenter bool
	// Config returns the client's configuration files, by path below the home.
	Config func(Target) map[string]string
	// Env returns additional environment variables.
	Env func(Target) []string
	// Blind are the actions that exit with status 0 even if they were refused, so
	// that only the output shows the failure.
	Blind map[Action]bool
	// OldSearch is set if the client searches Cloud with the operation that
	// Atlassian has removed.
	OldSearch bool
	// Actions are the actions that the client supports.
	Actions map[Action]func(Target, Arguments) Invocation
}

// Invocation is the command line and standard input of an action.
type Invocation struct {
	Args  []string
	Stdin string
}

// run returns an Invocation without standard input.
func run(args ...string) Invocation { return Invocation{Args: args} }

// Can reports whether the client supports an action.
func (c Client) Can(action Action) bool { return c.Actions[action] != nil }

// Run performs an action. It ends the test if the client cannot be started, but
// leaves it to the test to judge a failure of the client.
func (c Client) Run(t testing.TB, target Target, action Action, with Arguments) Result {
	t.Helper()
	if !c.Can(action) {
		t.Fatalf("%s cannot %s", c.Name, action)
	}
	program := c.Find(t)
	if c.Config != nil {
		for name, text := range c.Config(target) {
			path := filepath.Join(target.Home, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	invocation := c.Actions[action](target, with)
	// A client that hangs is a finding too, so the wait is bounded.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, invocation.Args...)
	command.Dir = target.Home
	command.Stdin = strings.NewReader(invocation.Stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	// The machine's own configuration and proxies must not interfere.
	command.Env = []string{
		"HOME=" + target.Home, "XDG_CONFIG_HOME=" + filepath.Join(target.Home, ".config"), "USER=tester",
		"PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8", "TERM=dumb", "NO_COLOR=1", "NO_PROXY=*",
	}
	if c.Env != nil {
		command.Env = append(command.Env, c.Env(target)...)
	}
	err := command.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatalf("%s: %v", c.Name, err)
	}
	hide := strings.NewReplacer(target.Secret, "<secret>")
	return Result{
		Command: hide.Replace(filepath.Base(program) + " " + strings.Join(invocation.Args, " ")),
		Stdout:  stdout.String(), Stderr: stderr.String(), Err: err,
	}
}

// missing ends the test because a client is not available. It fails the test in
// CI, where nothing may be skipped, and skips it elsewhere.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// All returns all clients.
func All() []Client {
	return []Client{Curl(), CurlAnyAuth(), PythonJira(), GoJira(), JiraCLI(), JiraJS()}
}
