package manager

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
	"github.com/jiratokens/caddy-jira-tokens/trust"
)

// TestEveryFieldOnThePage: whatever the command can set, the page can set, too.
func TestEveryFieldOnThePage(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	form := url.Values{
		"name": {"agent"}, "owner": {"robot"}, "kind": {"service"}, "responsible": {"alice"}, "purpose": {"answers tickets"},
		"scope": {"read"}, "hold_writes": {"", "true"}, "account": {"default"}, "expires": {"30d"}, "expires_on": {"12h"}, "not_before": {"1h"},
		"allow_ip": {"203.0.113.0/24, 192.0.2.1"}, "deny_ip": {"203.0.113.66"}, "limit": {"60/m"}, "limit_writes": {"20/d"}, "max_concurrent": {"3"},
		"exempt": {"for the test"}, "projects": {"acme OPS"}, "jql": {"labels = shared"}, "hide_comments": {"", "true"}, "hide": {"Margin"}, "without_asking": {"true"},
	}
	created := root.post("/tokens/tokens/new", form)
	created.want(t, "create", http.StatusCreated)
	id := secretPattern.FindString(created.body)[3:13]
	record, err := a.registry.Show(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	const want = "Reads issues of ACME and OPS that match “labels = shared”, not internal comments or the field Margin, " +
		"from 203.0.113.0/24 or 192.0.2.1, not from 203.0.113.66, at most 60 requests a minute and 3 at a time"
	if !strings.HasPrefix(record.Sentence(), want) || record.Owner != "robot" || record.Kind != token.KindService || record.Responsible != "alice" ||
		record.Purpose != "answers tickets" || !record.HoldWrites || record.LimitWrites.String() != "20/d" || record.Exempt != "for the test" {
		t.Errorf("%s\n%+v", record.Sentence(), record)
	}
	if now := time.Now(); record.ExpiresAt.After(now.Add(13*time.Hour)) || record.NotBefore.Before(now.Add(50*time.Minute)) {
		t.Errorf("from %s until %s", record.NotBefore, record.ExpiresAt)
	}
	root.get("/tokens/tokens/"+id).wantText(t, "the token's page", want)

	// The form shows all of it, and saving it again changes nothing.
	page := root.get("/tokens/tokens/" + id + "/edit")
	for _, value := range []string{"agent", "alice", "answers tickets", "60/m", "20/d", "ACME OPS", "labels = shared", "Margin", "203.0.113.66/32", "for the test", record.NotBefore.Format(time.RFC3339)} {
		if !strings.Contains(page.body, `value="`+value+`"`) {
			t.Errorf("the form does not show %q", value)
		}
	}
	again := typedOf(a.registry.View(record)).Values
	again.Set("version", "1")
	root.post("/tokens/tokens/"+id+"/edit", again).want(t, "saving it again", http.StatusSeeOther)
	again = url.Values{"version": {"1"}}
	for _, name := range []string{"purpose", "responsible", "limit", "limit_writes", "max_concurrent", "not_before", "projects", "jql", "hide", "hide_comments", "allow_ip", "deny_ip"} {
		again.Set(name, "")
	}
	saved := root.post("/tokens/tokens/"+id+"/edit", again)
	saved.want(t, "emptying it", http.StatusSeeOther)
	if record, err = a.registry.Show(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if text := record.Sentence(); !strings.HasPrefix(text, "Reads everything that its account sees in Jira, until") || record.Name != "agent" || !record.HoldWrites || record.Purpose != "" || record.Responsible != "" || record.LimitWrites != (token.Limit{}) {
		t.Errorf("emptied: %s %+v", text, record)
	}
}

func TestTemplates(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice := newBrowser(t, server, "alice")
	alice.get("/tokens/tokens/new?template=agent").wantText(t, "an agent", "Reads and changes …, each change once somebody has approved it, not internal comments, at most 60 requests a minute and 20 changes a day, until", "You have not said yet what it may see.")
	alice.get("/tokens/tokens/new?template=bi").wantText(t, "a BI tool", "Reads …, not internal comments, until")
	service := alice.get("/tokens/tokens/new?template=service")
	if strings.Contains(service.body, `name="kind"`) {
		t.Error("alice is offered tokens for services")
	}
	service.wantText(t, "a service for alice", "Service or CI Only people who may create tokens for others can create these", "Ask somebody who manages tokens")
	if strings.Contains(service.body, "template=service") {
		t.Error("alice can choose the template for services")
	}
	bea := newBrowser(t, server, "bea")
	bea.get("/tokens/tokens/new?template=service").want(t, "bea", http.StatusOK, `value="service" checked`, "belongs to nobody in particular.</")
	a.trusted = new(trust.Trust)
	bea.get("/tokens/tokens/new").want(t, "a gateway that trusts issuers of JWTs", http.StatusOK, "can exchange it for a token and need not store one")
}

// describe returns what the page says about what was typed so far.
func describe(t *testing.T, b *browser, form url.Values) described {
	t.Helper()
	answer := b.post("/tokens/tokens/sentence", form)
	var said described
	if err := json.Unmarshal([]byte(answer.body), &said); err != nil {
		t.Fatalf("%d: %v: %s", answer.status, err, answer.body)
	}
	return said
}

// TestSentenceGrows: with a script as one types, and without one after a press of a button.
func TestSentenceGrows(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	form := url.Values{"name": {"x"}, "scope": {"write"}, "projects": {"ACME"}, "deny_ip": {"192.0.2.0/24"}, "limit": {"nonsense"}, "expires": {"never"}}
	const want = "Reads and changes issues of ACME, not from 192.0.2.0/24, without an end. The limit of requests is not understood yet."
	if said := describe(t, alice, form); said.Sentence != want {
		t.Errorf("said %q", said.Sentence)
	}
	form.Set("do", "update")
	updated := alice.post("/tokens/tokens/new", form)
	updated.want(t, "update", http.StatusOK, `value="nonsense"`, `value="ACME"`, `class="wrong"`)
	updated.wantText(t, "update", want)
	if page, err := a.registry.List(t.Context(), registry.Query{}); err != nil || len(page.Records) > 0 {
		t.Errorf("%d tokens, %v", len(page.Records), err)
	}
	id := a.create(t, map[string]any{"owner": "alice", "name": "held", "scope": "write", "exempt": "for the test", "hold_writes": true}).Record.ID
	edited := url.Values{"id": {id}, "projects": {"OPS"}, "jql": {""}, "hide": {""}}
	if said := describe(t, alice, edited); said.Sentence != "Reads and changes issues of OPS, each change once somebody has approved it, without an end." {
		t.Errorf("said %q", said.Sentence)
	}
	other := newBrowser(t, alice.server, "bea").post("/tokens/tokens/sentence", edited)
	other.want(t, "about another's token", http.StatusNotFound)
}

// TestMistypedWhileTyping: what cannot be understood is not described as if it had been left
// out, and the input says what is wrong.
func TestMistypedWhileTyping(t *testing.T) {
	alice := newBrowser(t, serve(t, newApp(t), new(header)), "alice")
	for _, c := range []struct{ input, text, says, not string }{
		{"expires_on", "tomorow", "The end is not understood yet.", "without an end"},
		{"expires_on", "31.12.2026", "The end is not understood yet.", "until"},
		{"expires_on", "2020-01-01", "That end is not possible.", "2020"},
		{"not_before", "soon", "The beginning is not understood yet.", ""},
		{"limit", "60", "The limit of requests is not understood yet.", ""},
		{"limit_writes", "20 a day", "The limit of changes is not understood yet.", ""},
		{"max_concurrent", "few", "The number of requests at the same time is not understood yet.", ""},
		{"allow_ip", "203.0.113.0/99", "The networks are not understood yet.", ""},
		{"deny_ip", "office", "The networks from which it does not work are not understood yet.", ""},
		{"projects", "not/a/key", "What it may see is not understood yet.", "everything"},
		{"jql", "project = ", "What it may see is not understood yet.", "everything"},
	} {
		form := url.Values{"name": {""}, "scope": {"read"}, "expires": {"30d"}, "projects": {""}, "jql": {""}}
		form.Set(c.input, c.text)
		said := describe(t, alice, form)
		if !strings.Contains(said.Sentence, c.says) || c.not != "" && strings.Contains(said.Sentence, c.not) {
			t.Errorf("%s %q: %q", c.input, c.text, said.Sentence)
		}
		form.Set("do", "update")
		updated := alice.post("/tokens/tokens/new", form)
		if wrong := said.Wrong[c.input]; wrong == "" && !slices.Contains(aboutJira, c.input) || strings.Contains(wrong, "--") {
			t.Errorf("%s %q: the input says %q", c.input, c.text, wrong)
		} else if !regexp.MustCompile(`id="` + c.input + `-about"[^>]*><p class="wrong">[^<]`).MatchString(updated.body) {
			t.Errorf("%s %q: nothing is beside the input after the button: %s", c.input, c.text, updated.text())
		}
		if said.Wrong["name"] != "" {
			t.Errorf("nothing was typed as the name yet, but: %s", said.Wrong["name"])
		}
	}
}

// TestHoldStays: an owner cannot end that changes are held, and the form says so.
func TestHoldStays(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "held", "hold_writes": true}).Record.ID
	alice.get("/tokens/tokens/"+id+"/edit").wantText(t, "the form", "Only somebody else who manages tokens can end this.")
	// Boxes that are disabled are not sent.
	alice.post("/tokens/tokens/"+id+"/edit", url.Values{"name": {"renamed"}, "version": {"1"}}).want(t, "another name", http.StatusSeeOther)
	refused := alice.post("/tokens/tokens/"+id+"/edit", url.Values{"name": {"again"}, "hold_writes": {""}, "version": {"2"}})
	refused.want(t, "ending it", http.StatusForbidden, `value="again"`)
	if record, err := a.registry.Show(t.Context(), id); err != nil || !record.HoldWrites || record.Name != "renamed" {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestAccountStays: changing a token whose account is gone does not give it another one
// unseen.
func TestAccountStays(t *testing.T) {
	a := newApp(t)
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	a.accounts = accounts.NewSet(map[string]*jira.Account{"other": jira.NewAccount("other", jira.Bearer("secret"), jira.AccountOptions{ProbeInterval: time.Minute})}, accounts.SetOptions{
		Store: a.store, Mirror: func(kind string) *storage.Mirror { return storage.NewMirror(a.store, kind, options) },
		Changed: func(*jira.Account, string, error) {}, Logger: zap.NewNop(), Now: time.Now,
	})
	t.Cleanup(a.accounts.Close)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	alice.get("/tokens/tokens/"+id+"/edit").want(t, "the form", http.StatusOK, `<option value="default" selected>`)
}

func TestHandoverOnThePage(t *testing.T) {
	a := newApp(t)
	bea := newBrowser(t, serve(t, a, new(header)), "bea")
	created := bea.post("/tokens/tokens/new", url.Values{"name": {"for carol"}, "owner": {"carol"}, "scope": {"read"}, "expires": {"30d"}, "handover": {"", "true"}, "handover_for": {"24h"}})
	created.want(t, "create", http.StatusCreated, "https://jira.example.com/rest/jira-tokens/1/handover/")
	created.wantText(t, "create", "The link to your token", "Send it to carol", "Nobody has the token before it is opened.")
	if secretPattern.MatchString(created.body) {
		t.Error("the token is shown, too")
	}
	mine := a.create(t, map[string]any{"owner": "bea", "name": "mine"}).Record.ID
	bea.get("/tokens/tokens/"+mine+"/rotate").wantText(t, "the question", "Show a link instead of the token")
	rotated := bea.post("/tokens/tokens/"+mine+"/rotate", url.Values{"overlap": {"1h"}, "handover": {"", "true"}, "handover_for": {"1h"}})
	rotated.want(t, "rotate", http.StatusCreated, "https://jira.example.com/rest/jira-tokens/1/handover/")
	record, err := a.registry.Show(t.Context(), mine)
	if err != nil || record.Handover == nil || record.Handover.Overlap() != time.Hour || !record.RotatedAt.IsZero() {
		t.Errorf("%+v, %v", record, err)
	}
	bea.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "handover": {"true"}, "handover_for": {"90d"}}).
		want(t, "too long", http.StatusBadRequest, "Something is not right", "Expected a time from 1m to 7d")
}

// TestStaleForm: what somebody else has changed meanwhile is not overwritten unseen, and
// nothing that was typed is lost.
func TestStaleForm(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	id := a.create(t, map[string]any{"owner": "alice", "name": "old name", "purpose": "old purpose"}).Record.ID
	path := "/tokens/tokens/" + id
	root.post(path+"/edit", url.Values{"purpose": {"reviewed by root"}, "version": {"1"}}).want(t, "root's change", http.StatusSeeOther)
	stale := alice.post(path+"/edit", url.Values{"name": {"new name"}, "purpose": {"old purpose"}, "version": {"1"}})
	stale.want(t, "alice's change", http.StatusConflict, `value="new name"`, `name="version" value="2"`)
	stale.wantText(t, "alice's change", "Nothing was saved", "root from 127.0.0.1", "Purpose, which is now: reviewed by root", "Name, which is now: old name")
	alice.post(path+"/edit", url.Values{"name": {"new name"}, "purpose": {"reviewed by root"}, "version": {"2"}}).want(t, "again", http.StatusSeeOther)
	// Rotating what has changed since would end a secret that somebody may have just got.
	alice.post(path+"/rotate", url.Values{"overlap": {"0s"}, "version": {"2"}}).want(t, "a stale question", http.StatusConflict, "Nothing was done")
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Name != "new name" || record.Purpose != "reviewed by root" || !record.RotatedAt.IsZero() {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestStoreGoesAway while somebody types.
func TestStoreGoesAway(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "old name"}).Record.ID
	form := url.Values{"name": {"typed name"}, "purpose": {"typed purpose"}, "scope": {"read"}, "expires": {"30d"}, "version": {"1"}}
	a.store.away.Store(true)
	for _, path := range []string{"new", id + "/edit"} {
		answer := alice.post("/tokens/tokens/"+path, form)
		answer.want(t, path, http.StatusServiceUnavailable, `value="typed name"`, `value="typed purpose"`)
		answer.wantText(t, path, "cannot reach its tokens at the moment, so nothing was saved", "What you typed is still here")
	}
	alice.post("/tokens/tokens/"+id+"/revoke", nil).want(t, "revoking", http.StatusServiceUnavailable, "nothing was done")
	a.store.away.Store(false)
	alice.post("/tokens/tokens/"+id+"/edit", form).want(t, "once it is back", http.StatusSeeOther)
}

// TestBadInput: every error is beside its input, and what was typed stays.
func TestBadInput(t *testing.T) {
	alice := newBrowser(t, serve(t, newApp(t), new(header)), "alice")
	long := strings.Repeat("x", 3000)
	for name, value := range map[string]string{
		"name": long, "purpose": long, "expires": long, "expires_on": "yesterday", "allow_ip": "203.0.113.0/99", "deny_ip": long,
		"limit": "many", "limit_writes": "0", "max_concurrent": "-1", "not_before": "tomorrow", "jql": "project = ", "projects": "not/a/key", "account": "nobody's",
	} {
		form := url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"30d"}}
		form.Set(name, value)
		answer := alice.post("/tokens/tokens/new", form)
		if answer.status != http.StatusBadRequest && answer.status != http.StatusForbidden {
			t.Errorf("%s: status %d", name, answer.status)
		}
		answer.wantText(t, name, "Something is not right yet. Nothing was saved.")
		if !strings.Contains(answer.body, `aria-invalid="true"`) || !strings.Contains(answer.body, `class="wrong"`) {
			t.Errorf("%s: no input is marked as wrong:\n%s", name, answer.text())
		}
		if shown := html.UnescapeString(answer.body); name != "expires" && name != "account" && !strings.Contains(shown, value) {
			t.Errorf("%s: what was typed is lost", name)
		}
		if strings.Contains(answer.text(), "--") || strings.Contains(answer.text(), "in JSON") {
			t.Errorf("%s: the page speaks of the command: %s", name, answer.text())
		}
	}
	alice.post("/tokens/tokens/new", url.Values{"name": {strings.Repeat("x", maxForm)}}).want(t, "a huge form", http.StatusRequestEntityTooLarge, "nothing was done")
	alice.post("/tokens/tokens/new", nil).want(t, "an empty form", http.StatusBadRequest, "Something is not right yet")
}

// TestTemplateWantsProjects: a template that speaks of projects does not make a token that
// sees everything, unless somebody says so.
func TestTemplateWantsProjects(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	for _, template := range []string{"bi", "script", "agent"} {
		form := url.Values{"template": {template}, "name": {"n"}, "scope": {"read"}, "expires": {"30d"}, "projects": {""}, "everything": {""}}
		open := alice.post("/tokens/tokens/new", form)
		open.want(t, template, http.StatusBadRequest, `href="#projects"`, `name="everything"`)
		open.wantText(t, template, "Name the projects that it may see", "Reads …")
		form["everything"] = []string{"", "true"}
		if said := describe(t, alice, form); !strings.Contains(said.Sentence, "Reads everything that its account sees") {
			t.Errorf("%s: %s", template, said.Sentence)
		}
		alice.post("/tokens/tokens/new", form).want(t, template+" that sees everything", http.StatusCreated)
		form["everything"] = []string{""}
		form.Set("projects", "ACME")
		form.Set("without_asking", "true")
		alice.post("/tokens/tokens/new", form).want(t, template+" for a project", http.StatusCreated)
	}
	alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"30d"}}).want(t, "no template", http.StatusCreated)
}

// TestTemplateKeepsTyped: what was typed before a template is chosen stays.
func TestTemplateKeepsTyped(t *testing.T) {
	alice := newBrowser(t, serve(t, newApp(t), new(header)), "alice")
	alice.get("/tokens/tokens/new").want(t, "the form", http.StatusOK, `formaction="/tokens/tokens/new?template=agent"`, `name="do" value="template"`)
	// The Enter key presses the first button of a form.
	if buttons := regexp.MustCompile(`<button[^>]* form="token"[^>]*>`).FindAllString(alice.get("/tokens/tokens/new").body, -1); len(buttons) < 2 || !strings.Contains(buttons[0], `value="update"`) {
		t.Errorf("the Enter key presses %q", buttons)
	}
	chosen := alice.post("/tokens/tokens/new?template=agent", url.Values{"do": {"template"}, "name": {"my agent"}, "purpose": {"triage"}, "scope": {"read"}, "projects": {"ACME"}})
	chosen.want(t, "chosen", http.StatusOK, `value="my agent"`, `value="triage"`, `value="ACME"`, `value="60/m"`, `name="template" value="agent"`)
	chosen.wantText(t, "chosen", "Reads and changes issues of ACME, each change once somebody has approved it, not internal comments")
}

// TestAllMistakes: above a form that was refused is a list of all mistakes, with links to
// their inputs, and it has the focus.
func TestAllMistakes(t *testing.T) {
	alice := newBrowser(t, serve(t, newApp(t), new(header)), "alice")
	refused := alice.post("/tokens/tokens/new", url.Values{"name": {""}, "scope": {"read"}, "expires": {"30d"}, "expires_on": {"tomorow"}, "limit": {"60"}, "jql": {"project ="}})
	refused.want(t, "several", http.StatusBadRequest, `role="alert" id="wrong" tabindex="-1" autofocus`)
	last := 0
	for _, input := range []string{"name", "jql", "expires_on", "limit"} {
		at := strings.Index(refused.body, `<a href="#`+input+`">`)
		if at < last || !strings.Contains(refused.body, `id="`+input+`"`) {
			t.Errorf("no link to %s, or not in the order of the form:\n%s", input, refused.text())
		}
		last = at
		if !regexp.MustCompile(`id="` + input + `-about"[^>]*><p class="wrong">[^<]`).MatchString(refused.body) {
			t.Errorf("nothing is beside %s", input)
		}
	}
	refused.wantText(t, "several", "Name: Give the token a name.")
	if strings.Contains(refused.text(), "got 0") {
		t.Error("an empty name is counted")
	}
	// What only the endpoint knows is in the list, too.
	alice.post("/tokens/tokens/new", url.Values{"name": {"n"}, "scope": {"read"}, "expires": {"365d"}}).want(t, "too long", http.StatusForbidden, `<a href="#expires">`)
}

// TestNeededForOutsiders: what an outside person's token needs is not called optional.
func TestNeededForOutsiders(t *testing.T) {
	root := newBrowser(t, serve(t, newApp(t), new(header)), "root")
	root.get("/tokens/tokens/new").want(t, "for a user", http.StatusOK, `Responsible <span class="subtle unless-external">`)
	external := root.post("/tokens/tokens/new", url.Values{"do": {"update"}, "kind": {"external"}, "owner": {"eve@partner.example"}, "name": {"n"}, "scope": {"read"}, "expires": {"30d"}})
	external.want(t, "for an outside person", http.StatusOK, ">Responsible</label>", ">Purpose</label>")
}
