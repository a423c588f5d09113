// Package clienttest describes real Jira clients declaratively: how each is
// found or built, and the command line, configuration and environment with
// which it does each thing. Tests run them straight against a stand-in Jira
// and through the gateway; what differs is only the Target.
//
// Every client works offline, on loopback, over plain HTTP, and in a home
// directory of its own.
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

// Target is the Jira, or the gateway, that a client talks to, and as whom.
type Target struct {
	// BaseURL without a trailing slash; with a context path if there is one.
	BaseURL string
	// User and Secret of Basic: an account of Jira, or owner and token of the gateway.
	User, Secret string
	// Home is an empty directory for the client's configuration. One home
	// serves one Target.
	Home string
	// Cloud is set when what answers wears the dress of Jira Cloud.
	Cloud bool
}

// Action is something that clients do.
type Action string

// The actions. Myself asks who the caller is; Search lists the issues of DEMO;
// View shows DEMO-2; Create makes a task; Comment comments on DEMO-1; Upload
// attaches a file to DEMO-3 and Download fetches the attachment whose id is
// given; Update and Delete change one issue, by the self link of what a search
// returned where the client knows self links. Follow searches a hundred issues,
// changes each by its self link and deletes the last ten.
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

// Writes tells whether the action changes something in Jira.
func (a Action) Writes() bool {
	switch a {
	case Create, Comment, Upload, Update, Delete, Follow:
		return true
	}
	return false
}

// Arguments of an action; each action uses what it needs.
type Arguments struct {
	// Key of the issue for Update and Delete.
	Key string
	// Text is the summary of Create, Update and Follow, or the comment's text.
	Text string
	// File is the path to upload, or to download to.
	File string
	// Attachment is the id to download.
	Attachment string
}

// Result is what a client showed.
type Result struct {
	// Command line, for reports; the secret is replaced.
	Command        string
	Stdout, Stderr string
	// Err is set when the client ended with another status than 0.
	Err error
}

// Output is everything that a user of the client saw.
func (r Result) Output() string { return r.Stdout + r.Stderr }

// Client is one real client.
type Client struct {
	// Name as people know it.
	Name string
	// Find returns the path of its program. It builds it when need be, and
	// ends the test when it is not to be had: see missing.
	Find func(testing.TB) string
	// Cloud and DataCenter say which dresses it is run against.
	Cloud, DataCenter bool
	// Config are the configuration files it wants, by path below the home.
	Config func(Target) map[string]string
	// Env are the variables it wants.
	Env func(Target) []string
	// Blind are the actions that end with status 0 even when they were refused:
	// only what the client shows tells.
	Blind map[Action]bool
	// OldSearch is set when it searches Cloud by the operation that Atlassian
	// has removed there.
	OldSearch bool
	// Actions are the arguments, and standard input, with which it does each thing. What
	// is not here the client cannot do.
	Actions map[Action]func(Target, Arguments) Invocation
}

// Invocation is what an action runs the client with.
type Invocation struct {
	Args  []string
	Stdin string
}

// run makes an Invocation of arguments alone.
func run(args ...string) Invocation { return Invocation{Args: args} }

// Can tells whether the client has an action.
func (c Client) Can(action Action) bool { return c.Actions[action] != nil }

// Run runs an action. It ends the test when the client cannot be started, not
// when the client fails: that is for the test to judge.
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
	// A client that waits for something is a finding too, so it must end.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, invocation.Args...)
	command.Dir = target.Home
	command.Stdin = strings.NewReader(invocation.Stdin)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	// Nothing of the machine's own configuration or proxies may take part.
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

// missing ends the test because a client is not there: with a failure in CI,
// where nothing may be skipped unseen, otherwise by skipping it.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// All are the clients that are known.
func All() []Client {
	return []Client{Curl(), CurlAnyAuth(), PythonJira(), GoJira(), JiraCLI(), JiraJS()}
}
