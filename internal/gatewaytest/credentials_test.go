package gatewaytest

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

const issuePath = "/rest/api/3/issue/ABC-1"

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// damaged returns a token with one character changed.
func damaged(token string, at int) string {
	c := byte('A')
	if token[at] == c {
		c = 'B'
	}
	return token[:at] + string(c) + token[at+1:]
}

func TestCredentials(t *testing.T) {
	g := startGateway(t, options{})
	a := g.issue("Alice@Example.com", "read")
	b := g.issue("bob", "read")
	umlaut := g.issue("Jürgen", "read")
	u := func(headers string) string { return headers + "\r\n" }
	invalid, none, ambiguous := refused(401, "invalid_token"), refused(401, "no_credentials"), refused(400, "ambiguous_request")

	for name, c := range map[string]struct {
		headers string
		want    want
	}{
		"basic":                    {a.basic(), passes},
		"bearer":                   {a.bearer(), passes},
		"owner in lower case":      {basic("alice@example.com", a.Token), passes},
		"owner in upper case":      {basic("ALICE@EXAMPLE.COM", a.Token), passes},
		"owner beyond ASCII":       {basic("JÜRGEN", umlaut.Token), passes},
		"owner in latin-1":         {basic("J\xfcrgen", umlaut.Token), passes},
		"scheme in lower case":     {u("Authorization: basic " + encode(a.Owner+":"+a.Token)), passes},
		"scheme in upper case":     {u("Authorization: BEARER " + a.Token), passes},
		"header in lower case":     {u("authorization: Bearer " + a.Token), passes},
		"two spaces":               {u("Authorization: Bearer  " + a.Token), passes},
		"tab":                      {u("Authorization: Bearer\t" + a.Token), passes},
		"trailing space":           {u("Authorization: Bearer " + a.Token + " \t"), passes},
		"nothing":                  {"", none},
		"empty":                    {u("Authorization:"), none},
		"blank":                    {u("Authorization:  \t "), none},
		"scheme only":              {u("Authorization: Basic"), invalid},
		"bearer only":              {u("Authorization: Bearer "), invalid},
		"no scheme":                {u("Authorization: " + damaged(a.Token, 20)), none},
		"digest":                   {u(`Authorization: Digest username="a"`), none},
		"other scheme":             {u("Authorization: Negotiate YWJj"), none},
		"not base64":               {u("Authorization: Basic !!!!"), invalid},
		"base64 without padding":   {u("Authorization: Basic " + strings.TrimRight(encode("a:"+a.Token), "=")), invalid},
		"base64 for URLs":          {u("Authorization: Basic " + base64.URLEncoding.EncodeToString([]byte("a\xff\xfe\xfb>?:"+a.Token))), invalid},
		"base64 with space inside": {u("Authorization: Basic " + encode(a.Owner + ":" + a.Token)[:10] + " " + encode(a.Owner + ":" + a.Token)[10:]), invalid},
		"base64 and more":          {u("Authorization: Basic " + encode(a.Owner+":"+a.Token) + ",x"), invalid},
		"two joined by comma":      {u("Authorization: Basic " + encode(a.Owner+":"+a.Token) + ", Bearer " + a.Token), invalid},
		"bearer joined by comma":   {u("Authorization: Bearer " + a.Token + ",Bearer " + a.Token), invalid},
		"no colon":                 {u("Authorization: Basic " + encode(a.Token)), invalid},
		"two colons":               {basic(a.Owner+":x", a.Token), invalid},
		"invalid UTF-8":            {basic("\xff\xfe", a.Token), invalid},
		"zero byte":                {basic(a.Owner+"\x00", a.Token), invalid},
		"line feed after":          {basic(a.Owner, a.Token+"\n"), passes},
		"two line feeds after":     {basic(a.Owner, a.Token+"\n\n"), invalid},
		"space before":             {basic(a.Owner, " "+a.Token), invalid},
		"no owner":                 {basic("", a.Token), invalid},
		"token as owner":           {basic(a.Token, a.Token), invalid},
		"token as user, curl":      {basic(a.Token, ""), invalid},
		"wrong owner":              {basic(b.Owner, a.Token), invalid},
		"wrong character":          {basic(a.Owner, damaged(a.Token, 30)), invalid},
		"wrong id":                 {basic(a.Owner, damaged(a.Token, 5)), invalid},
		"wrong checksum":           {basic(a.Owner, damaged(a.Token, len(a.Token)-1)), invalid},
		"short":                    {basic(a.Owner, a.Token[:len(a.Token)-1]), invalid},
		"long":                     {basic(a.Owner, a.Token+"A"), invalid},
		"character beyond base 62": {basic(a.Owner, a.Token[:20]+"-"+a.Token[21:]), invalid},
		"password":                 {basic("alice", "hunter2"), invalid},
		"native token":             {u("Authorization: Bearer NjE2MDc4NzQyMzY5"), invalid},
		"twice the same":           {a.basic() + a.basic(), ambiguous},
		"two, first wrong":         {basic("x", "y") + a.basic(), ambiguous},
		"two, one empty":           {u("Authorization:") + a.basic(), ambiguous},
		"two in other cases":       {a.basic() + u("authorization: Bearer "+a.Token), ambiguous},
		"20 kB":                    {u("Authorization: Basic " + strings.Repeat("QUFB", 5_000)), invalid},
		"20 kB bearer":             {u("Authorization: Bearer jt_" + strings.Repeat("A", 20_000)), invalid},
		"20 kB scheme":             {u("Authorization: " + strings.Repeat("A", 20_000)), none},
		"beside 20 kB":             {u("X-Big: "+strings.Repeat("A", 20_000)) + a.basic(), passes},
		"in a cookie":              {u("Cookie: token=" + a.Token), none},
		"proxy authorization":      {u("Proxy-Authorization: Bearer " + a.Token), none},
	} {
		t.Run(name, func(t *testing.T) {
			g.check(t, g.do("GET", issuePath, c.headers), c.want)
		})
	}
	// Caddy itself refuses larger headers.
	for _, size := range []int{200_000, 2 << 20} {
		for _, header := range []string{"Authorization: Basic ", "Authorization: Bearer jt_", "Authorization: ", a.basic() + "X-Big: "} {
			got := g.do("GET", issuePath, header+strings.Repeat("A", size)+"\r\n")
			if seen := g.up.take(); got.status != 431 && got.err == nil || len(seen) > 0 {
				t.Errorf("%d bytes: got %s; %v reached Jira", size, got, seen)
			}
		}
	}
	g.check(t, g.do("GET", issuePath, a.basic()), passes)
	t.Run("HEAD", func(t *testing.T) {
		if a := g.do("HEAD", issuePath, ""); a.status != 401 || a.reason() != "no_credentials" || a.body != "" {
			t.Errorf("got %s", a)
		}
	})
	// A token only counts in Authorization. This one is only used here, because
	// the access log contains the query and unknown headers.
	d := g.decoy("dora", "read")
	for name, request := range map[string]string{
		"query":         g.request("GET", issuePath+"?token="+d.Token+"&access_token="+d.Token, ""),
		"userinfo":      "GET http://dora:" + d.Token + "@" + g.addr + issuePath + " HTTP/1.1\r\nHost: " + g.addr + "\r\nConnection: close\r\n\r\n",
		"X-Api-Key":     g.request("GET", issuePath, "X-Api-Key: "+d.Token+"\r\nX-Authorization: Bearer "+d.Token+"\r\n"),
		"underscore":    g.request("GET", issuePath, "HTTP_AUTHORIZATION: Bearer "+d.Token+"\r\n"),
		"form body":     g.request("POST", issuePath, "Content-Type: application/x-www-form-urlencoded\r\n", "access_token="+d.Token),
		"trailer":       "POST /rest/api/3/search HTTP/1.1\r\nHost: " + g.addr + "\r\nTransfer-Encoding: chunked\r\nTrailer: Authorization\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer " + d.Token + "\r\n\r\n",
		"space in name": g.request("GET", issuePath, "Authorization : Bearer "+d.Token+"\r\n"),
	} {
		t.Run("not in "+name, func(t *testing.T) {
			a := g.send(request)
			if seen := g.up.take(); a.status != 401 && a.status != 400 || len(seen) > 0 {
				t.Errorf("got %s; %v reached Jira", a, seen)
			}
		})
	}
}

// TestStates: only a client with the right secret learns a token's state.
func TestStates(t *testing.T) {
	g := startGateway(t, options{})
	disabled, revoked, deleted := g.issue("carl", "write"), g.issue("carl", "write"), g.issue("carl", "write")
	rotated := g.issue("carl", "write")
	future := g.issue("carl", "write", "not_before", "30d")
	expired := g.imported(token.Record{Owner: "carl", Scope: token.ScopeWrite, ExpiresAt: time.Now().Add(-time.Hour)})
	for _, i := range []issued{disabled, revoked, deleted, rotated} {
		g.check(t, g.do("GET", issuePath, i.basic()), passes) // now all of them are cached
	}
	g.call("POST", "/jira_tokens/tokens/"+disabled.ID+"/disable", nil, 200, nil)
	g.call("POST", "/jira_tokens/tokens/"+revoked.ID+"/revoke", nil, 200, nil)
	g.call("DELETE", "/jira_tokens/tokens/"+deleted.ID, nil, 204, nil)
	var second issued
	g.call("POST", "/jira_tokens/tokens/"+rotated.ID+"/rotate", map[string]string{"overlap": "1h"}, 200, &second)
	g.guard(second.Owner, second.Token)
	for name, c := range map[string]struct {
		token  issued
		reason string
	}{
		"disabled": {disabled, "token_disabled"}, "revoked": {revoked, "token_revoked"}, "expired": {expired, "token_expired"},
		"not yet valid": {future, "token_not_yet_valid"}, "deleted": {deleted, "invalid_token"},
	} {
		t.Run(name, func(t *testing.T) {
			invalid := refused(401, "invalid_token")
			g.check(t, g.do("GET", issuePath, c.token.basic()), refused(401, c.reason))
			g.check(t, g.do("GET", issuePath, c.token.bearer()), refused(401, c.reason))
			g.check(t, g.do("GET", issuePath, basic("mallory", c.token.Token)), invalid)
			// A well-formed token with this ID and another secret.
			g.check(t, g.do("GET", issuePath, basic("carl", forged(c.token.ID))), invalid)
			g.check(t, g.do("POST", "/rest/api/3/search;x", c.token.basic(), "{}"), refused(401, c.reason))
		})
	}
	t.Run("rotated", func(t *testing.T) {
		g.check(t, g.do("GET", issuePath, rotated.basic()), passes)
		g.check(t, g.do("GET", issuePath, second.basic()), passes)
		var third issued
		g.call("POST", "/jira_tokens/tokens/"+rotated.ID+"/rotate", nil, 200, &third)
		g.guard(third.Owner, third.Token)
		g.check(t, g.do("GET", issuePath, rotated.basic()), refused(401, "invalid_token"))
		g.check(t, g.do("GET", issuePath, second.basic()), refused(401, "invalid_token"))
		g.check(t, g.do("GET", issuePath, third.basic()), passes)
		g.call("POST", "/jira_tokens/tokens/"+disabled.ID+"/enable", nil, 200, nil)
		g.check(t, g.do("GET", issuePath, disabled.basic()), passes)
	})
}

// imported puts a new token into the store by importing it from another gateway,
// which is the only way to get one that has expired.
func (g *gateway) imported(r token.Record) issued {
	g.t.Helper()
	secret := token.New()
	r.ID, r.Digest, r.Name, r.Account, r.Status, r.Version = secret.ID(), secret.Digest(), "test", "default", token.StatusActive, 1
	r.CreatedAt = r.ExpiresAt.Add(-time.Hour)
	r.UpdatedAt = r.CreatedAt
	g.guard(r.Owner, secret.Reveal())
	g.call("POST", "/jira_tokens/import", r, http.StatusOK, nil)
	return issued{ID: r.ID, Token: secret.Reveal(), Owner: r.Owner}
}

// forged returns a well-formed token with an ID and a secret that nobody issued.
func forged(id string) string {
	made, err := token.WithID(id)
	if err != nil {
		panic(err)
	}
	return made.Reveal()
}
