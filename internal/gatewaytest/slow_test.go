package gatewaytest

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// adminReadTimeout is how long Caddy's admin endpoint waits for a complete request:
// after that, reading a body fails.
const adminReadTimeout = 10 * time.Second

// TestSlowAdminCalls: calls that naturally take long complete: an import, and a check of
// a slow Jira.
func TestSlowAdminCalls(t *testing.T) {
	g := startGateway(t, options{})
	first := g.issue("alice", "read")
	record := lineWith(g.token("export").out, first.ID) + "\n"
	late := time.After(adminReadTimeout + time.Second)
	passed := make(chan struct{})
	go func() { <-late; close(passed) }()

	g.up.answer(func(x *exchange) {
		<-passed
		x.send(reply("200 OK", "Content-Type: application/json\r\n", `{"name":"svc-bi"}`))
	})
	var wait sync.WaitGroup
	wait.Go(func() {
		status, answer, err := g.tryAdmin("GET", "/jira_tokens/check", "")
		if err != nil || status != 200 || !strings.Contains(answer, `"ok":true`) {
			t.Errorf("check of a slow Jira: HTTP %d %s (%v)", status, answer, err)
		}
	})
	wait.Go(func() {
		body, w := io.Pipe()
		go func() {
			_, _ = io.WriteString(w, strings.Replace(record, first.ID, "0000000001", 1))
			<-passed
			_, _ = io.WriteString(w, strings.Replace(record, first.ID, "0000000002", 1))
			w.Close()
		}()
		response, err := http.Post("http://"+g.admin+"/jira_tokens/import", "application/x-ndjson", body)
		if err != nil {
			t.Errorf("a slow import: %v", err)
			return
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 200 || !strings.Contains(string(text), `"imported":2`) {
			t.Errorf("a slow import: HTTP %d %s (%v)", response.StatusCode, text, err)
		}
	})
	wait.Wait()
}
