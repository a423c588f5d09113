package manager

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// encodings send the same values in ways that browsers do not send the page's forms.
var encodings = map[string]func(url.Values) (kind, body string){
	"multipart": func(form url.Values) (string, string) {
		var body bytes.Buffer
		parts := multipart.NewWriter(&body)
		for name, values := range form {
			_ = parts.WriteField(name, values[0])
		}
		_ = parts.Close()
		return parts.FormDataContentType(), body.String()
	},
	"JSON":        func(url.Values) (string, string) { return "application/json", `{"name":"changed","version":1}` },
	"text":        func(form url.Values) (string, string) { return "text/plain", form.Encode() },
	"no type":     func(form url.Values) (string, string) { return "", form.Encode() },
	"broken type": func(form url.Values) (string, string) { return "multipart/form-data; boundary", form.Encode() },
}

// TestOnlyForms: what a page cannot read is refused, and not taken for an empty form.
func TestOnlyForms(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	id := a.create(t, map[string]any{"owner": "root", "name": "before"}).Record.ID
	for what, encode := range encodings {
		for path, form := range map[string]url.Values{
			"tokens/" + id + "/edit":        {"name": {"changed"}, "version": {"1"}},
			"tokens/" + id + "/rotate":      {"overlap": {"7d"}, "version": {"1"}},
			"tokens/" + id + "/disable":     {"version": {"7"}},
			"tokens/new":                    {"name": {"n"}, "scope": {"read"}},
			"tokens/sentence":               {"name": {"n"}},
			"tokens/try":                    {"holder": {"root"}},
			"all/whose":                     {"token": {id}},
			"all/bulk":                      {"do": {"revoke"}, "id": {id}},
			"all/bulk/take":                 {"do": {"revoke"}, "id": {id}},
			"owner/revoke?name=root":        {"typed": {"root"}},
			"owner/transfer?name=root":      {"to": {"eve"}, "typed": {"eve"}},
			"account":                       {"name": {"bot"}},
			"accounts/bot/replace":          {"kind": {"bearer"}},
			"accounts/bot/remove":           {"typed": {"bot"}},
			"own":                           {"jira": {"x"}},
			"own/connect":                   {"jira": {"x"}},
			"own/remove?jira=x":             {"version": {"1"}},
			"requests/" + id + "-" + "0123": {"verdict": {"reject"}},
			"signin":                        {"owner": {"root"}},
		} {
			kind, body := encode(form)
			headers := http.Header{"Sec-Fetch-Site": {"same-origin"}}
			if kind != "" {
				headers.Set("Content-Type", kind)
			}
			answer := root.do(http.MethodPost, "/tokens/"+path, strings.NewReader(body), headers)
			answer.want(t, path+" as "+what, http.StatusUnsupportedMediaType, "nothing was done")
		}
	}
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Version != 1 || tokensOf(t, a, "root") != 1 {
		t.Errorf("something was done: %+v, %v", record, err)
	}
}

// TestVersionIsNotSkipped: a form whose version cannot be read is not one without a version.
func TestVersionIsNotSkipped(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	id := a.create(t, map[string]any{"owner": "root", "name": "before"}).Record.ID
	for _, versions := range [][]string{{""}, {"abc"}, {"0"}, {"-1"}, {" 1"}, {"1.0"}, {"1", "2"}, {"", "1"}, {"99999999999999999999"}} {
		edited := root.post("/tokens/tokens/"+id+"/edit", url.Values{"name": {"changed"}, "version": versions})
		edited.want(t, "edit "+strings.Join(versions, ","), http.StatusConflict, `value="changed"`, `name="version" value="1"`)
		for _, action := range []string{"rotate", "disable", "revoke"} {
			asked := root.post("/tokens/tokens/"+id+"/"+action, url.Values{"version": versions, "overlap": {"1d"}})
			asked.want(t, action+" "+strings.Join(versions, ","), http.StatusConflict, `name="version" value="1"`)
		}
		bulk := url.Values{"do": {"revoke"}, "id": {id}, "version": versions, "typed": {"revoke 1"}}
		root.post("/tokens/all/bulk/take", bulk)
	}
	if record, err := a.registry.Show(t.Context(), id); err != nil || record.Version != 1 {
		t.Errorf("something was done: %+v, %v", record, err)
	}
}

// TestStaleActionKeepsChoices: a question that is asked again does not choose otherwise.
func TestStaleActionKeepsChoices(t *testing.T) {
	a := newApp(t)
	alice := newBrowser(t, serve(t, a, new(header)), "alice")
	id := a.create(t, map[string]any{"owner": "alice", "name": "n"}).Record.ID
	path := "/tokens/tokens/" + id + "/rotate"
	edit, err := token.NewEdit(map[string]any{"name": "other"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.registry.Update(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, id, edit); err != nil {
		t.Fatal(err)
	}
	stale := url.Values{"version": {"1"}, "overlap": {"7d"}, "handover": {"", "true"}, "handover_for": {"24h"}}
	again := alice.post(path, stale)
	kept := []string{`name="version" value="2"`, `<option value="7d" selected>`, `name="handover" value="true" checked`, `<option value="24h" selected>`}
	again.want(t, "a stale rotation", http.StatusConflict, kept...)
	stale.Set("overlap", "2h")
	alice.post(path, stale).want(t, "an overlap that is not offered", http.StatusConflict, `<option value="2h" selected>`)
	stale.Set("version", "2")
	stale.Set("overlap", "nonsense")
	alice.post(path, stale).want(t, "a refused rotation", http.StatusBadRequest, append(kept[2:], `<option value="nonsense" selected>`)...)
	fresh := alice.get(path)
	fresh.want(t, "the question", http.StatusOK)
	if strings.Contains(fresh.body, `"true" checked`) || strings.Contains(fresh.body, `" selected>`) {
		t.Error("the question chooses something by itself")
	}
}

// TestTransferMovesWhatWasShown: tokens that a preview has not counted are not given away.
func TestTransferMovesWhatWasShown(t *testing.T) {
	a := newApp(t)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	first := a.create(t, map[string]any{"owner": "carol", "name": "one"}).Record.ID
	a.create(t, map[string]any{"owner": "carol", "name": "two"})
	const path = "/tokens/owner/transfer?name=carol"
	form := hiddenIn(root.get(path + "&to=bob").body)
	form.Del("name")
	form.Set("typed", "bob")
	// One comes and one goes: there are as many as before.
	a.create(t, map[string]any{"owner": "carol", "name": "three"})
	if _, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, first); err != nil {
		t.Fatal(err)
	}
	stale := root.post(path, form)
	stale.want(t, "a stale transfer", http.StatusConflict, "Nothing was changed", "Give 2 tokens to bob", `value="bob"`)
	for _, digest := range []string{"", "x"} {
		form.Set("digest", digest)
		root.post(path, form).want(t, "the digest "+digest, http.StatusConflict, "Nothing was changed")
	}
	if n := a.owned(t, "bob"); n != 0 {
		t.Errorf("bob has %d tokens", n)
	}
	again := hiddenIn(stale.body)
	again.Set("typed", "bob")
	root.post(path, again).want(t, "once more", http.StatusOK, "2 tokens now belong to bob")
}

// TestStaleAccountForms: a credential that somebody else has saved meanwhile is not overwritten
// or removed unseen.
func TestStaleAccountForms(t *testing.T) {
	a := newApp(t)
	site := withJira(t, a)
	server := serve(t, a, new(header))
	root, eve := newBrowser(t, server, "root"), newBrowser(t, server, "eve")
	root.post("/tokens/account", url.Values{"name": {"bot"}, "jira": {site.URL}, "product": {"jira"}, "kind": {"bearer"}, "secret": {bearer}}).want(t, "add", http.StatusSeeOther)
	open := func() url.Values {
		form := hiddenIn(root.get("/tokens/accounts/bot/replace").body)
		for name, value := range map[string]string{"kind": "bearer", "secret": bearer, "expires_at": "60d", "user": "typed user"} {
			form.Set(name, value)
		}
		return form
	}
	form, remove := open(), hiddenIn(root.get("/tokens/accounts/bot/remove").body)
	remove.Set("typed", "bot")
	byEve := hiddenIn(eve.get("/tokens/accounts/bot/replace").body)
	byEve.Set("kind", "bearer")
	byEve.Set("secret", bearer)
	byEve.Set("expires_at", "90d")
	eve.post("/tokens/accounts/bot/replace", byEve).want(t, "eve replaces it", http.StatusSeeOther)
	stale := root.post("/tokens/accounts/bot/replace", form)
	stale.want(t, "a stale replacement", http.StatusConflict, `value="60d"`, `value="typed user"`)
	stale.wantText(t, "a stale replacement", "by eve from 127.0.0.1", "Nothing was done")
	if strings.Contains(stale.body, bearer) {
		t.Error("the page has the secret")
	}
	root.post("/tokens/accounts/bot/remove", remove).wantText(t, "a stale removal", "by eve from 127.0.0.1", "Nothing was done", "To confirm, type bot")
	for _, revision := range []string{"", "x"} {
		form.Set("revision", revision)
		root.post("/tokens/accounts/bot/replace", form).want(t, "the revision "+revision, http.StatusConflict)
		remove.Set("revision", revision)
		root.post("/tokens/accounts/bot/remove", remove).want(t, "removing the revision "+revision, http.StatusConflict)
	}
	if details := root.get("/tokens/accounts/bot"); !strings.Contains(details.text(), "Replaced by eve") {
		t.Errorf("it is not eve's: %s", details.text())
	}
	form.Set("revision", hiddenIn(stale.body).Get("revision"))
	root.post("/tokens/accounts/bot/replace", form).want(t, "once more", http.StatusSeeOther)
}

// TestStaleOwnAccount: another tab, or an administrator, has changed a person's own account.
func TestStaleOwnAccount(t *testing.T) {
	a := newApp(t)
	site := withJira(t, a)
	pat := newBrowser(t, serve(t, a, new(header)), "pat")
	open := func() url.Values {
		form := hiddenIn(pat.get("/tokens/own").body)
		form.Set("kind", "bearer")
		form.Set("secret", bearer)
		form.Set("expires_at", "60d")
		return form
	}
	first, other := open(), open()
	pat.post("/tokens/own", first).want(t, "connect", http.StatusSeeOther)
	pat.post("/tokens/own", other).want(t, "the other tab", http.StatusConflict, `value="60d"`, "Nothing was done")
	removePath := "/tokens/own/remove?jira=" + url.QueryEscape(site.URL)
	remove := hiddenIn(pat.get(removePath).body)
	pat.post("/tokens/own", open()).want(t, "replace", http.StatusSeeOther)
	pat.post(removePath, remove).want(t, "a stale removal", http.StatusConflict, "Nothing was done")
	pat.get("/tokens/own").wantText(t, "it is there", "Works")
	late := open()
	pat.post(removePath, hiddenIn(pat.get(removePath).body)).want(t, "remove", http.StatusSeeOther)
	pat.post("/tokens/own", late).want(t, "after it was removed", http.StatusConflict, `value="60d"`, "disconnected after you opened")
}
