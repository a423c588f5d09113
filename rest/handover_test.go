package rest

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const asProgram = "Accept: application/json"

// handOver creates a token that is handed over with a link.
func (g *gateway) handOver(fields map[string]any) registry.Issued {
	g.t.Helper()
	all := map[string]any{"owner": "eve@client.example", "name": "handed"}
	for name, value := range fields {
		all[name] = value
	}
	edit, err := token.NewEdit(all)
	if err != nil {
		g.t.Fatal(err)
	}
	issued, err := g.Registry.CreateHandedOver(g.t.Context(), registry.Actor{Kind: registry.ActorAdmin, Name: "local user <root>"}, edit, time.Hour)
	if err != nil {
		g.t.Fatal(err)
	}
	return issued
}

func pathOf(link token.Link) string { return belowEndpoints(registry.HandoverPath) + link.Reveal() }

// TestOpenHandover: looking at a link does not use it up, opening it shows the token
// once, and opening it again leaves an alarm.
func TestOpenHandover(t *testing.T) {
	for name, headers := range map[string][]string{"program": {asProgram}, "browser": {"Accept: text/html,application/json;q=0.1"}, "neither": nil} {
		g := newGateway(t)
		logs, lines := observer.New(zap.WarnLevel)
		g.Logger = zap.New(logs)
		issued := g.handOver(nil)
		path := pathOf(issued.Link)
		for _, method := range []string{"GET", "HEAD", "GET"} {
			if w := g.call(method, path, "", token.Token{}, headers...); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "jt_") {
				t.Errorf("%s: %s: HTTP %d %s %+v", name, method, w.Code, w.Body, w.failed)
			}
		}
		w := g.call("POST", path, "", token.Token{}, append(headers, "User-Agent: Mail/1")...)
		secret := regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`).FindString(w.Body.String())
		if w.Code != http.StatusOK || secret == "" || !g.works(parsed(t, secret)) {
			t.Fatalf("%s: opening it: HTTP %d %s %+v", name, w.Code, w.Body, w.failed)
		}
		if isJSON := strings.HasPrefix(w.Header().Get("Content-Type"), "application/json"); isJSON != (name == "program") {
			t.Errorf("%s: Content-Type %s", name, w.Header().Get("Content-Type"))
		}
		for i, method := range []string{"GET", "POST", "POST"} {
			w := g.call(method, path, "", token.Token{}, headers...)
			if w.reason() != handler.ReasonHandoverEnded || !strings.Contains(w.failed.Message, "already opened") || w.failed.Guess != (method == "POST") {
				t.Errorf("%s: %s afterwards: HTTP %d %+v", name, method, w.Code, w.failed)
			}
			if (w.failed.Page != nil) != (name != "program") || strings.Contains(string(w.failed.Page), "jt_") {
				t.Errorf("%s: page %s", name, w.failed.Page)
			}
			if lines.Len() != i {
				t.Errorf("%s: %d alarms after %d attempts", name, lines.Len(), i)
			}
		}
		events := g.events(issued.Record.ID)
		if len(events) != 3 || events[0].Actor != (registry.Actor{Kind: registry.ActorLink, Address: "192.0.2.7", Claim: "Mail/1"}) || events[2].Action != registry.ActionHandoverAlarm {
			t.Errorf("%s: events %+v", name, events)
		}
		for _, line := range lines.All() {
			if line.ContextMap()["jira_token_id"] != issued.Record.ID || line.ContextMap()["client_ip"] != "192.0.2.7" {
				t.Errorf("%s: log %+v", name, line.ContextMap())
			}
		}
	}
}

// TestOpenHandoverAnswer: a program gets what it needs to use the token.
func TestOpenHandoverAnswer(t *testing.T) {
	g := newGateway(t)
	issued := g.handOver(map[string]any{"expires_at": "30d"})
	var seen offer
	decodeInto(t, g.call("GET", pathOf(issued.Link), "", token.Token{}, asProgram), &seen)
	if seen.Owner != "eve@client.example" || seen.Name != "handed" || seen.By != "local user <root>" || !strings.HasPrefix(seen.Does, "Reads everything") || seen.LinkExpiresAt == nil {
		t.Errorf("offer %+v", seen)
	}
	var opened secret
	decodeInto(t, g.call("POST", pathOf(issued.Link), "", token.Token{}, asProgram), &opened)
	if opened.ID != issued.Record.ID || opened.Owner != seen.Owner || opened.ExpiresAt == nil {
		t.Errorf("opened %+v", opened)
	}
}

// TestUnknownHandover: guesses, and what is not a link at all, get one answer, and count.
func TestUnknownHandover(t *testing.T) {
	g := newGateway(t)
	issued := g.handOver(nil)
	messages := make(map[string]bool)
	for _, method := range []string{"GET", "POST"} {
		for _, link := range []string{token.NewLink(issued.Record.ID).Reveal(), token.NewLink("0123456789").Reveal(), "x", issued.Record.ID} {
			w := g.call(method, belowEndpoints(registry.HandoverPath)+link, "", token.Token{}, asProgram)
			if w.reason() != handler.ReasonUnknownHandover || !w.failed.Guess {
				t.Fatalf("%s %s: HTTP %d %+v", method, link, w.Code, w.failed)
			}
			messages[w.failed.Message] = true
		}
	}
	if len(messages) != 1 {
		t.Errorf("different answers: %v", messages)
	}
	if w := g.call("POST", pathOf(issued.Link), "", token.Token{}, asProgram); w.Code != http.StatusOK {
		t.Errorf("guesses end the link: %+v", w.failed)
	}
}

// TestHandoverPage: the page escapes what people have written, runs nothing but its own
// script, and loads nothing.
func TestHandoverPage(t *testing.T) {
	g := newGateway(t)
	g.PublicURL = "https://jira.example.com/'\"<b>"
	hostile := `"><script>alert(1)</script>'&`
	issued := g.handOver(map[string]any{"owner": hostile, "name": hostile, "confine": map[string]any{"jql": `summary ~ "</style><img src=x>"`}})
	look := g.call("GET", pathOf(issued.Link), "", token.Token{})
	open := g.call("POST", pathOf(issued.Link), "", token.Token{})
	for _, w := range []answer{look, open} {
		text := w.Body.String()
		before, script, _ := strings.Cut(text, "<script>")
		script, after, _ := strings.Cut(script, "</script>")
		if script != pageJS {
			t.Errorf("the script:\n%s", script)
		}
		text = before + after
		for _, bad := range []string{"<script", "<img", "<b>", "<root>", "javascript:", "http-equiv", "href="} {
			if strings.Contains(text, bad) {
				t.Errorf("the page contains %q:\n%s", bad, text)
			}
		}
		_, style, _ := strings.Cut(text, "<style>")
		style, _, _ = strings.Cut(style, "</style>")
		header := w.Header()
		if policy := header.Get("Content-Security-Policy"); policy != policyOf(style, pageJS) || !strings.HasPrefix(policy, "default-src 'none';") {
			t.Errorf("policy %s", policy)
		}
		if header.Get("Referrer-Policy") != "no-referrer" || !strings.Contains(header.Get("X-Robots-Tag"), "noindex") || header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("headers %q", header)
		}
	}
	if !strings.Contains(look.Body.String(), `in 1 hour (<time datetime="`) {
		t.Errorf("the page does not say when the link ends:\n%s", look.Body)
	}
	for _, want := range []string{`<form method="post">`, "Show the token, once", "local user &lt;root&gt; made this token for"} {
		if !strings.Contains(look.Body.String(), want) {
			t.Errorf("the page lacks %q:\n%s", want, look.Body)
		}
	}
	if strings.Contains(open.Body.String(), "<form") {
		t.Error("the page of the token has a form")
	}
}

// TestOpenedHandoverPage: whoever opens a link has no other page, so this one says all that
// it takes to use the token: the token, the user name, Jira's address, and ready lines.
func TestOpenedHandoverPage(t *testing.T) {
	for isCloud, search := range map[bool]string{true: "/rest/api/3/search/jql", false: "/rest/api/2/search"} {
		g := newGateway(t)
		asked := 0
		g.IsCloud = func(_ context.Context, url string) bool {
			asked++
			return isCloud && url == ""
		}
		issued := g.handOver(nil)
		look := g.call("GET", pathOf(issued.Link), "", token.Token{}).Body.String()
		for _, later := range []string{"curl", "Python", "Copy: ", "<pre", "gateway.example"} {
			if strings.Contains(look, later) {
				t.Errorf("before it is opened, the page says %q:\n%s", later, look)
			}
		}
		if asked > 0 {
			t.Error("Jira is asked before the link is opened")
		}
		page := g.call("POST", pathOf(issued.Link), "", token.Token{}).Body.String()
		secret := regexp.MustCompile(`jt_[0-9A-Za-z]{10}_[0-9A-Za-z]{38}`).FindString(page)
		for _, want := range []string{
			`<code id="secret">` + secret + `</code>`, `data-copy="secret"`, "Jira’s address</dt><dd><code id=\"row-1\">https://gateway.example/jira</code>", "User name</dt><dd><code id=\"row-0\">eve@client.example</code>",
			"curl", "Python", "JavaScript", "Java", "Power BI", "Tableau", "MCP client", "GitHub Actions", search, "1/self",
		} {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q:\n%s", want, page)
			}
		}
	}
}

// TestOpenedHandoverOfPendingToken: the page says that the token does not work yet.
func TestOpenedHandoverOfPendingToken(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	issued.Record.Status = token.StatusPending
	if p := openedPage(issued, "https://gateway.example", false); !strings.Contains(p.Warning, "does not work yet") {
		t.Errorf("warning %q", p.Warning)
	}
}

// TestHandoverPageNotes: the page says what else will happen.
func TestHandoverPageNotes(t *testing.T) {
	g := newGateway(t)
	issued := g.create(nil)
	linked, err := g.Registry.HandOver(t.Context(), registry.Actor{}, issued.Record.ID, 90*time.Minute, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if text := g.call("GET", pathOf(linked.Link), "", token.Token{}).Body.String(); !strings.Contains(text, "It replaces the token of the same name, which keeps working for 1h30m.") || !strings.Contains(text, "Somebody who manages this gateway made this token for alice") {
		t.Errorf("a rotation:\n%s", text)
	}
	record := *linked.Record
	record.Status = token.StatusPending
	if note := offerPage(&record, time.Now()).Note; !strings.Contains(note, "once an administrator has approved it") {
		t.Errorf("a pending token: %s", note)
	}
}
