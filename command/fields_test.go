package command

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestConfinementFlags: what the flags send.
func TestConfinementFlags(t *testing.T) {
	for _, test := range []struct {
		create bool
		args   []string
		want   string
	}{
		{true, nil, `{}`},
		{true, []string{"--project", "ACME", "--project", "OPS"}, `{"confine":{"projects":["ACME","OPS"]}}`},
		{true, []string{"--jql", "a = b", "--hide", "internal-comments"}, `{"confine":{"hide":["internal-comments"],"jql":"a = b"}}`},
		{true, []string{"--project", ""}, `{"confine":{"projects":[]}}`},
		{false, []string{"--name", "x"}, `{"name":"x"}`},
		{false, []string{"--jql", ""}, `{"confine":{"jql":""}}`},
		{false, []string{"--unconfine"}, `{"confine":{"hide":[],"jql":"","projects":[]}}`},
		{false, []string{"--hide", "Margin", "--unconfine"}, `{"confine":{"hide":["Margin"],"jql":"","projects":[]}}`},
		{false, []string{"--unconfine=false"}, `{}`},
	} {
		cmd := updateCommand()
		if test.create {
			cmd = createCommand()
		}
		if err := cmd.ParseFlags(test.args); err != nil {
			t.Errorf("%q: %v", test.args, err)
			continue
		}
		got, err := json.Marshal(changedFields(cmd))
		if err != nil || string(got) != test.want {
			t.Errorf("%q: %s, %v, want %s", test.args, got, err, test.want)
		}
	}
	if createCommand().Flags().Lookup("unconfine") != nil {
		t.Error("create has --unconfine: a new token has nothing to take away")
	}
}

// TestErrorsNameTheFlag that a user has, not the field of the JSON.
func TestErrorsNameTheFlag(t *testing.T) {
	for message, want := range map[string]string{
		"confine: jql: no such field":                "--jql: no such field",
		"confine: projects: no such project":         "--project: no such project",
		"confine: a token of alice must be confined": "--project, --jql, --hide: a token of alice must be confined",
		"expires_at: too late":                       "--expires: too late",
		"allow_ip: not inside":                       "--allow-ip: not inside",
		"kind: unknown":                              "--kind: unknown",
		"something else: happened":                   "something else: happened",
		"confined: not a field":                      "confined: not a field",
	} {
		if got := withFlag(message); got != want {
			t.Errorf("%s: %s, want %s", message, got, want)
		}
	}
}

// TestKinds checks that the flags for a token's owner name exactly one.
func TestKinds(t *testing.T) {
	for flags, want := range map[string]string{
		"":                                      "--owner: missing",
		"--owner a":                             "",
		"--owner a --service":                   "",
		"--external e@client.example":           "",
		"--external e@client.example --service": "--external:",
		"--external e@client.example --owner a": "--external:",
	} {
		cmd := createCommand()
		if err := cmd.ParseFlags(strings.Fields(flags)); err != nil {
			t.Fatal(err)
		}
		err := setKind(cmd, changedFields(cmd))
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v", flags, err)
		}
	}
}
