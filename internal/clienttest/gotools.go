package clienttest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// The Go clients, pinned in tools/go.mod. That is a separate module because their
// dependencies are old and do not belong in the project's go.sum. Both programs
// are called jira.
const (
	goJiraPackage  = "github.com/go-jira/jira/cmd/jira"
	jiraCLIPackage = "github.com/ankitpokhrel/jira-cli/cmd/jira"
)

// built caches the path of each tool.
var built struct {
	sync.Mutex
	paths map[string]string
}

// goTool returns the path of a pinned tool, building it on first use. Go keeps
// the program in its build cache.
func goTool(t testing.TB, name string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path := built.paths[name]; path != "" {
		return path
	}
	command := exec.Command("go", "-C", toolsDir(t), "tool", "-n", name)
	// The user's workspace and flags must not affect the tools.
	command.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false -trimpath")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		missing(t, "%s cannot be built (the first build downloads it from the Go module proxy): %v\n%s", name, err, stderr.String())
	}
	path := strings.TrimSpace(string(out))
	if built.paths == nil {
		built.paths = map[string]string{}
	}
	built.paths[name] = path
	return path
}

// toolsDir finds the tools' module from any directory in the project.
func toolsDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		tools := filepath.Join(dir, "internal", "clienttest", "tools")
		if _, err := os.Stat(filepath.Join(tools, "go.mod")); err == nil {
			return tools
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("internal/clienttest/tools is not in any directory above this one")
		}
		dir = parent
	}
}

// GoJira is go-jira. It uses only version 2 of the API. Its default authentication
// method, session, logs in at /rest/auth/1/session, which no token may do, so it
// is configured for api-token, which is Basic. Its default create and edit
// templates set the reporter to the login's email address: Data Center rejects
// that, and behind a gateway the login is not a Jira user. It therefore gets
// templates without a reporter. To create an issue, it requests the old
// createmeta, which Data Center removed in version 9.
func GoJira() Client {
	return Client{
		Name: "go-jira", Cloud: true, DataCenter: true, OldSearch: true,
		// It has no command to delete an issue, and its request command ignores the
		// response's status.
		Blind: map[Action]bool{Delete: true},
		Find:  func(t testing.TB) string { return goTool(t, goJiraPackage) },
		Config: func(t Target) map[string]string {
			return map[string]string{
				".jira.d/config.yml": "endpoint: " + t.BaseURL + "\n" +
					"authentication-method: api-token\n" +
					"login: " + t.User + "\n" +
					"user: " + t.User + "\n" +
					"project: DEMO\n",
				".jira.d/templates/create": "fields:\n" +
					"  project:\n    key: {{ .overrides.project }}\n" +
					"  issuetype:\n    name: {{ .overrides.issuetype }}\n" +
					"  summary: >-\n    {{ or .overrides.summary \"\" }}\n" +
					"  description: |~\n    {{ or .overrides.description \"\" | indent 4 }}\n",
				".jira.d/templates/edit": "fields:\n  summary: >-\n    {{ or .overrides.summary .fields.summary }}\n",
			}
		},
		Env: func(t Target) []string { return []string{"JIRA_API_TOKEN=" + t.Secret} },
		Actions: map[Action]func(Target, Arguments) Invocation{
			ServerInfo: func(Target, Arguments) Invocation { return run("request", "/rest/api/2/serverInfo") },
			Myself:     func(Target, Arguments) Invocation { return run("request", "/rest/api/2/myself") },
			Search:     func(Target, Arguments) Invocation { return run("list", "--query", "project = DEMO ORDER BY key") },
			View:       func(Target, Arguments) Invocation { return run("view", "DEMO-2") },
			Create: func(_ Target, a Arguments) Invocation {
				return run("create", "--noedit", "--project", "DEMO", "--issuetype", "Task", "--override", "summary="+a.Text, "--override", "description=made by go-jira")
			},
			Comment: func(_ Target, a Arguments) Invocation {
				return run("comment", "--noedit", "--comment", a.Text, "DEMO-1")
			},
			Update: func(_ Target, a Arguments) Invocation {
				return run("edit", "--noedit", "--override", "summary="+a.Text, a.Key)
			},
			Delete: func(_ Target, a Arguments) Invocation {
				return run("request", "--method", "DELETE", "/rest/api/2/issue/"+a.Key)
			},
			Upload: func(_ Target, a Arguments) Invocation {
				return run("attach", "create", "--filename", filepath.Base(a.File), "DEMO-3", a.File)
			},
			Download: func(_ Target, a Arguments) Invocation {
				return run("attach", "get", "--output", a.File, a.Attachment)
			},
		},
	}
}

// JiraCLI is jira-cli. It does not support attachments, and its "me" only reads
// its own configuration. On Cloud it searches and creates with version 3 of the
// API; its installation type "local" is Data Center. Its configuration is what
// "jira init" would write.
func JiraCLI() Client {
	return Client{
		Name: "jira-cli", Cloud: true, DataCenter: true,
		Find: func(t testing.TB) string { return goTool(t, jiraCLIPackage) },
		Config: func(t Target) map[string]string {
			installation := "Local"
			if t.Cloud {
				installation = "Cloud"
			}
			return map[string]string{".config/.jira/.config.yml": "auth_type: basic\n" +
				"installation: " + installation + "\n" +
				"server: " + t.BaseURL + "\n" +
				"login: " + t.User + "\n" +
				"project:\n  key: DEMO\n  type: classic\n" +
				"board:\n  id: 1\n  name: DEMO board\n  type: scrum\n" +
				"epic:\n  name: customfield_10011\n  link: customfield_10014\n" +
				"issue:\n  types:\n" +
				"  - {id: \"10002\", name: Task, handle: Task, subtask: false}\n" +
				"  - {id: \"10004\", name: Bug, handle: Bug, subtask: false}\n" +
				"version:\n  major: 10\n  minor: 3\n  patch: 0\n"}
		},
		Env: func(t Target) []string { return []string{"JIRA_API_TOKEN=" + t.Secret} },
		Actions: map[Action]func(Target, Arguments) Invocation{
			ServerInfo: func(Target, Arguments) Invocation { return run("serverinfo") },
			Search: func(Target, Arguments) Invocation {
				return run("issue", "list", "--plain", "--no-headers", "--columns", "key,summary", "--jql", "project = DEMO")
			},
			View: func(Target, Arguments) Invocation {
				return run("issue", "view", "DEMO-2", "--plain", "--comments", "5")
			},
			Create: func(_ Target, a Arguments) Invocation {
				return run("issue", "create", "--no-input", "--type", "Task", "--summary", a.Text, "--body", "made by jira-cli")
			},
			Comment: func(_ Target, a Arguments) Invocation {
				return run("issue", "comment", "add", "DEMO-1", a.Text, "--no-input")
			},
			Update: func(_ Target, a Arguments) Invocation {
				return run("issue", "edit", a.Key, "--no-input", "--summary", a.Text)
			},
			Delete: func(_ Target, a Arguments) Invocation { return run("issue", "delete", a.Key) },
		},
	}
}
