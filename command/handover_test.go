package command

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestHandoverFlags(t *testing.T) {
	for args, want := range map[string]string{
		"":                    "",
		"--handover":          "map[for:]",
		"--handover --for 2h": "map[for:2h]",
		"--for 2h":            "error: --for: it is how long a link can be opened, so it needs --handover",
	} {
		cmd := new(cobra.Command)
		handoverFlags(cmd)
		if err := cmd.ParseFlags(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		fields := make(map[string]any)
		got := ""
		if err := setHandover(cmd, fields); err != nil {
			got = "error: " + err.Error()
		} else if handover, ok := fields["handover"].(map[string]string); ok {
			got = "map[for:" + handover["for"] + "]"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", args, got, want)
		}
	}
}

// TestPrintLink: the command shows a link, to whom to send it, and what to do if somebody
// else opens it.
func TestPrintLink(t *testing.T) {
	soon := time.Now().Add(time.Hour)
	view := admin.Token{
		State: token.StateActive, StateReason: "waiting to be handed over until 2026-11-27 15:04 UTC",
		Handover: &admin.Handover{URL: "https://jira.example.com/rest/jira-tokens/1/handover/0123456789-secret", State: "waiting", ExpiresAt: soon},
		Record:   &token.Record{ID: "0123456789", Owner: "eve@client.example", Name: "handed"},
	}
	var out strings.Builder
	new(client).printNewToken(&out, view, "Created")
	for _, want := range []string{"\n  " + view.Handover.URL + "\n", "Send this link to eve@client.example", "in 1 hour", "caddy jira-token revoke 0123456789"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("lacks %q:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "old token") || strings.Contains(out.String(), "curl") {
		t.Errorf("says too much:\n%s", out.String())
	}
	if got := cells(view)[4]; !strings.HasPrefix(got, "handover until ") {
		t.Errorf("listed as %q", got)
	}

	view.StateReason = ""
	out.Reset()
	new(client).printNewToken(&out, view, "Made a link that rotates")
	if !strings.HasPrefix(out.String(), "Made a link that rotates token 0123456789:") || !strings.Contains(out.String(), "the old token keeps working") {
		t.Errorf("a rotation:\n%s", out.String())
	}
	if got := cells(view)[4]; got != "active" {
		t.Errorf("listed as %q", got)
	}
	for state, want := range map[string]string{"waiting": " UTC (in 1 hour)", "opened": "its link was opened", "ended": "its link ended unopened", "suspended": "but the token is suspended"} {
		view.Handover.State = admin.HandoverState(state)
		if got := handoverText(view); !strings.Contains(got, want) {
			t.Errorf("%s: %q", state, got)
		}
	}
	view.Handover.Alarms = 2
	if got := handoverText(view); !strings.HasSuffix(got, "tried to open it 2 times more: see the audit trail") {
		t.Errorf("with alarms: %q", got)
	}
}
