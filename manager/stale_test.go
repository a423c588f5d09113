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
