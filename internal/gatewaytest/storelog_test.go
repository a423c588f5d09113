package gatewaytest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
)

// TestStoreLogFollowsReload: a store outlives the configuration that opened it, and only
// writes to the log of the running configuration.
func TestStoreLogFollowsReload(t *testing.T) {
	const away, back = "the token store does not answer", "the token store answers again"
	redis := redistest.Start(t, "--appendonly", "yes")
	o := options{store: redisStore(redis)}
	g := startGateway(t, o)
	tok := g.issue("alice", "read")
	o.upstream = g.up
	var logs []string
	for _, name := range []string{"first.log", "second.log"} {
		logs = append(logs, filepath.Join(g.dir, name))
		o.global = "log {\noutput file " + logs[len(logs)-1] + "\n}"
		g.configure(o)
		if r := g.reload(); r.code != 0 {
			t.Fatal(r)
		}
	}
	redis.Kill()
	eventually(t, "the outage to be noticed", func() error {
		g.adminCall("GET", "/jira_tokens/tokens/"+tok.ID, "")
		return inFile(logs[1], away)
	})
	redis.Restart()
	eventually(t, "the end of the outage to be noticed", func() error { return inFile(logs[1], back) })
	for name, written := range map[string]error{"standard error": inText(g.log.String(), away), "the log of the reload before": inFile(logs[0], away)} {
		if written == nil {
			t.Errorf("%s contains what the store logged after the last reload", name)
		}
	}
	g.check200(t, tok)
}

func inFile(path, text string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return inText(string(content), text)
}

func inText(content, text string) error {
	if !strings.Contains(content, text) {
		return errors.New("no line has " + text)
	}
	return nil
}
