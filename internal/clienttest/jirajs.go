package clienttest

import (
	"embed"
	"io/fs"
	"path/filepath"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/npmtest"
)

// jiraJSScript performs one action per run, as a user's own script would.
//
//go:embed jirajs.cjs
var jiraJSScript string

// jiraJSFiles pins jira.js and its dependencies by checksum.
//
//go:embed npm
var jiraJSFiles embed.FS

func jiraJSPackage() fs.FS {
	pinned, err := fs.Sub(jiraJSFiles, "npm")
	if err != nil {
		panic(err) // the directory is compiled in
	}
	return pinned
}

// JiraJS is jira.js, a Node.js library for Cloud. Its version 2 client also works
// with Data Center, except for downloads, for which the script uses the content
// link. The script updates and deletes through self links. The library is
// installed with npm into the user's cache directory on first use.
func JiraJS() Client {
	action := func(name Action) func(Target, Arguments) Invocation {
		return func(t Target, a Arguments) Invocation {
			cloud := ""
			if t.Cloud {
				cloud = "cloud"
			}
			return Invocation{Args: []string{"-", t.BaseURL, cloud, string(name), a.Key, a.Text, a.File, a.Attachment}, Stdin: jiraJSScript}
		}
	}
	actions := map[Action]func(Target, Arguments) Invocation{}
	for _, a := range []Action{ServerInfo, Myself, Search, View, Create, Comment, Upload, Download, Update, Delete, Follow} {
		actions[a] = action(a)
	}
	return Client{
		Name: "jira.js", Cloud: true, DataCenter: true, Actions: actions,
		Find: func(t testing.TB) string {
			node := npmtest.Node(t)
			npmtest.Install(t, jiraJSPackage())
			return node
		},
		Env: func(t Target) []string {
			modules, _ := npmtest.Modules(jiraJSPackage()) // Find has failed if there is none.
			return []string{"JIRA_JS=" + filepath.Join(modules, "jira.js"), "JIRA_USER=" + t.User, "JIRA_SECRET=" + t.Secret}
		},
	}
}
