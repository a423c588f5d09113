package jira

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAskerFindsLoginPages also below a context path: no page is ever an answer.
func TestAskerFindsLoginPages(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<html><form><input name="os_username"></form></html>`)
	}))
	defer server.Close()
	for _, context := range []string{"", "/jira"} {
		asker := Asker{http.DefaultTransport, server.URL + context, NewAccount("a", Basic("svc", "x"), AccountOptions{})}
		_, _, err := asker.Ask(t.Context(), http.MethodGet, "/rest/api/2/issue/ACME-1?fields=project", nil)
		if refused, ok := errors.AsType[RefusedError](err); !ok || !refused.Page {
			t.Errorf("%s: %v", asker.URL, err)
		}
	}
}

func TestAskerLimitsAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.Repeat([]byte(" "), maxAnswer+1))
	}))
	defer server.Close()
	asker := Asker{http.DefaultTransport, server.URL, NewAccount("a", Basic("svc", "x"), AccountOptions{})}
	if _, answer, err := asker.Ask(t.Context(), http.MethodGet, "/rest/api/2/field", nil); err == nil {
		t.Errorf("got %d bytes", len(answer))
	}
}
