package handler

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
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
	err := option.Block{
		option.Text("url", &t.URL),
		option.Texts("base_urls", &t.BaseURLs),
		option.OnOff("rewrite_links", &t.RewriteLinks),
		option.Texts("paths", &t.Paths),
		option.Choice("attachments", &t.Attachments, attachmentsProxy, attachmentsRedirect),
		option.Texts("accounts", &t.Accounts),
	}.ReadOr(d, "transport jira", func() error {
		http = append(http, d.NextSegment()...)
		return nil
	})
	if err != nil {
		return err
	}
	return t.HTTPTransport.UnmarshalCaddyfile(caddyfile.NewDispenser(inBlock(http)))
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
