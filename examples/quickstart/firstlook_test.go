package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/browsertest"
)

// looks are the pages that one looks at first, and what they must show. Those with a name
// become pictures of the documentation.
var looks = []struct {
	name, path string
	shows      []string
}{
	{"overview", "overview", []string{"Overview"}},
	{"all", "all", []string{"Power BI, support dashboard", "partner desk", "Waits for approval", "Revoked", "Disabled"}},
	{"", "requests", []string{"nightly sync", "AI agent", "DEMO-1"}},
	{"", "owners", []string{alice, "eve@partner.example"}},
	{"", "accounts", []string{"default", "Works"}},
	{"", "trail", []string{"Power BI, support dashboard"}},
	{"create", "tokens/new?template=bi", []string{"What it may do"}},
}

// TestFirstLook follows what make run prints to the page, and looks at all of it. With
// SCREENSHOTS, it makes the pictures of the documentation: see make screenshots.
func TestFirstLook(t *testing.T) {
	b := browsertest.Start(t)
	printed, _ := start(t, buildable(t), environment())
	said := regexp.MustCompile(`page +(http://[^/]+)(/\S+)\s+sign in +as (\S+), with the token (\S+)`).FindStringSubmatch(printed)
	if said == nil {
		t.Fatalf("the output does not say where the page is and how to sign in:\n%s", printed)
	}
	base := said[2]
	p := b.Open(t, said[1])
	p.Go(base)
	p.Fill("Owner", said[3])
	p.Fill("Token", said[4])
	p.Follow("button", "Sign in")
	directory := os.Getenv("SCREENSHOTS")
	shoot := func(name string) {
		t.Helper()
		if directory == "" || name == "" {
			return
		}
		for _, dark := range []bool{false, true} {
			p.Dark(dark)
			file := filepath.Join(directory, "page-"+name+map[bool]string{true: "-dark"}[dark]+".png")
			if err := os.WriteFile(file, p.Picture(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p.Dark(false)
	}
	for _, look := range looks {
		p.Go(base + look.path)
		p.Shows(look.shows...)
		shoot(look.name)
	}
	p.Go(base + "all")
	p.Follow("link", "Power BI, support dashboard")
	p.Shows("Reads issues of DEMO", "Would this pass?")
	shoot("token")
	p.Go(base + "requests")
	p.Follow("link", "See what it changes")
	p.Shows("and a grinder")
	shoot("request")
	p.Follow("button", "Approve this change")
	p.Shows("The change is approved")
	p.Go(base + "tokens/new?template=bi")
	p.Fill("Name", "Tableau, sales")
	p.Fill("Projects", "DEMO")
	p.Follow("button", "Create token")
	p.Shows("it is shown only this once")
	shoot("shown")
}
