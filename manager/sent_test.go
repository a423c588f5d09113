package manager

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

var numberPattern = regexp.MustCompile(`name="number" value="([A-Z2-7]{26})"`)

// openForm returns the fields of the form for a new token, as a browser has them.
func openForm(b *browser, name string) url.Values {
	b.t.Helper()
	found := numberPattern.FindStringSubmatch(b.get("/tokens/tokens/new").body)
	if found == nil {
		b.t.Fatal("the form has no number")
	}
	return url.Values{"number": {found[1]}, "name": {name}, "scope": {"read"}, "expires": {"7d"}}
}

// tokensOf returns how many tokens an owner has.
func tokensOf(t *testing.T, a *app, owner string) int {
	t.Helper()
	page, err := a.registry.List(t.Context(), registry.Query{Query: storage.Query{Owner: owner}})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Records)
}

// TestFormIsSentTwice: a form makes one token, however often it is sent, and from wherever.
func TestFormIsSentTwice(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice := newBrowser(t, server, "alice")
	one, other := openForm(alice, "one"), openForm(alice, "other")
	created := alice.post("/tokens/tokens/new", one)
	created.want(t, "one", http.StatusCreated, "jt_")
	id := secretPattern.FindString(created.body)[3:13]
	alice.post("/tokens/tokens/new", other).want(t, "the other, in a second tab", http.StatusCreated, "jt_")
	one.Set("name", "changed after Back")
	for what, b := range map[string]*browser{"again": alice, "from another browser": newBrowser(t, server, "alice")} {
		again := b.post("/tokens/tokens/new", one)
		again.want(t, what, http.StatusConflict, "This form was sent already", `href="/tokens/tokens/`+id+`"`, "“one”")
		if secretPattern.MatchString(again.body) {
			t.Errorf("%s: a token is shown", what)
		}
	}
	if n := tokensOf(t, a, "alice"); n != 2 {
		t.Errorf("alice has %d tokens", n)
	}
	newBrowser(t, server, "carol").post("/tokens/tokens/new", one).want(t, "somebody else's form with that number", http.StatusCreated)

	// Whoever creates tokens for others may not see them.
	bea := newBrowser(t, server, "bea")
	service := openForm(bea, "deploy")
	service.Set("owner", "ci")
	service.Set("kind", "service")
	bea.post("/tokens/tokens/new", service).want(t, "for a service", http.StatusCreated)
	bea.post("/tokens/tokens/new", service).want(t, "for a service again", http.StatusConflict, "This form was sent already", `href="/tokens/tokens"`)
	if n := tokensOf(t, a, "ci"); n != 1 {
		t.Errorf("ci has %d tokens", n)
	}
}

// TestFormOfADeletedToken: a form whose token was deleted does not make another one with the
// same ID, which nobody could tell from the first in the trail. What was typed is not lost.
func TestFormOfADeletedToken(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	form := openForm(alice, "typed name")
	created := alice.post("/tokens/tokens/new", form)
	created.want(t, "the form", http.StatusCreated, "jt_")
	id := secretPattern.FindString(created.body)[3:13]
	if err := a.registry.Delete(t.Context(), registry.Actor{}, id); err != nil {
		t.Fatal(err)
	}
	var again answer
	for range 2 {
		again = alice.post("/tokens/tokens/new", form)
		again.want(t, "again", http.StatusConflict, "has already made a token, which was deleted", `value="typed name"`)
		if secretPattern.MatchString(again.body) || tokensOf(t, a, "alice") != 0 {
			t.Errorf("it has made another token:\n%s", again.body)
		}
	}
	another := numberPattern.FindStringSubmatch(again.body)
	if another == nil || another[1] == form.Get("number") {
		t.Fatalf("the form is the same: %q", another)
	}
	form.Set("number", another[1])
	alice.post("/tokens/tokens/new", form).want(t, "the form that is shown then", http.StatusCreated, "jt_")
}

// atOnce sends a form several times at once, and returns how many answers had each status.
func atOnce(b *browser, path string, form url.Values) (statuses map[int]int, bodies []string) {
	b.t.Helper()
	statuses = make(map[int]int)
	var mu sync.Mutex
	var sending sync.WaitGroup
	for range 8 {
		sending.Go(func() {
			answer := b.post(path, form)
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.status]++
			bodies = append(bodies, answer.body)
		})
	}
	sending.Wait()
	return statuses, bodies
}

func TestFormIsSentAtOnce(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	statuses, bodies := atOnce(alice, "/tokens/tokens/new", openForm(alice, "n"))
	if statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != 7 || tokensOf(t, a, "alice") != 1 {
		t.Errorf("creating: %v, %d tokens:\n%s", statuses, tokensOf(t, a, "alice"), strings.Join(bodies, "\n"))
	}
	for what, form := range map[string]url.Values{
		"rotating":                {"overlap": {"1h"}, "version": {"1"}},
		"rotating with hand-over": {"overlap": {"1h"}, "version": {"1"}, "handover": {"", "true"}, "handover_for": {"1h"}},
	} {
		issued := a.create(t, map[string]any{"owner": "alice", "name": "n"})
		statuses, _ := atOnce(alice, "/tokens/tokens/"+issued.Record.ID+"/rotate", form)
		record, err := a.registry.Show(t.Context(), issued.Record.ID)
		if statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != 7 || err != nil || record.Version != 2 {
			t.Errorf("%s: %v, %+v, %v", what, statuses, record, err)
		}
	}
}

// TestQuestionIsAnsweredTwice: a second click is not an error, and does not rotate the token again.
func TestQuestionIsAnsweredTwice(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	path := "/tokens/tokens/" + id
	alice.post(path+"/rotate", url.Values{"overlap": {"1h"}, "version": {"1"}}).want(t, "rotate", http.StatusCreated)
	alice.post(path+"/rotate", url.Values{"overlap": {"1h"}, "version": {"1"}}).want(t, "rotate again", http.StatusConflict, "The token was rotated", "nothing more was done")
	for _, action := range []string{"disable", "enable", "revoke"} {
		version := "0"
		if found := regexp.MustCompile(`name="version" value="(\d+)"`).FindStringSubmatch(alice.get(path + "/" + action).body); found != nil {
			version = found[1]
		}
		for _, what := range []string{action, action + " again"} {
			answer := alice.post(path+"/"+action, url.Values{"version": {version}})
			answer.want(t, what, http.StatusSeeOther)
			if answer.header.Get("Location") != path+"?done="+action {
				t.Errorf("%s leads to %s", what, answer.header.Get("Location"))
			}
		}
	}
}

// TestFormIsShownAgain: if the store goes away mid-way, the token may have been made after
// all, so the form stays the same form.
func TestFormIsShownAgain(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	form := openForm(alice, "n")
	a.store.away.Store(true)
	alice.post("/tokens/tokens/new", form).want(t, "while the store is away", http.StatusServiceUnavailable, `name="number" value="`+form.Get("number")+`"`)
	form.Set("number", rand.Text()+"<")
	if found := numberPattern.FindStringSubmatch(alice.post("/tokens/tokens/new", form).body); found == nil || strings.HasPrefix(form.Get("number"), found[1]) {
		t.Errorf("a form with another number: %q", found)
	}
}
