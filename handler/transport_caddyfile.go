package handler

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// UnmarshalCaddyfile sets up the transport from Caddyfile tokens. Syntax:
//
//	transport jira {
//		url           <url>
//		base_urls     <urls...>
//		rewrite_links on|off
//		paths         <paths...>
//		attachments   proxy|redirect
//		accounts      <names...>
//		<any option of transport http>
//	}
func (t *Transport) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next() // consume the transport's name
	http := []caddyfile.Token{d.Token()}
	if d.NextArg() {
		return d.Errf("unexpected argument %q: transport jira takes a block only", d.Val())
	}
	seen := make(optionsSeen)
	for d.NextBlock(0) {
		known, err := t.unmarshalOption(d, seen)
		if err != nil {
			return err
		}
		if !known {
			http = append(http, d.NextSegment()...)
		}
	}
	return t.HTTPTransport.UnmarshalCaddyfile(caddyfile.NewDispenser(inBlock(http)))
}

// unmarshalOption reads the option at d, if it is not the http transport's.
func (t *Transport) unmarshalOption(d *caddyfile.Dispenser, seen optionsSeen) (known bool, err error) {
	switch d.Val() {
	case "url":
		return true, seen.one(d, &t.URL)
	case "rewrite_links":
		links := ""
		err := seen.choice(d, &links, "on", "off")
		rewrite := links == "on"
		t.RewriteLinks = &rewrite
		return true, err
	case "attachments":
		return true, seen.choice(d, &t.Attachments, attachmentsProxy, attachmentsRedirect)
	case "base_urls":
		return true, seen.values(d, &t.BaseURLs)
	case "paths":
		return true, seen.values(d, &t.Paths)
	case "accounts":
		return true, seen.values(d, &t.Accounts)
	}
	return false, nil
}

// values reads the one or more values of an option that can be given once.
func (seen optionsSeen) values(d *caddyfile.Dispenser, list *[]string) error {
	if err := seen.first(d); err != nil {
		return err
	}
	var err error
	*list, err = values(d)
	return err
}

// inBlock puts all tokens after the first into a block.
func inBlock(tokens []caddyfile.Token) []caddyfile.Token {
	if len(tokens) == 1 {
		return tokens
	}
	opening := tokens[0]
	opening.Text = "{"
	closing := tokens[len(tokens)-1]
	closing.Line++
	closing.Text = "}"
	return append(append([]caddyfile.Token{tokens[0], opening}, tokens[1:]...), closing)
}

var _ caddyfile.Unmarshaler = (*Transport)(nil)
