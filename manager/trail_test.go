package manager

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

var eventLink = regexp.MustCompile(`href="/tokens/trail/([0-9]+-[0-9]+)"`)

func TestTrail(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	record := a.create(t, map[string]any{"owner": "alice", "name": "=1+1<b>"}).Record
	if err := a.store.AddEvents(t.Context(), storage.Event{
		At: time.Now(), Action: storage.ActionDenied, TokenID: record.ID, Owner: "alice", Name: "=1+1<b>", Count: 12, Actor: storage.Actor{Kind: storage.ActorClient, Address: "192.0.2.7"},
		Request: &storage.EventRequest{Method: "GET", Path: "/rest/<x>", Status: 403, Reason: "scope_insufficient", Project: "ACME"},
	}); err != nil {
		t.Fatal(err)
	}
	all := root.get("/tokens/trail")
	all.want(t, "the trail", http.StatusOK, "Created", "Denied", "=1&#43;1&lt;b&gt;", "GET /rest/&lt;x&gt; → 403: scope too small", "12 times", "a client from 192.0.2.7", "A signed checkpoint proves all")
	if strings.Index(all.body, "Denied <a") > strings.Index(all.body, "Created <a") {
		t.Error("the newest event is not the first")
	}
	root.get("/tokens/trail?action=denied&owner=ALICE&project=acme&since=1h").want(t, "filters", http.StatusOK, "scope too small", `value="ALICE"`)
	root.get("/tokens/trail?action=write").want(t, "nothing", http.StatusOK, "Nothing is on record")
	root.get("/tokens/trail?until=1h").want(t, "nothing before", http.StatusOK, "Nothing is on record")
	root.get("/tokens/trail?since=yesterday&owner=kept").want(t, "not a time", http.StatusBadRequest, "Invalid time", `value="kept"`, `value="yesterday"`)
	secret := "jt_" + record.ID + "_" + strings.Repeat("a", 38)
	if pasted := root.get("/tokens/trail?token=" + secret); strings.Contains(pasted.body, strings.Repeat("a", 38)) {
		t.Error("a whole token is on the page")
	}

	// Every event has a page of its own, with a proof that others can check.
	id := eventLink.FindStringSubmatch(all.body)[1]
	root.get("/tokens/trail/"+id).want(t, "an event", http.StatusOK, "Denied", "&#34;reason&#34;: &#34;scope_insufficient&#34;", "c2sp.org/tlog-proof@v1")
	inclusion, err := proof.ParseInclusion([]byte(root.get("/tokens/trail/" + id + "/proof").body))
	if err != nil {
		t.Fatal(err)
	}
	_, keys, err := a.AuditTree().Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	verifiers, err := proof.ParseKeys(keys)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := inclusion.Check(verifiers); err != nil {
		t.Error(err)
	}
	if checkpoint := root.get("/tokens/trail/checkpoint"); checkpoint.header.Get("Content-Disposition") == "" {
		t.Error("the checkpoint is not a file")
	} else if _, err := proof.Open([]byte(checkpoint.body), verifiers); err != nil {
		t.Error(err)
	}
	root.get("/tokens/trail/1-1").want(t, "no such event", http.StatusNotFound)
	root.get("/tokens/trail/x").want(t, "no ID", http.StatusBadRequest)

	table, err := csv.NewReader(strings.NewReader(root.get("/tokens/trail/export?format=csv&owner=alice").body)).ReadAll()
	if err != nil || len(table) != 3 || table[0][0] != "id" || table[1][8] != "'=1+1<b>" {
		t.Errorf("as CSV: %q, %v", table, err)
	}
	if none := root.get("/tokens/trail/export?format=csv&owner=nobody"); none.status != http.StatusOK || none.body != strings.Join(table[0], ",")+"\n" {
		t.Errorf("no events as CSV: %q", none.body)
	}
	for _, format := range []string{"x", "CSV", "json,csv", "csv&format=csv"} {
		root.get("/tokens/trail/export?format="+format).want(t, "as "+format, http.StatusBadRequest)
	}
	lines := root.get("/tokens/trail/export?format=json&action=denied")
	var event admin.Event
	if err := json.Unmarshal([]byte(lines.body), &event); err != nil || event.ID != id || lines.header.Get("Content-Disposition") != `attachment; filename="trail.ndjson"` {
		t.Errorf("as JSON lines: %v %v, %v", event, lines.header, err)
	}
	root.get("/tokens/trail/export?since=x").want(t, "an export with a mistake", http.StatusBadRequest)
	for _, path := range []string{"", "/" + id, "/" + id + "/proof", "/export", "/checkpoint"} {
		alice.get("/tokens/trail"+path).want(t, path+" for alice", http.StatusForbidden)
	}
	alice.get("/tokens/tokens/"+record.ID).want(t, "the trail of a token", http.StatusOK, "scope too small")
}

func TestLongTrail(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	var events []storage.Event
	for i := range 120 {
		events = append(events, storage.Event{At: time.Now(), Action: "account_refused", Name: fmt.Sprintf("account-%03d", i)})
	}
	if err := a.store.AddEvents(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	older := regexp.MustCompile(`href="([^"]+)" rel="next"`)
	seen := 0
	for path := "/tokens/trail?action=account_refused"; path != ""; {
		page := root.get(path)
		seen += len(eventLink.FindAllString(page.body, -1))
		path = ""
		if next := older.FindStringSubmatch(page.body); next != nil {
			path = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if seen != 120 {
		t.Errorf("%d events on all pages", seen)
	}
}

// TestEveryAction finds the actions of the audit trail in the source: each has words on the
// page, can be asked for, and is documented.
func TestEveryAction(t *testing.T) {
	words, err := page.English()
	if err != nil {
		t.Fatal(err)
	}
	actions := make(map[string]string)
	isAction := regexp.MustCompile(`^[Aa]ction[A-Z]`)
	text := func(e ast.Expr) string {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == gotoken.STRING {
			value, _ := strconv.Unquote(literal.Value)
			return value
		}
		return ""
	}
	for _, room := range []string{"accounts", "approvals", "audit", "manager", "registry", "storage"} {
		err := filepath.WalkDir("../"+room, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "storagetest") {
				return err
			}
			file, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec:
					for i, name := range n.Names {
						if isAction.MatchString(name.Name) && i < len(n.Values) && text(n.Values[i]) != "" {
							actions[text(n.Values[i])] = path
						}
					}
				case *ast.KeyValueExpr:
					if name, ok := n.Key.(*ast.Ident); ok && name.Name == "Action" && text(n.Value) != "" {
						actions[text(n.Value)] = path
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(actions) < 50 {
		t.Errorf("only %d actions were found", len(actions))
	}
	documented, err := os.ReadFile("../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	known := admin.Actions()
	for action, path := range actions {
		if _, ok := words["event."+action]; !ok {
			t.Errorf("%s: there are no words for the action %s", path, action)
		}
		if !slices.Contains(known, action) {
			t.Errorf("%s: lists of events refuse the action %s", path, action)
		}
	}
	for _, action := range known {
		if actions[action] == "" {
			t.Errorf("nothing records the action %s", action)
		}
		if !bytes.Contains(documented, []byte("`"+action+"`")) {
			t.Errorf("docs/audit.md does not mention the action %s", action)
		}
	}
}

// TestTrailShowsWhatOrdersIt: denials that are alike become one event, which is recorded
// later than the first of them was.
func TestTrailShowsWhatOrdersIt(t *testing.T) {
	h := newHandlerFor(t)
	at := time.Date(2026, 11, 27, 8, 0, 0, 0, time.UTC)
	id := storage.EventID{Millis: at.Add(time.Minute).UnixMilli()}
	shown := h.event(admin.Event{ID: id.String(), At: at, Until: at.Add(50 * time.Second), Count: 3, Action: "denied"})
	if !shown.At.At.Equal(at.Add(time.Minute)) {
		t.Errorf("shown at %s", shown.At.At)
	}
	held := h.event(admin.Event{ID: id.String(), At: at, Action: "approval_request", Name: "AI agent"})
	if held.Text != "Held a change by" || h.actionWords("approval_request") != "Change held" {
		t.Errorf("%q, %q", held.Text, h.actionWords("approval_request"))
	}
	if c := h.chart([]admin.Activity{{Counts: storage.Counts{Requests: 1, Denials: 1}}}); c.Summary != "1 request, 1 of them denied; 0 B from Jira." {
		t.Error(c.Summary)
	}
}

func newHandlerFor(t *testing.T) *Handler {
	t.Helper()
	pages, err := newPages()
	if err != nil {
		t.Fatal(err)
	}
	return &Handler{pages: pages, logger: zap.NewNop(), now: time.Now}
}
