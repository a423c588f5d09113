package command

import (
	"encoding/json"
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

func TestErrorsNameTheFlagOfAPart(t *testing.T) {
	names := flagNames()
	if names["confine: projects"] != "project" || names["confine: jql"] != "jql" || names["confine: hide"] != "hide" || names["confine"] != "" {
		t.Errorf("%v", names)
	}
}
