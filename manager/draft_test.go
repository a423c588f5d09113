package manager

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// strictPolicy forbids something in each field that can be forbidden.
var strictPolicy = policy.Config{
	Everyone: &policy.Rule{Scopes: []string{"read", "write"}, MaxLifetime: policy.Span(90 * 24 * time.Hour), Networks: []string{"203.0.113.0/24"}, Accounts: []string{"default"}, Confine: "required"},
	Groups:   []policy.Rule{{Group: "bi", OnBehalf: true}, {Group: "admins", Manage: true, OnBehalf: true}},
}

// wrongBeside returns what a page says beside an input.
func wrongBeside(a answer, input string) string {
	found := regexp.MustCompile(`id="` + input + `-about"[^>]*><p class="wrong">([^<]*)`).FindStringSubmatch(a.body)
	if found == nil {
		return ""
	}
	return answer{body: found[1]}.text()
}

// TestPolicyWhileTyping: what the policy forbids is said in the words with which the form
// would be refused, for all inputs at once, and nothing comes of it but the answer.
func TestPolicyWhileTyping(t *testing.T) {
	a := newAppWith(t, &strictPolicy)
	withJira(t, a) // with it, the account own exists
	server := serve(t, a, new(header))
	for _, person := range []string{"alice", "root"} {
		b := newBrowser(t, server, person)
		form := url.Values{"name": {"n"}, "owner": {person}, "kind": {"user"}, "scope": {"read"}, "account": {""}, "expires": {"30d"}, "expires_on": {""}, "allow_ip": {""}, "projects": {"ACME"}, "exempt": {""}, "without_asking": {"true"}}
		all := url.Values{}
		for input, value := range map[string]string{"expires_on": "400d", "expires": "never", "scope": "admin", "allow_ip": "192.0.2.0/24", "account": "own"} {
			typed := url.Values{}
			for name, values := range form {
				typed[name] = values
			}
			typed.Set(input, value)
			if input != "expires" {
				all.Set(input, value)
			}
			said := describe(t, b, typed)
			sent := b.post("/tokens/tokens/new", typed)
			sent.want(t, person+" sends "+input, http.StatusForbidden)
			if refused := wrongBeside(sent, input); said.Wrong[input] == "" || said.Wrong[input] != refused {
				t.Errorf("%s, %s: said %q while typing, and %q after sending", person, input, said.Wrong[input], refused)
			}
			for other, text := range said.Wrong {
				if other != input && text != "" {
					t.Errorf("%s, %s: said of %s: %q", person, input, other, text)
				}
			}
			for name, text := range describe(t, b, form).Wrong {
				if text != "" {
					t.Errorf("%s: once %s is mended, %s says %q", person, input, name, text)
				}
			}
		}
		for name, values := range form {
			if !all.Has(name) {
				all[name] = values
			}
		}
		said, sent := describe(t, b, all), b.post("/tokens/tokens/new", all)
		for _, input := range []string{"expires_on", "scope", "allow_ip", "account"} {
			if said.Wrong[input] == "" || said.Wrong[input] != wrongBeside(sent, input) {
				t.Errorf("%s, all at once, %s: said %q, and %q after sending", person, input, said.Wrong[input], wrongBeside(sent, input))
			}
		}
		// What cannot be understood is said first, and what is empty may be typed later.
		all.Set("allow_ip", "office")
		all.Set("name", "")
		all.Set("projects", "")
		said = describe(t, b, all)
		if !regexp.MustCompile("Invalid network").MatchString(said.Wrong["allow_ip"]) || said.Wrong["name"] != "" || said.Wrong["projects"] != "" {
			t.Errorf("%s: %v", person, said.Wrong)
		}
	}
	events, err := a.registry.NewestEvents(t.Context(), registry.EventQuery{})
	page, listErr := a.registry.List(t.Context(), registry.Query{Query: storage.Query{}})
	if err != nil || listErr != nil || len(events.Events) > 0 || len(page.Records) > 0 {
		t.Errorf("typing has left %d events and %d tokens: %v, %v", len(events.Events), len(page.Records), err, listErr)
	}
}

// TestPolicyOfOthersWhileTyping: what the policy allows others is not found out by typing, and
// an exemption is from all of it.
func TestPolicyOfOthersWhileTyping(t *testing.T) {
	a := newAppWith(t, &strictPolicy)
	server := serve(t, a, new(header))
	form := url.Values{"name": {"n"}, "owner": {"carol"}, "kind": {"user"}, "scope": {"admin"}, "account": {"own"}, "expires_on": {"400d"}, "allow_ip": {"192.0.2.0/24"}, "exempt": {""}}
	silent := func(what string, b *browser) {
		t.Helper()
		for input, text := range describe(t, b, form).Wrong {
			if text != "" {
				t.Errorf("%s: %s: %s", what, input, text)
			}
		}
	}
	for _, person := range []string{"bea", "root"} {
		silent(person+" for carol", newBrowser(t, server, person))
	}
	form.Set("owner", "bea")
	form.Set("kind", "service")
	silent("a service that is called bea", newBrowser(t, server, "bea"))
	form.Set("owner", "root")
	form.Set("kind", "user")
	form.Set("exempt", "for the test")
	silent("an exemption", newBrowser(t, server, "root"))
}

// TestPolicyWhileChanging: a token that breaks the rules since they have changed can get another
// name, and nothing is said about what stays as it is.
func TestPolicyWhileChanging(t *testing.T) {
	a := newApp(t)
	id := a.create(t, map[string]any{"owner": "alice", "name": "n", "exempt": "for the test", "scope": "admin", "expires_at": "never"}).Record.ID
	fine := a.create(t, map[string]any{"owner": "alice", "name": "fine", "expires_at": "10d"}).Record.ID
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	if said := describe(t, alice, url.Values{"id": {id}, "name": {"other"}, "expires": {""}, "expires_on": {""}, "scope": {"admin"}}); said.Wrong["scope"] != "" || said.Wrong["expires_on"] != "" {
		t.Errorf("another name: %v", said.Wrong)
	}
	form := url.Values{"id": {fine}, "name": {"fine"}, "expires": {""}, "expires_on": {"400d"}, "scope": {"read"}}
	said := describe(t, alice, form)
	form.Set("version", "1")
	sent := alice.post("/tokens/tokens/"+fine+"/edit", form)
	sent.want(t, "too long", http.StatusForbidden)
	if said.Wrong["expires_on"] == "" || said.Wrong["expires_on"] != wrongBeside(sent, "expires_on") {
		t.Errorf("too long: said %q, and %q after sending", said.Wrong["expires_on"], wrongBeside(sent, "expires_on"))
	}
	form.Set("expires_on", "80d")
	if said := describe(t, alice, form); said.Wrong["expires_on"] != "" {
		t.Errorf("mended: %q", said.Wrong["expires_on"])
	}
	if record, err := a.registry.Show(t.Context(), fine); err != nil || record.Version != 1 {
		t.Errorf("%+v, %v", record, err)
	}
}
