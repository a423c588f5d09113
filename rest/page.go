package rest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/samples"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// plainPage is a page that stands alone. Everything on it works without its script.
type plainPage struct {
	Title string
	// Text is a paragraph below the title.
	Text string
	// Warning, if set, is a message above everything that one could act on.
	Warning string
	// Secret is shown once, with ready lines for using it.
	Secret string
	Rows   []row
	// Usage says how to use the secret, and Lines are what to paste into a client.
	Usage string
	Lines []samples.Sample
	// Button, if set, is the label of a button that opens the link.
	Button string
	// Note is a paragraph at the end.
	Note string
	// From, if set, is the URL of the page of the token manager to go back to.
	From   string
	Style  template.CSS
	Script template.JS
}

// row is something that the page says about a token. Copied text is in a code element.
type row struct {
	Label, Text string
	Copied      bool
	// At, if set, is a time that follows the text.
	At moment
}

// moment is a time, which the script shows in the reader's zone.
type moment struct{ time.Time }

// Machine returns the time for programs.
func (m moment) Machine() string { return m.UTC().Format(time.RFC3339) }

// Exact returns the time for people.
func (m moment) Exact() string { return token.FormatTime(m.Time) }

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string

	plainTemplate = template.Must(template.New("page").Parse(pageHTML))
)

// policyOf allows a page nothing but its own style and script, and its form to be sent to
// itself.
func policyOf(style, script string) string {
	return "default-src 'none'; style-src '" + hashOf(style) + "'; script-src '" + hashOf(script) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// hashOf returns the source expression for an inline element (CSP Level 3, section 2.3.1).
func hashOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// setPageHeaders keeps a page out of frames, caches, search engines and Referer headers.
func setPageHeaders(header http.Header) {
	header.Set("Content-Security-Policy", policyOf(pageCSS, pageJS))
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

func renderPage(p plainPage) ([]byte, error) {
	p.Style = template.CSS(pageCSS) //nolint:gosec // G203: it is a constant
	if p.Rows != nil {              // which can be copied, or are times
		p.Script = template.JS(pageJS) //nolint:gosec // G203: it is a constant
	}
	var text bytes.Buffer
	if err := plainTemplate.Execute(&text, p); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

func (a *API) writePage(w http.ResponseWriter, status int, p plainPage) error {
	text, err := renderPage(p)
	if err != nil {
		return err
	}
	setPageHeaders(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text) //nolint:gosec // G705: html/template escapes; the client may be gone
	return nil
}

// offerPage asks for a click before the link is opened: it says who made it, for whom and
// what it does.
func offerPage(record *token.Record, now time.Time) plainPage {
	p := plainPage{
		Title:  "An API token for Jira",
		Text:   maker(record) + " made this token for " + record.Owner + ". If that is you, show it now: this works once.",
		Rows:   []row{{Label: "Name", Text: record.Name}, {Label: "What it does", Text: record.Sentence()}, {Label: "This link ends", Text: "in " + token.FormatRounded(record.Handover.ExpiresAt.Sub(now)), At: moment{record.Handover.ExpiresAt}}},
		Button: "Show the token, once",
		Note:   "Have a safe place ready for it, such as a password manager: after this, neither this link nor anybody else can show it again.",
	}
	if record.Status == token.StatusPending {
		p.Note = "The token works once an administrator has approved it. " + p.Note
	}
	if !record.Handover.First {
		p.Note = "It replaces the token of the same name" + overlapText(record) + ". " + p.Note
	}
	return p
}

// maker returns who made a link.
func maker(record *token.Record) string {
	if record.Handover.By != "" {
		return record.Handover.By
	}
	return "Somebody who manages this gateway"
}

func overlapText(record *token.Record) string {
	if overlap := record.Handover.Overlap(); overlap > 0 {
		return ", which keeps working for " + token.FormatSpan(overlap)
	}
	return ", which stops working at once"
}

// openedPage shows the token, and how to use it with the Jira, or the Jira Cloud, at this URL.
func openedPage(issued registry.Issued, base string, isCloud bool) plainPage {
	record, secret := issued.Record, issued.Token.Reveal()
	p := plainPage{
		Title:  "The token, this once",
		Text:   "Save it now: it cannot be shown again.",
		Secret: secret,
		Rows: []row{
			{Label: "User name", Text: record.Owner, Copied: true},
			{Label: "Jira’s address", Text: base, Copied: true},
			{Label: "What it does", Text: record.Sentence()},
		},
		Usage: "Give a program the address, the user name, and the token where it asks for an API token or a password. Others take the token alone, as a bearer token or personal access token.",
		Lines: linesFor(samples.Values{Gateway: base, Owner: record.Owner, Token: secret, Cloud: isCloud}),
		Note:  "If somebody else may have seen the token, tell whoever sent you the link: it can be replaced at any time.",
	}
	if record.Status == token.StatusPending {
		p.Warning = "It does not work yet: an administrator must approve it first."
	}
	return p
}

// linesFor returns ready lines for clients. The last are for asking what the token may do.
func linesFor(values samples.Values) []samples.Sample {
	return append(samples.For(values), samples.Sample{
		ID: "self", Name: "Ask what the token may do, and when it ends",
		Lines: "curl --header " + samples.InShell("Authorization: Bearer "+values.Token) + " " + samples.InShell(values.Gateway+handler.EndpointsPath+version+"self"),
	})
}
