package clienttest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
)

// TestClientsWorkWithTheStandIn runs every client directly against the stand-in. A
// failure here is the fault of the stand-in or of the client's description, not
// of the gateway.
func TestClientsWorkWithTheStandIn(t *testing.T) {
	for _, client := range All() {
		for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
			if dress == fakejira.Cloud && !client.Cloud || dress == fakejira.DataCenter && !client.DataCenter {
				continue
			}
			if client.Name == "curl --anyauth" {
				continue // Jira's challenge is OAuth: see CurlAnyAuth.
			}
			t.Run(client.Name+" "+dress.String(), func(t *testing.T) { workDirectly(t, client, dress) })
		}
	}
}

func workDirectly(t *testing.T, client Client, dress fakejira.Dress) {
	server := fakejira.New(fakejira.Options{Dress: dress, LegacyCreateMeta: true})
	base, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	target := Target{BaseURL: base, User: fakejira.DefaultUser, Secret: fakejira.DefaultSecret, Home: t.TempDir()}
	if dress == fakejira.Cloud {
		target.User, target.Cloud = fakejira.DefaultEmail, true
	}
	perform := func(action Action, with Arguments) Result {
		t.Helper()
		server.Take()
		result := client.Run(t, target, action, with)
		var requests []string
		for _, r := range server.Requests() {
			requests = append(requests, fmt.Sprintf("%s %s → %d", r.Method, r.RequestURI, r.Status))
		}
		t.Logf("%s\n%.600s\n%s", result.Command, result.Output(), strings.Join(requests, "\n"))
		if result.Err != nil {
			t.Errorf("%s: %v\n%s", action, result.Err, result.Output())
		}
		if len(requests) == 0 {
			t.Errorf("%s sent no request", action)
		}
		return result
	}
	shows := func(result Result, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(result.Output(), text) {
				t.Errorf("%s does not show %q:\n%s", result.Command, text, result.Output())
			}
		}
	}
	perform(ServerInfo, Arguments{})
	if client.Can(Myself) {
		shows(perform(Myself, Arguments{}), "Service Account")
	}
	shows(perform(Search, Arguments{}), "DEMO-1", "DEMO-6", "Order beans")
	shows(perform(View, Arguments{}), "Choose a coffee machine")
	shows(perform(Create, Arguments{Text: "Made by a client"}), "DEMO-7")
	perform(Comment, Arguments{Text: "Said by a client"})
	perform(Update, Arguments{Key: "DEMO-7", Text: "Changed by a client"})
	shows(perform(Search, Arguments{}), "Changed by a client")
	if client.Can(Upload) {
		file := filepath.Join(target.Home, "picture.bin")
		content := bytes.Repeat([]byte("some bytes\x00"), 20_000)
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		perform(Upload, Arguments{File: file})
		stored := server.Attachments("DEMO-3")
		if len(stored) != 1 || stored[0].Size != int64(len(content)) {
			t.Fatalf("stored %v", stored)
		}
		back := filepath.Join(target.Home, "back.bin")
		perform(Download, Arguments{Attachment: fmt.Sprint(stored[0].ID), File: back})
		if got, err := os.ReadFile(back); err != nil || !bytes.Equal(got, content) {
			t.Errorf("downloaded %d bytes, want %d: %v", len(got), len(content), err)
		}
		if server.Media().SawCredentials() {
			t.Errorf("%s sent credentials to the media host", client.Name)
		}
	}
	perform(Delete, Arguments{Key: "DEMO-7"})

	wrong := target
	wrong.Secret, wrong.Home = "wrong", t.TempDir()
	server.Take()
	result := client.Run(t, wrong, Search, Arguments{})
	t.Logf("with wrong credentials: %v\n%.600s", result.Err, result.Output())
	if result.Err == nil {
		t.Errorf("wrong credentials did not cause an error: %s", result.Output())
	}
	if n := len(server.Requests()); n > 20 {
		t.Errorf("wrong credentials were sent %d times", n)
	}
}

// TestClientsAreDocumented checks that docs/clients.md lists every client and
// every pinned version.
func TestClientsAreDocumented(t *testing.T) {
	docs, err := os.ReadFile(filepath.Join("..", "..", "docs", "clients.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range All() {
		for word := range strings.FieldsSeq(client.Name) {
			if !bytes.Contains(docs, []byte(word)) {
				t.Errorf("docs/clients.md does not mention %s", client.Name)
			}
		}
	}
	gotools, err := os.ReadFile(filepath.Join("tools", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	npm, err := jiraJSFiles.ReadFile("npm/package.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, pin := range map[string][]byte{
		"go-jira":  regexp.MustCompile(`github.com/go-jira/jira (v\S+)`).FindSubmatch(gotools)[1],
		"jira-cli": regexp.MustCompile(`github.com/ankitpokhrel/jira-cli (v\S+)`).FindSubmatch(gotools)[1],
		"jira.js":  regexp.MustCompile(`"jira.js": "(\S+)"`).FindSubmatch(npm)[1],
	} {
		if !bytes.Contains(docs, []byte("| "+name+" | "+string(pin))) {
			t.Errorf("docs/clients.md does not say that %s is %s", name, pin)
		}
	}
}
