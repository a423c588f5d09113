package gatewaytest

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// upload attaches a file to DEMO-1 through the gateway and returns its ID.
func upload(t *testing.T, g *gateway, jira *fakejira.Server, tok issued, content string) string {
	t.Helper()
	body := "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.json\"\r\nContent-Type: application/json\r\n\r\n" + content + "\r\n--b--\r\n"
	a := g.send("POST /rest/api/2/issue/DEMO-1/attachments HTTP/1.1\r\nHost: 127.0.0.1\r\n" + tok.basic() +
		"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\nConnection: close\r\n\r\n" + body)
	if a.status != http.StatusOK {
		t.Fatalf("upload: %s", a)
	}
	files := jira.Attachments("DEMO-1")
	return strconv.Itoa(files[len(files)-1].ID)
}

func TestAttachmentsComeThroughTheGateway(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Accounts: takesAccount()}, options{})
	tok := g.issue("alice", "write")
	// JSON with links in it is a user's file like any other.
	content := `{"self":"` + jira.URL() + `/rest/api/2/issue/1"}`
	id := upload(t, g, jira, tok, content)
	for _, query := range []string{"", "?redirect=true", "?redirect=true&x=1", "?redirect=false"} {
		a := g.send(get("/rest/api/3/attachment/content/"+id+query, tok.basic()))
		if a.status != http.StatusOK || a.body != content {
			t.Errorf("%q: %s", query, a)
		}
	}
	part := g.send(get("/rest/api/3/attachment/content/"+id, tok.basic()+"Range: bytes=2-5\r\n"))
	if part.status != http.StatusPartialContent || part.body != content[2:6] {
		t.Errorf("range request: %s", part)
	}
	head := g.send("HEAD /rest/api/3/attachment/content/" + id + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + tok.basic() + "Connection: close\r\n\r\n")
	if head.status != http.StatusOK || head.header.Get("Content-Length") != strconv.Itoa(len(content)) {
		t.Errorf("HEAD: %s %v", head, head.header)
	}
	if n := len(jira.Media().Requests()); n != 0 {
		t.Errorf("the media host got %d requests", n)
	}
}

func TestAttachmentsCanBeRedirected(t *testing.T) {
	g, jira := withJira(t, fakejira.Options{Accounts: takesAccount()}, options{site: "attachments redirect"})
	tok := g.issue("alice", "write")
	id := upload(t, g, jira, tok, "content")
	a := g.send(get("/rest/api/3/attachment/content/"+id, tok.basic()))
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), jira.Media().URL()) {
		t.Errorf("%s %v", a, a.header)
	}
}

// TestDownloadAllAttachments: Data Center's "download all", and files out of a zip file,
// come through a gateway with its default paths, byte for byte.
func TestDownloadAllAttachments(t *testing.T) {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	file, err := w.Create("a.json")
	if err != nil {
		t.Fatal(err)
	}
	up := newUpstream(t)
	if _, err := io.WriteString(file, `{"self":"`+up.url()+`/rest/api/2/issue/1"}`); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	const headers = "Content-Type: application/zip\r\nContent-Disposition: attachment; filename*=UTF-8''A-1.zip\r\nAccept-Ranges: bytes\r\n"
	for _, context := range []string{"", "/jira"} {
		g := startGateway(t, options{upstream: up, jiraPath: context})
		tok := g.issue("alice", "read")
		for _, path := range []string{"/secure/attachmentzip/10000.zip", "/secure/attachmentzip/unzip/10000/10327%5B0%5D/A-1.zip/a.json"} {
			up.answerWith(reply("200 OK", headers, archive.String()))
			a := g.do("GET", path, tok.basic())
			seen := g.check(t, a, passes)
			if a.body != archive.String() || a.header.Get("Content-Type") != "application/zip" || a.header.Get("Content-Disposition") == "" {
				t.Errorf("%s%s: %d bytes of %d, %v", context, path, len(a.body), archive.Len(), a.header)
			}
			if len(seen) == 1 && seen[0].target() != context+path {
				t.Errorf("%s arrived as %s", path, seen[0].line)
			}
			up.answerWith(reply("206 Partial Content", headers+"Content-Range: bytes 2-5/"+strconv.Itoa(archive.Len())+"\r\n", archive.String()[2:6]))
			if part := g.do("GET", path, tok.basic()+"Range: bytes=2-5\r\n"); part.status != http.StatusPartialContent || part.body != archive.String()[2:6] {
				t.Errorf("%s: range request: %s", path, part)
			}
			up.take()
			g.check(t, g.do("POST", path, tok.basic(), "x"), refused(http.StatusForbidden, "path_denied"))
		}
		up.answer(nil)
	}
}
