package fakejira

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// jira is a running stand-in with a client that does not follow redirects.
type jira struct {
	*Server
	t    *testing.T
	url  string
	user string
}

// start starts a stand-in and closes it when the test ends.
func start(t *testing.T, options Options) *jira {
	t.Helper()
	server := New(options)
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	user := DefaultEmail
	if options.Dress == DataCenter {
		user = DefaultUser
	}
	return &jira{server, t, url, user}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// json decodes the response body.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("status %d, body %q: %v", a.StatusCode, a.body, err)
	}
	return out
}

// do sends a request after applying the edits.
func (j *jira) do(method, path, body string, edits ...func(*http.Request)) answer {
	j.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = j.url + path
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequest(method, target, reader)
	if err != nil {
		j.t.Fatal(err)
	}
	request.SetBasicAuth(j.user, DefaultSecret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, edit := range edits {
		edit(request)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		j.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		j.t.Fatal(err)
	}
	return answer{response, data}
}

// want sends a request and checks the response's status.
func (j *jira) want(status int, method, path, body string, edits ...func(*http.Request)) answer {
	j.t.Helper()
	a := j.do(method, path, body, edits...)
	if a.StatusCode != status {
		j.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.StatusCode, status, a.body)
	}
	return a
}

// header is an edit that sets a header.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// basic is an edit that sets credentials.
func basic(user, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, secret) }
}

// anonymous is an edit that removes the credentials.
func anonymous(r *http.Request) { r.Header.Del("Authorization") }

func dresses(t *testing.T, test func(t *testing.T, dress Dress)) {
	for _, dress := range []Dress{Cloud, DataCenter} {
		t.Run(dress.String(), func(t *testing.T) { test(t, dress) })
	}
}
