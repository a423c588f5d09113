package rest

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// plainPage is a page, without scripts.
type plainPage struct {
	Title string
	// Text is a paragraph below the title.
	Text string
	Rows []row
	// Secret is shown once, with ready lines for using it.
	Secret string
	Usage  []row
	// Button, if set, is the label of a button that opens the link.
	Button string
	// Note is a paragraph at the end.
	Note  string
	Style template.CSS
}

type row struct{ Label, Text string }

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string

	plainTemplate = template.Must(template.New("page").Parse(pageHTML))
)

// policyOf allows a page nothing but its own style, and its form to be sent to itself.
func policyOf(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// setPageHeaders keeps a page out of frames, caches, search engines and Referer headers.
func setPageHeaders(header http.Header) {
	header.Set("Content-Security-Policy", policyOf(pageCSS))
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

func renderPage(p plainPage) ([]byte, error) {
	p.Style = template.CSS(pageCSS) //nolint:gosec // G203: it is a constant
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

// offerPage asks for a click before the link is opened.
func offerPage(record *token.Record) plainPage {
	by := "Somebody who manages this gateway"
	if record.Handover.By != "" {
		by = record.Handover.By
	}
	p := plainPage{
		Title: "An API token for Jira",
		Text:  by + " made this token for " + record.Owner + ". If that is you, show it now: this works once.",
		Rows: []row{
			{"For", record.Owner},
			{"Name", record.Name},
			{"What it does", record.Sentence()},
			{"The token ends", endText(record)},
			{"This link ends", record.Handover.ExpiresAt.UTC().Format("2 January 2006, 15:04 UTC")},
		},
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

// endText says exactly when a token ends: its sentence has only the day.
func endText(record *token.Record) string {
	if record.ExpiresAt.IsZero() {
		return "never"
	}
	return record.ExpiresAt.UTC().Format("2 January 2006, 15:04 UTC")
}

func overlapText(record *token.Record) string {
	if overlap := record.Handover.Overlap(); overlap > 0 {
		return ", which keeps working for " + token.FormatSpan(overlap)
	}
	return ", which stops working at once"
}

// openedPage shows the token.
func openedPage(issued registry.Issued, base string) plainPage {
	secret := issued.Token.Reveal()
	return plainPage{
		Title:  "The token, this once",
		Text:   "Save it now: it cannot be shown again.",
		Secret: secret,
		Rows:   []row{{"User name", issued.Record.Owner}, {"What it does", issued.Record.Sentence()}},
		Usage: []row{
			{"Where Jira's API asks for", "user name " + issued.Record.Owner + ", and the token as the password or API token"},
			{"Or as a header", "Authorization: Bearer " + secret},
			{"What it may do, at any time", "curl -H 'Authorization: Bearer …' " + base + handler.EndpointsPath + version + "self"},
		},
		Note: "If somebody else may have seen it, rotate or revoke it.",
	}
}
