package clienttest

import (
	_ "embed"
	"os/exec"
	"testing"
)

// pythonScript performs one action per run, as a user's own script would.
//
//go:embed python_jira.py
var pythonScript string

// python is Debian's Python. Another one earlier in PATH would not find Debian's
// packages.
const python = "/usr/bin/python3"

// PythonJira is Debian's python3-jira. It updates and deletes through self links
// and downloads attachments through their content links.
func PythonJira() Client {
	action := func(name string) func(Target, Arguments) Invocation {
		return func(t Target, a Arguments) Invocation {
			return Invocation{Args: []string{"-", t.BaseURL, name, a.Key, a.Text, a.File, a.Attachment}, Stdin: pythonScript}
		}
	}
	actions := map[Action]func(Target, Arguments) Invocation{}
	for _, a := range []Action{ServerInfo, Myself, Search, View, Create, Comment, Upload, Download, Update, Delete, Follow} {
		actions[a] = action(string(a))
	}
	return Client{
		Name: "python3-jira", Cloud: true, DataCenter: true, OldSearch: true, Actions: actions,
		Find: func(t testing.TB) string {
			if err := exec.Command(python, "-c", "import jira").Run(); err != nil {
				missing(t, "python3-jira is not installed: apt-get install python3-jira")
			}
			return python
		},
		Env: func(t Target) []string { return []string{"JIRA_USER=" + t.User, "JIRA_SECRET=" + t.Secret} },
	}
}
