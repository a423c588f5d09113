// Package links makes the absolute URLs in Jira's responses lead to the gateway.
//
// Clients follow the URLs that Jira hands out (self, content, nextPage, Location …). Unchanged, these would bypass the
// gateway and send the client's token to Jira's own host.
package links

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"slices"
	"strings"
)

// maxText is the maximum length of each base and path, in bytes, and so limits what a Body holds back.
const maxText = 1024

// Mapper maps the URLs of Jira that the gateway serves. It is safe for concurrent use.
type Mapper struct {
	forms   [len(slashes)]form // the first has plain slashes
	maxHold int                // maximum length of an undecided URL and what opens it
}

// New returns a Mapper for URLs that consist of one of the bases, such as https://acme.atlassian.net,
// https://dc.example.com/jira or https://api.atlassian.com/ex/jira/<cloudId>, and one of the paths that the gateway serves:
// /rest/ and /rest/* both match everything below, /secure/viewavatar only itself, with any query. Other URLs stay as they
// are: a /browse/ link is for people and belongs to Jira's own host.
func New(bases, paths []string) (*Mapper, error) {
	if len(bases) == 0 {
		return nil, errors.New("links: no base URL of Jira given")
	}
	if len(paths) == 0 {
		return nil, errors.New("links: no served paths given")
	}
	plain := form{slash: "/"}
	for _, raw := range bases {
		forms, err := parseBase(raw)
		if err != nil {
			return nil, err
		}
		plain.bases = append(plain.bases, forms...)
	}
	for _, raw := range paths {
		p, err := parsePath(raw)
		if err != nil {
			return nil, err
		}
		plain.paths = append(plain.paths, p)
	}
	slices.SortFunc(plain.bases, func(a, b base) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
	})
	plain.bases = slices.Compact(plain.bases)
	m := new(Mapper)
	for i, slash := range slashes {
		m.forms[i] = plain.with(slash)
		m.maxHold = max(m.maxHold, len(`>`+cdata)+m.forms[i].longest())
	}
	return m, nil
}

// parseBase returns the forms of a base: with and without its scheme's default port.
func parseBase(raw string) ([]base, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Opaque != "" || !isHost(u.Hostname()) {
		return nil, baseError(raw, "must be an http or https URL, such as https://acme.atlassian.net")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(raw, "#") {
		return nil, baseError(raw, "must have no user name, query or fragment")
	}
	prefix := strings.TrimRight(u.EscapedPath(), "/")
	if prefix != "" && path.Clean(prefix) != prefix {
		return nil, baseError(raw, "must have a plain path, without //, /./ or /../")
	}
	if len(raw) > maxText || len(prefix) > maxText {
		return nil, baseError(raw[:40]+"…", fmt.Sprintf("is longer than %d bytes", maxText))
	}

	defaultPort := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	host := strings.ToLower(u.Hostname())
	port := cmp.Or(u.Port(), defaultPort)
	origin := u.Scheme + "://" + net.JoinHostPort(host, port)
	forms := []base{{origin + prefix + "/", len(origin)}}
	if port == defaultPort {
		short := strings.TrimSuffix(origin, ":"+port)
		forms = append(forms, base{short + prefix + "/", len(short)})
	}
	return forms, nil
}

// baseError returns an error about a base, without the password that it may contain.
func baseError(raw, what string) error {
	if at := strings.LastIndexByte(raw, '@'); at >= 0 {
		raw = "…" + raw[at:]
	}
	return fmt.Errorf("links: base URL %q %s", raw, what)
}

func parsePath(raw string) (servedPath, error) {
	text := strings.TrimSuffix(raw, "*")
	switch {
	case !strings.HasPrefix(text, "/"):
		return servedPath{}, fmt.Errorf("links: served path %q must begin with /", raw)
	case !isURLText(text) || strings.ContainsAny(text, "*?#"):
		return servedPath{}, fmt.Errorf("links: served path %q must be a plain, percent-encoded path, which may end in *", raw)
	case len(text) > maxText:
		return servedPath{}, fmt.Errorf("links: served path %q is longer than %d bytes", text[:40]+"…", maxText)
	}
	return servedPath{text: text, exact: text == raw && !strings.HasSuffix(text, "/")}, nil
}

// URL maps the value of a header such as Location or Content-Location. Relative URLs, URLs outside of Jira, and those that
// the gateway does not serve stay as they are.
func (m *Mapper) URL(s, public string) string {
	n, v := m.forms[0].match([]byte(s), inHeader)
	if v != yes || !isURLText(public) {
		return s
	}
	return public + s[n:]
}

// Header maps each target in the value of a Link header: <url>; rel="next", <url>; rel="last".
func (m *Mapper) Header(s, public string) string {
	var out strings.Builder
	for {
		open := targetStart(s)
		if open < 0 {
			break
		}
		length := strings.IndexByte(s[open:], '>')
		if length < 0 {
			break
		}
		out.WriteString(s[:open])
		out.WriteString(m.URL(s[open:open+length], public))
		s = s[open+length:]
	}
	out.WriteString(s)
	return out.String()
}

// targetStart returns the index after the first < that is not inside a quoted parameter, or -1.
func targetStart(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case !quoted && s[i] == '<':
			return i + 1
		}
	}
	return -1
}

// isURLText reports whether s needs no escaping in a JSON string, in a header and between < and >. The public URL comes
// from the client's Host header and must not be trusted.
func isURLText(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c <= ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>':
			return false
		}
	}
	return true
}

// isHost reports whether s is a host name, an IPv4 or (without brackets) an IPv6 address.
func isHost(s string) bool {
	for i := 0; i < len(s); i++ {
		c := lower(s[i])
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && strings.IndexByte(".-_:", c) < 0 {
			return false
		}
	}
	return s != ""
}
