package gatewaytest

import (
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
