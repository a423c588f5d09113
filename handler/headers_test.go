package handler

import (
	"net/http"
	"strings"
	"testing"
)

// TestHeaderLists: a header that is not listed does not pass, whatever its name.
func TestHeaderLists(t *testing.T) {
	lists, err := newHeaderLists([]string{"x-tempo-version"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		way   string
		list  map[string]bool
		pass  bool
		names []string
	}{
		{"to Jira", lists.toJira, true, []string{
			"Accept", "Accept-Language", "Accept-Encoding", "Content-Type", "Content-Disposition", "Content-Encoding", "Content-Range",
			"If-Match", "If-None-Match", "If-Modified-Since", "If-Range", "Range", "Cache-Control", "Pragma", "Expect", "traceparent",
			"tracestate", "X-Request-ID", "X-ExperimentalApi", "x-experimentalapi", "X-Force-Accept-Language", "X-Requested-With", "X-Tempo-Version",
		}},
		{"to Jira", lists.toJira, false, []string{
			"Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "User-Agent", "Origin", "Referer", "Upgrade", "HTTP2-Settings", "Trailer",
			"X-Forwarded-User", "X_Forwarded_User", "X-Forwarded-Port", "X_Forwarded_For", "Remote-User", "X-Remote-User", "X-Auth-Token",
			"X-Original-HTTP-Method", "X-HTTP-Method-Override", "X-HTTP-Method", "X-HTTP-Verb", "X-Method-Override", "X-Envoy-Original-Method",
			"X-Original-URL", "X-Rewrite-URL", "X-Real-IP", "Forwarded", "SM-UniversalID", "SM_USER", "X-WSSE", "X-Roles", "X-Groups", "X-Sudo",
			"X-SSL-Client-Cert", "X-Amzn-OIDC-Data", "Cf-Access-Jwt-Assertion", "X-Atlassian-Token", "X-Atlassian-Webhook-Identifier",
			"X-Atlassian-Account-Id", "Atlassian-Account-Id", "Sec-Fetch-Site", "X-AUSERNAME", "X-Seraph-LoginReason", "X-Api-Key", "Baggage",
			"Idempotency-Key", "Prefer", "From", "Content_Type", "If_Match", "X-Tempo_Version", "Transfer-Encoding", "Keep-Alive", "X-Anything",
			"Access-Control-Request-Method", "Content-User", "Accept-User", "If-User", "X-Jira-Token-Reason",
		}},
		{"to the client", lists.toClient, true, []string{
			"Content-Type", "Content-Disposition", "Content-Range", "ETag", "Last-Modified", "Cache-Control", "Expires", "Vary", "Age", "Date",
			"Accept-Ranges", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-FillRate", "X-RateLimit-Interval-Seconds", "RateLimit-Reason",
			"Beta-RateLimit-Policy", "X-Beta-RateLimit-Reason", "X-AREQUESTID", "atl-traceid", "Atl-Request-Id", "X-Trace-Id", "Link", "Location",
			"Content-Location", "Deprecation", "Sunset", "Warning", "X-Content-Type-Options", "Content-Security-Policy", "X-Tempo-Version",
		}},
		{"to the client", lists.toClient, false, []string{
			"Set-Cookie", "Set-Cookie2", "WWW-Authenticate", "Proxy-Authenticate", "Authentication-Info", "Remote-User", "X-AUSERNAME",
			"X-ASESSIONID", "X-AACCOUNTID", "X-Atlassian-Account-Id", "X-Seraph-LoginReason", "X-Authentication-Denied-Reason", "X-ANODEID",
			"Strict-Transport-Security", "NEL", "Report-To", "Reporting-Endpoints", "Alt-Svc", "Clear-Site-Data", "Refresh", "Server",
			"X-Powered-By", "Server-Timing", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers",
			"Public-Key-Pins", "Content-Security-Policy-Report-Only", "X-Jira-Token-Reason", "X-Jira-Token-Limited-By", "X-Jira-Token-Other",
			"Set_Cookie", "X-RateLimit-User", "Authorization", "Cookie", "X-Anything", "Trailer",
		}},
	} {
		for _, name := range c.names {
			in := http.Header{}
			in.Set(name, "x")
			if got := len(passing(in, c.list)) == 1; got != c.pass {
				t.Errorf("%s passes %s: %v, want %v", name, c.way, got, c.pass)
			}
		}
	}
	// Go does not canonicalize invalid names.
	if got := passing(http.Header{"accept": {"x"}, "Accept ": {"x"}, "": {"x"}}, lists.toJira); len(got) != 0 {
		t.Errorf("passes: %v", got)
	}
}

func TestMoreHeaders(t *testing.T) {
	for _, name := range []string{
		"X-Tempo-Version", "Idempotency-Key", "Prefer", "Baggage", "X-Correlation-ID", "X-B3-TraceId", "Atlassian-Transfer-Id", "X-Total-Count",
		"Accept", "X-Atlassian-Webhook-Retry", "X-Guid", "X-Path-Count", "X-Zephyr-Project", "If-Match",
	} {
		if _, err := newHeaderLists([]string{name}); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{
		"Authorization", "authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "Set-Cookie2", "WWW-Authenticate", "X-Forwarded-User",
		"X-Forwarded-For", "Forwarded", "Remote-User", "X-Remote-User", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Original-HTTP-Method",
		"X-HTTP-Verb", "X-Original-URL", "X-Rewrite-URL", "X-Real-IP", "True-Client-IP", "SM-UniversalID", "SM-User", "X-WSSE", "X-Roles", "X-Group",
		"X-AUSERNAME", "X-ASESSIONID", "X-AACCOUNTID", "X-Atlassian-Account-Id", "X-Seraph-LoginReason", "X-Atlassian-Token", "X-Api-Key", "X-JWT",
		"X-Amzn-Oidc-Identity", "X-SSL-Client-DN", "Sudo", "X-Uid", "From", "Origin", "Referer", "User-Agent", "Host", "X-Host", "Connection",
		"Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "HTTP2-Settings", "Proxy-Connection", "Content-Length", "Sec-Fetch-Site",
		"Access-Control-Allow-Origin", "Strict-Transport-Security", "NEL", "Report-To", "Alt-Svc", "Clear-Site-Data", "X-Jira-Token-Reason",
		"X-Jira-Token-Limited-By", "X-Sub-Principal", "X-Su", "*", "X-*", "", "X_Tempo", "X Tempo", "X-Tempo:", "X-Tempo,X-Other", "X-Témpo", "-X", "{env.X}",
	} {
		if _, err := newHeaderLists([]string{name}); err == nil || !strings.HasPrefix(err.Error(), "headers: ") {
			t.Errorf("headers %q: error %v", name, err)
		}
	}
}
