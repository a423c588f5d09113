package clienttest

import (
	"encoding/json"
	"os/exec"
	"testing"
)

// Curl is curl with -u, which sends credentials with the first request.
func Curl() Client { return curl("curl") }

// CurlAnyAuth is curl with --anyauth, which sends credentials only after a 401
// with a challenge that it supports. It works through the gateway but not with
// Jira itself, whose challenge is OAuth.
func CurlAnyAuth() Client { return curl("curl --anyauth", "--anyauth") }

// curl describes curl with additional options.
func curl(name string, options ...string) Client {
	base := func(t Target, args ...string) []string {
		all := append([]string{"--silent", "--show-error", "--fail-with-body", "--max-time", "50", "-u", t.User + ":" + t.Secret}, options...)
		return append(all, args...)
	}
	send := func(t Target, method, path string, body any) Invocation {
		data, _ := json.Marshal(body)
		return run(base(t, "-X", method, "-H", "Content-Type: application/json", "--data", string(data), t.BaseURL+path)...)
	}
	return Client{
		Name: name, Cloud: true, DataCenter: true, OldSearch: true,
		Find: func(t testing.TB) string {
			path, err := exec.LookPath("curl")
			if err != nil {
				missing(t, "curl is not installed: apt-get install curl")
			}
			return path
		},
		Actions: map[Action]func(Target, Arguments) Invocation{
			ServerInfo: func(t Target, _ Arguments) Invocation { return run(base(t, t.BaseURL+"/rest/api/2/serverInfo")...) },
			Myself:     func(t Target, _ Arguments) Invocation { return run(base(t, t.BaseURL+"/rest/api/2/myself")...) },
			Search: func(t Target, _ Arguments) Invocation {
				return run(base(t, "-G", "--data-urlencode", "jql=project = DEMO ORDER BY key", t.BaseURL+"/rest/api/2/search")...)
			},
			View: func(t Target, _ Arguments) Invocation {
				return run(base(t, t.BaseURL+"/rest/api/2/issue/DEMO-2")...)
			},
			Create: func(t Target, a Arguments) Invocation {
				return send(t, "POST", "/rest/api/2/issue", map[string]any{"fields": map[string]any{
					"project": map[string]any{"key": "DEMO"}, "issuetype": map[string]any{"name": "Task"}, "summary": a.Text,
				}})
			},
			Comment: func(t Target, a Arguments) Invocation {
				return send(t, "POST", "/rest/api/2/issue/DEMO-1/comment", map[string]any{"body": a.Text})
			},
			Update: func(t Target, a Arguments) Invocation {
				return send(t, "PUT", "/rest/api/2/issue/"+a.Key, map[string]any{"fields": map[string]any{"summary": a.Text}})
			},
			Delete: func(t Target, a Arguments) Invocation {
				return run(base(t, "-X", "DELETE", t.BaseURL+"/rest/api/2/issue/"+a.Key)...)
			},
			Upload: func(t Target, a Arguments) Invocation {
				// With Expect, curl waits for "100 Continue" before it sends the file.
				return run(base(t, "-H", "X-Atlassian-Token: no-check", "-H", "Expect: 100-continue", "-F", "file=@"+a.File, t.BaseURL+"/rest/api/2/issue/DEMO-3/attachments")...)
			},
			Download: func(t Target, a Arguments) Invocation {
				// curl drops the credentials when redirected to another host.
				path := "/secure/attachment/" + a.Attachment + "/file"
				if t.Cloud {
					path = "/rest/api/2/attachment/content/" + a.Attachment
				}
				return run(base(t, "-L", "-o", a.File, t.BaseURL+path)...)
			},
		},
	}
}
