package command

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

// TestImportSaysWhenExported: the parts of an export after the first, which has the header,
// come with the time of the export.
func TestImportSaysWhenExported(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(admin.VersionHeader, "1")
		query := r.URL.Query()
		asked = append(asked, query.Get("line")+" "+query.Get("exported_at"))
		if query.Get("line") == "1" {
			fmt.Fprintf(w, `{"imported":1,"lines":%d,"header":{"format":2,"at":"2026-11-27T12:00:00Z"}}`, partLines)
			return
		}
		fmt.Fprint(w, `{"imported":1,"lines":1,"end":{}}`)
	}))
	defer server.Close()
	if err := importingFrom(server).run(strings.NewReader(strings.Repeat("{}\n", partLines+1)), false); err != nil {
		t.Error(err)
	}
	if want := fmt.Sprint([]string{"1 ", fmt.Sprint(partLines+1) + " 2026-11-27T12:00:00Z"}); fmt.Sprint(asked) != want {
		t.Errorf("asked with %q, want %s", asked, want)
	}
}

// importingFrom returns an import through an admin API.
func importingFrom(server *httptest.Server) *importing {
	c := &client{address: strings.TrimPrefix(server.URL, "http://"), out: new(bytes.Buffer), err: new(bytes.Buffer)}
	return &importing{client: c, query: url.Values{}, pause: time.Microsecond}
}

// TestImportOfAMixture: a file from two stores is not an export, even if its numbers
// add up.
func TestImportOfAMixture(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(admin.VersionHeader, "1")
		fmt.Fprint(w, `{"imported":1,"lines":3,"records":1,"header":{"format":2,"store":"ONE"},"end":{"store":"TWO","records":1}}`)
	}))
	defer server.Close()
	i := importingFrom(server)
	if err := i.run(strings.NewReader("{}\n"), true); err == nil || !strings.Contains(err.Error(), "begins with one store and ends with another") {
		t.Errorf("%v", err)
	}
}

// TestImportWaitsForTheStore: a store that is away for a moment does not end an import.
func TestImportWaitsForTheStore(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(admin.VersionHeader, "1")
		if calls++; calls <= 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":"the token store is unavailable"}`)
			return
		}
		fmt.Fprint(w, `{"imported":1,"lines":1,"records":1}`)
	}))
	defer server.Close()
	i := importingFrom(server)
	if err := i.run(strings.NewReader("{}\n"), false); err != nil || i.total.Imported != 1 || calls != 4 {
		t.Errorf("%d calls, %+v, %v", calls, i.total, err)
	}
	calls = -100
	if err := i.run(strings.NewReader("{}\n"), false); err == nil || err.Error() != "the token store is unavailable" || calls != -100+busyTries {
		t.Errorf("%d calls, %v", calls+100, err)
	}
}

// TestImportCountsWhatWasInterrupted: what an attempt that failed has imported counts as
// imported.
func TestImportCountsWhatWasInterrupted(t *testing.T) {
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(admin.VersionHeader, "1")
		const end = `"end":{"records":3},"lines":3,"records":3,"header":{"format":2}}`
		switch calls++; calls {
		case 1: // the check
			fmt.Fprint(w, `{"imported":2,"unchanged":1,`+end)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"error":"the token store is unavailable; 1 records before it were imported"}`)
		default:
			fmt.Fprint(w, `{"imported":1,"unchanged":2,`+end)
		}
	}))
	defer server.Close()
	path := filepath.Join(t.TempDir(), "tokens.ndjson")
	if err := os.WriteFile(path, []byte("{}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	i := importingFrom(server)
	if err := i.run(file, false); err != nil || i.total.Imported != 2 || i.total.Unchanged != 1 {
		t.Errorf("%+v, %v", i.total, err)
	}
}
