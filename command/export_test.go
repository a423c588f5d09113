package command

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

// TestInterruptedExport: an export to a file that breaks off continues where the last whole
// page ended, and the file has its name only once it is complete.
func TestInterruptedExport(t *testing.T) {
	const (
		first  = "{\"export\":{\"format\":2,\"at\":\"2026-11-27T00:00:00Z\",\"tokens\":4}}\n{\"document\":{\"kind\":\"account\",\"id\":\"bi\",\"data\":{}}}\n{\"document\":{\"kind\":\"approval\",\"id\":\"x\",\"data\":null}}\n{\"id\":\"a\"}\n{\"id\":\"b\"}\n"
		page   = `{"cursor":"c1","documents":0,"records":2,"damaged":1}`
		second = "{\"id\":\"c\"}\n{\"id\":\"d\"}\n{\"end\":{\"documents\":0,\"records\":4,\"damaged\":1}}\n"
	)
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(admin.VersionHeader, "1")
		position := r.URL.Query().Get("position")
		asked = append(asked, position)
		switch {
		case len(asked) <= 2:
			if position == "" {
				fmt.Fprint(w, first+"{\"position\":"+page+"}\n")
			}
			fmt.Fprint(w, second[:15]) // in the middle of a line
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		default:
			fmt.Fprint(w, second)
		}
	}))
	defer server.Close()
	var said bytes.Buffer
	c := &client{address: strings.TrimPrefix(server.URL, "http://"), out: &said, err: &said}
	path := filepath.Join(t.TempDir(), "tokens.ndjson")
	for range 2 {
		err := c.exportTo(path)
		if err == nil || !strings.Contains(err.Error(), "interrupted after 2 records") || !strings.Contains(err.Error(), "repeat the command") {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Error("an incomplete export has the name of a complete one")
		}
	}
	if err := c.exportTo(path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != first+"{\"position\":"+page+"}\n"+second {
		t.Errorf("%q, %v", text, err)
	}
	if want := []string{"", page, page}; fmt.Sprint(asked) != fmt.Sprint(want) {
		t.Errorf("asked to continue at %q", asked)
	}
	if !strings.Contains(said.String(), "Continuing "+path+".part after 2 records") || !strings.Contains(said.String(), "Damaged records left out: 1") || strings.Count(said.String(), "Records exported: 4; accounts and other documents: 1.\n") != 1 ||
		!strings.Contains(said.String(), "Not exported, since they stay with this store: held changes, whose requests must be sent again at the new gateway (1).") {
		t.Errorf("said %q", said.String())
	}
	if err := c.exportTo(path); err == nil || !strings.Contains(err.Error(), "exists: remove it") {
		t.Errorf("over an export: %v", err)
	}
}

// TestExportContinuedElsewhere: the command says what to do about a file that the gateway
// does not continue, and leaves it as it is.
func TestExportContinuedElsewhere(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(admin.VersionHeader, "1")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"the position is from an export of another store"}`)
	}))
	defer server.Close()
	c := &client{address: strings.TrimPrefix(server.URL, "http://"), out: new(bytes.Buffer), err: new(bytes.Buffer)}
	path := filepath.Join(t.TempDir(), "tokens.ndjson")
	const begun = `{"position":{"store":"ONE","cursor":"c1","documents":0,"records":2,"damaged":0}}` + "\n"
	if err := os.WriteFile(path+".part", []byte(begun), 0o600); err != nil {
		t.Fatal(err)
	}
	want := path + ".part cannot be continued: the position is from an export of another store; to begin anew, remove it or choose another name"
	if err := c.exportTo(path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "repeat") {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(path + ".part"); err != nil || string(text) != begun {
		t.Errorf("%q, %v", text, err)
	}
}

func TestProgress(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	for terminal, want := range map[bool]string{
		true:  "\rImporting [###...........................] 10 %, 100 lines, about 2m left\x1b[K\rImporting 200 lines\x1b[K\r\x1b[K",
		false: "Importing 10 %, 100 lines, about 2m left\nImporting 200 lines\n",
	} {
		out.Reset()
		p := &progressBar{out: &out, terminal: terminal, what: "Importing", now: func() time.Time { return clock }, began: clock, shown: clock}
		p.show(1, 1000, "at once")
		clock = clock.Add(10 * time.Second)
		p.show(100, 1000, "100 lines")
		p.show(101, 1000, "at once")
		clock = clock.Add(10 * time.Second)
		p.show(200, 0, "200 lines")
		p.end()
		if out.String() != want {
			t.Errorf("terminal %v: %q", terminal, out.String())
		}
	}
}
