package gatewaytest

import (
	"strings"
	"testing"
)

// TestOtherBackends: error routes and response routes, which may send requests to
// another backend, do not send it any credential.
func TestOtherBackends(t *testing.T) {
	second := newUpstream(t)
	upstream := newUpstream(t)
	g := startGateway(t, options{upstream: upstream, instead: `
	jira_gateway ` + upstream.url() + ` {
		@moved status 404
		handle_response @moved {
			reverse_proxy ` + second.url() + `
		}
		@gone status 410
		handle_response @gone {
			error 418
		}
		@none status 503
		handle_response @none {
			error 503
		}
	}
	handle_errors {
		reverse_proxy ` + second.url() + `
	}
`})
	read := g.issue("alice", "read")
	request := read.basic() + "Cookie: a=b\r\nX-Forwarded-User: admin\r\n"
	for name, c := range map[string]struct{ raw, target string }{
		"handle_response":       {reply("404 Not Found", secretHeaders, "x"), issuePath},
		"error from a response": {reply("410 Gone", secretHeaders, "x"), issuePath},
		"5xx from a response":   {reply("503 Service Unavailable", secretHeaders, "x"), issuePath},
		"Jira unreachable":      {"garbage\r\n\r\n", issuePath},
		"denied":                {"", "/nowhere"},
		"ambiguous":             {"", "/rest/api/2/x;y"},
	} {
		t.Run(name, func(t *testing.T) {
			g.up.answer(func(x *exchange) { x.readBody(); x.send(c.raw); x.close = true })
			a := g.do("GET", c.target, request)
			for _, seen := range second.take() {
				for _, header := range seen.headers {
					value := header.value + decode(header.value)
					if strings.Contains(value, accountSecret) || strings.Contains(value, read.Token) {
						t.Errorf("a credential reached another backend: %s: %s (answer %s)", header.name, header.value, a)
					}
				}
			}
			if a.status == 500 {
				t.Errorf("got %s", a)
			}
		})
	}
}
