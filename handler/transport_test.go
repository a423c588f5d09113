package handler

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	loginPage       = `<!DOCTYPE html><html><head><title>Log in - Jira</title></head><body><form action="/login.jsp"><input name="os_username"></form></body></html>`
	maintenancePage = `<html><body><h1>We are down for maintenance</h1></body></html>`
)

// TestAnswersThatAreNotJiras: a BI tool must not store a login page or follow a
// redirect to one.
func TestAnswersThatAreNotJiras(t *testing.T) {
	const (
		search, file, avatar = "/rest/api/2/search", "/secure/attachment/1/x.html", "/secure/useravatar"
		content              = "/rest/api/3/attachment/content/1"
		rejected             = string(ReasonJiraRejectedAccount)
		unreachable          = string(ReasonJiraUnreachable)
	)
	type c struct {
		path   string
		answer *http.Response
		status int
		reason string
	}
	redirect := func(status int, to string) *http.Response { return answerOf(status, "", "Location", to) }
	page := func(status int, body string, headers ...string) *http.Response {
		return answerOf(status, body, append([]string{"Content-Type", "text/html;charset=UTF-8"}, headers...)...)
	}
	for name, c := range map[string]c{
		"identity provider":            {search, redirect(302, "https://id.atlassian.com/login?continue=x"), 502, rejected},
		"identity provider, 301":       {search, redirect(301, "https://login.microsoftonline.com/x/saml2"), 502, rejected},
		"identity provider, 303":       {search, redirect(303, "https://sso.example.com/"), 502, rejected},
		"identity provider, 307":       {search, redirect(307, "https://corp.example.com/adfs/ls/?SAMLRequest=x"), 502, rejected},
		"identity provider, 308":       {search, redirect(308, "https://corp.okta.com/app/x"), 502, rejected},
		"no scheme":                    {search, redirect(302, "//id.example.com/login"), 502, rejected},
		"own login":                    {search, redirect(302, "https://jira.example.com/jira/login.jsp?os_destination=%2Frest"), 502, rejected},
		"own login, relative":          {search, redirect(302, "/jira/login.jsp"), 502, rejected},
		"own login, more relative":     {search, redirect(302, "../../../login.jsp"), 502, rejected},
		"own login, by Host":           {search, redirect(302, "http://gateway.example.com/jira/login.jsp"), 502, rejected},
		"own login of Cloud":           {search, redirect(302, "/login?dest-url=x"), 502, rejected},
		"own SAML":                     {search, redirect(302, "/jira/plugins/servlet/samlsso?redirectTo=x"), 502, rejected},
		"permission":                   {file, redirect(302, "/jira/login.jsp?permissionViolation=true&os_destination=x"), 502, rejected},
		"download, identity provider":  {content, redirect(303, "https://id.atlassian.com/login"), 502, rejected},
		"avatar, identity provider":    {avatar, redirect(302, "https://idp.example.com/x"), 502, rejected},
		"login beside the API":         {search, redirect(302, "login.jsp"), 502, rejected},
		"dot":                          {search, redirect(302, "."), 502, unreachable},
		"dots":                         {search, redirect(302, ".."), 502, unreachable},
		"escaped dots":                 {search, redirect(302, "/jira/rest/api/2/%2e%2e/x"), 502, unreachable},
		"login behind dots":            {search, redirect(302, "/jira/rest/api/2/../../login.jsp"), 502, rejected},
		"login behind more dots":       {search, redirect(302, "/jira/rest/api/2/../../../login.jsp"), 502, rejected},
		"backslashes":                  {search, redirect(302, `\\evil.example\x`), 502, unreachable},
		"slash, backslash":             {file, redirect(302, `/\evil.example/login`), 502, rejected},
		"three slashes":                {search, redirect(302, "///evil.example/jira/rest/x"), 502, unreachable},
		"no host":                      {file, redirect(302, "https:evil.example/x"), 502, unreachable},
		"activity, dashboard":          {"/activity", redirect(302, "/jira/secure/Dashboard.jspa"), 502, unreachable},
		"activity, SAML":               {"/activity", redirect(302, "/jira/plugins/servlet/samlconsumer"), 502, rejected},
		"activity, external login":     {"/activity", redirect(302, "/jira/plugins/servlet/external-login"), 502, rejected},
		"activity, backslash":          {"/activity", redirect(302, `/\evil.example/x`), 502, unreachable},
		"activity, three slashes":      {"/activity", redirect(302, "///evil.example/x"), 502, unreachable},
		"activity":                     {"/activity", redirect(302, "/jira/activity"), 302, ""},
		"download, part of a host":     {content, redirect(302, "https://mylogin.example.com/x"), 502, rejected},
		"download, part of a path":     {content, redirect(302, "https://www.example.com/nidp2/webauth.do"), 502, rejected},
		"download, PingFederate":       {file, redirect(302, "https://pingfederate1.example.com/x"), 502, rejected},
		"download, an image's name":    {content, redirect(302, "https://cdn.example.com/x/login.png"), 302, ""},
		"other site":                   {search, redirect(302, "https://www.example.com/"), 502, unreachable},
		"other scheme":                 {search, redirect(301, "ftp://jira.example.com/jira/rest/api/2/search"), 502, unreachable},
		"other port":                   {search, redirect(301, "https://jira.example.com:8443/jira/rest/api/2/search"), 502, unreachable},
		"user in the URL":              {search, redirect(301, "https://jira.example.com@evil.example/jira/rest/api/2/search"), 502, unreachable},
		"errors page":                  {search, redirect(302, "/jira/secure/errors.jsp"), 502, unreachable},
		"dashboard":                    {search, redirect(302, "/jira/secure/Dashboard.jspa"), 502, unreachable},
		"outside the context":          {search, redirect(302, "/rest/api/2/search"), 502, unreachable},
		"no location":                  {search, answerOf(302, ""), 502, unreachable},
		"no URL":                       {search, redirect(302, "http://[x"), 502, unreachable},
		"media for JSON":               {search, redirect(303, "https://media.example.com/file/1/binary?token=x"), 502, unreachable},
		"plain media":                  {content, redirect(303, "http://media.example.com/file/1/binary?token=x"), 502, unreachable},
		"media":                        {content, redirect(303, "https://api.media.atlassian.com/file/1/binary?token=x&name=login.png"), 303, ""},
		"media for JSM":                {"/rest/servicedeskapi/request/A-1/attachment/2", redirect(303, "https://api.media.atlassian.com/file/1/binary?token=x"), 303, ""},
		"media for a file":             {file, redirect(302, "https://api.media.atlassian.com/file/1/binary?token=x"), 302, ""},
		"avatar":                       {avatar, redirect(302, "https://secure.gravatar.com/avatar/1?d=https%3A%2F%2Fid.example.com%2Flogin"), 302, ""},
		"own REST":                     {search, redirect(301, "https://jira.example.com/jira/rest/api/2/search/"), 301, ""},
		"own REST, relative":           {search, redirect(303, "/jira/rest/api/2/search/1"), 303, ""},
		"own REST, by Host":            {search, redirect(302, "http://gateway.example.com/jira/rest/api/2/search/"), 302, ""},
		"own file":                     {file, redirect(302, "/jira/secure/attachment/1/y"), 302, ""},
		"login page":                   {search, page(200, loginPage), 502, rejected},
		"login page, 203":              {search, page(203, loginPage), 502, rejected},
		"password field":               {search, page(200, `<html><form><input TYPE="Password"></form>`), 502, rejected},
		"maintenance":                  {search, page(200, maintenancePage), 502, unreachable},
		"fragment":                     {search, page(200, "<h1>It works!</h1>"), 502, unreachable},
		"XHTML":                        {search, answerOf(200, maintenancePage, "Content-Type", "application/xhtml+xml"), 502, unreachable},
		"page without type":            {search, answerOf(200, " \r\n<!doctype HTML><p>"), 502, unreachable},
		"page as text":                 {search, answerOf(200, maintenancePage, "Content-Type", "text/plain"), 502, unreachable},
		"bad type":                     {search, answerOf(200, maintenancePage, "Content-Type", "text/html; ;"), 502, unreachable},
		"download, login page":         {file, page(200, loginPage), 502, rejected},
		"avatar, login page":           {avatar, page(200, loginPage), 502, rejected},
		"HTML attachment":              {file, page(200, loginPage, "Content-Disposition", `attachment; filename="x.html"`), 200, ""},
		"inline HTML":                  {file, page(200, "<html><p>notes"), 200, ""},
		"HTML export":                  {search, page(200, maintenancePage, "Content-Disposition", "attachment; filename=x.html"), 200, ""},
		"rendered":                     {"/rest/api/1.0/render", page(200, "<p>x</p>"), 200, ""},
		"text":                         {search, answerOf(200, "x <html>", "Content-Type", "text/plain"), 200, ""},
		"page as JSON":                 {search, answerOf(200, "\xef\xbb\xbf\r\n"+loginPage, "Content-Type", "application/json"), 502, rejected},
		"page, two types":              {search, answerOf(200, loginPage, "Content-Type", "text/html,application/json"), 502, rejected},
		"page, quoted type":            {search, answerOf(200, loginPage, "Content-Type", `"text/html"`), 502, rejected},
		"page as bytes":                {search, answerOf(200, maintenancePage, "Content-Type", "application/octet-stream"), 502, unreachable},
		"page as anything":             {search, answerOf(200, maintenancePage, "Content-Type", "*/*"), 502, unreachable},
		"page as html":                 {search, answerOf(200, "It works", "Content-Type", "html"), 502, unreachable},
		"page as XML":                  {search, answerOf(200, "<?xml version='1.0'?><!-- x --><HTML lang=en>", "Content-Type", "application/xml"), 502, unreachable},
		"page with a comment":          {search, answerOf(200, "<!-- x --><p>"), 502, unreachable},
		"head without type":            {search, answerOf(200, "<head><title>x"), 502, unreachable},
		"script without type":          {search, answerOf(200, "<script>location='/login.jsp'</script>"), 502, rejected},
		"XHTML without type":           {search, answerOf(200, `<?xml version="1.0"?><html>`), 502, unreachable},
		"XML":                          {search, answerOf(200, `<?xml version="1.0"?><issue/>`, "Content-Type", "application/xml"), 200, ""},
		"page of a 404 as JSON":        {search, answerOf(404, maintenancePage, "Content-Type", "application/json"), 404, ""},
		"ScriptRunner":                 {"/rest/scriptrunner/latest/custom/x", page(200, "<p>x</p>"), 200, ""},
		"ScriptRunner, login page":     {"/rest/scriptrunner/latest/custom/x", page(200, loginPage), 502, rejected},
		"rendered, login page":         {"/rest/api/1.0/render", page(200, loginPage), 502, rejected},
		"own page with a password":     {content, page(200, `<html><title>Login</title><input type="password">`), 200, ""},
		"nothing":                      {search, answerOf(200, ""), 200, ""},
		"no content":                   {search, answerOf(204, "", "Content-Type", "text/html"), 204, ""},
		"CSV":                          {search, answerOf(200, "a,b", "Content-Type", "text/csv"), 200, ""},
		"SVG":                          {"/rest/api/2/universal_avatar/view/type/project", answerOf(200, "<svg/>", "Content-Type", "image/svg+xml"), 200, ""},
		"created":                      {search, answerOf(201, "{}", "Content-Type", "application/json", "Location", "https://id.example.com/x"), 201, ""},
		"not modified":                 {search, answerOf(304, ""), 304, ""},
		"401":                          {search, page(401, loginPage), 502, rejected},
		"407":                          {search, page(407, "x"), 502, unreachable},
		"511":                          {search, page(511, "x"), 502, unreachable},
		"anonymous":                    {search, answerOf(200, "{}", "Content-Type", "application/json", "X-Seraph-Loginreason", "OUT"), 502, rejected},
		"page of a 404":                {search, page(404, `<html>ajs-remote-user svc`), 404, ""},
		"page of a 503":                {search, page(503, maintenancePage, "Retry-After", "60"), 503, ""},
		"page of a 404 for a download": {file, page(404, "<html>"), 404, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExchange(t, "https://jira.example.com/jira")
			x.answer = func(*http.Request) (*http.Response, error) { return c.answer, nil }
			got := x.send("GET", "http://gateway.example.com"+c.path, nil)
			body, _ := io.ReadAll(got.Body)
			if got.StatusCode != c.status || got.Header.Get(headerReason) != c.reason {
				t.Errorf("got %d %s %s", got.StatusCode, got.Header.Get(headerReason), body)
			}
			if c.reason != "" && (got.Header.Get("Location") != "" || !strings.HasPrefix(string(body), `{"errorMessages":[`)) {
				t.Errorf("got %v %s", got.Header, body)
			}
			if strings.Contains(name, "page of a") && !strings.Contains(c.path, "secure") && !strings.HasPrefix(string(body), `{"errorMessages":["Jira, or`) {
				t.Errorf("got %s", body)
			}
			if status := c.answer.StatusCode; status == 503 && got.Header.Get("Retry-After") != "60" {
				t.Errorf("got %v", got.Header)
			}
			// A single response must not affect other requests.
			if x.app.account.Refusal() != nil {
				t.Error("the gateway backs off from the account")
			}
		})
	}
}

// TestLocationOfTheGateway: links keep Jira's context path if the client sent it,
// because without it another handler may serve the same path.
func TestLocationOfTheGateway(t *testing.T) {
	const own = "https://jira.example.com/jira"
	for _, c := range []struct{ path, location, want string }{
		{"/rest/api/2/x", own + "/rest/api/2/y?a=b", "http://gateway.example.com/rest/api/2/y?a=b"},
		{"/rest/api/2/x", "/jira/rest/api/2/y?a=b#c", "http://gateway.example.com/rest/api/2/y?a=b#c"},
		{"/rest/api/2/x", "http://gateway.example.com/jira/rest/api/2/y", "http://gateway.example.com/rest/api/2/y"},
		{"/rest/api/2/x", "y%20z?a=b", "y%20z?a=b"},
		{"/jira/rest/api/2/x", own + "/rest/api/2/y", "http://gateway.example.com/jira/rest/api/2/y"},
		{"/jira/rest/api/2/x", "/jira/rest/api/2/y%20z", "http://gateway.example.com/jira/rest/api/2/y%20z"},
		{"/jira/rest/api/2/x", "http://gateway.example.com/jira/rest/api/2/y", "http://gateway.example.com/jira/rest/api/2/y"},
		{"/jira/rest/api/2/x", "https://gateway.example.com/jira/rest/api/2/y", "http://gateway.example.com/jira/rest/api/2/y"},
	} {
		x := newExchange(t, own)
		x.answer = func(*http.Request) (*http.Response, error) {
			return answerOf(201, `{"self":"`+own+`/rest/api/2/y"}`, "Location", c.location, "Content-Type", "application/json"), nil
		}
		got := x.send("GET", "http://gateway.example.com"+c.path, nil)
		if location := got.Header.Get("Location"); location != c.want {
			t.Errorf("%s, Location %s: got %q, want %q", c.path, c.location, location, c.want)
		}
		body, _ := io.ReadAll(got.Body)
		want := `{"self":"http://gateway.example.com` + strings.TrimSuffix(c.path, "x") + `y"}`
		if string(body) != want {
			t.Errorf("%s: got %s, want %s", c.path, body, want)
		}
	}
}

// TestSecretsInHeaders: clients get neither the account's session nor passwords in
// URLs, whether links are rewritten or not.
func TestSecretsInHeaders(t *testing.T) {
	const issue, file = "/rest/api/2/x", "/secure/attachment/1/x"
	for _, c := range []struct {
		path              string
		status            int
		name, value, want string
	}{
		{issue, 201, "Location", "/rest/api/3/issue/ABC-2;jsessionid=SECRET", "/rest/api/3/issue/ABC-2"},
		{issue, 303, "Location", "/rest/api/3/issue/ABC-2;JSESSIONID=SECRET.node1?a=b", "/rest/api/3/issue/ABC-2?a=b"},
		{issue, 303, "Location", "https://jira.example.com/rest/a;jsessionid=SECRET/b", "/rest/a/b"},
		{issue, 200, "Content-Location", "http://up/rest/x;jsessionid=SECRET", "http://up/rest/x"},
		{issue, 200, "Content-Location", "http://svc:SECRET@up/rest/x", "http://up/rest/x"},
		{issue, 200, "Link", `<https://svc:SECRET@x/>; rel=a, </rest/y;jsessionid=SECRET>; rel="b"`, `<https://x/>; rel=a, </rest/y>; rel="b"`},
		{issue, 201, "Location", "//svc:SECRET@x/y@z", "//x/y@z"},
		{file, 302, "Location", "https://svc:SECRET@files.example.com/1", ""},
		{issue, 404, "Location", "/login.jsp", ""},
		{issue, 200, "Location", "/rest/api/2/y", ""},
	} {
		for _, rewrite := range []bool{true, false} {
			x := newExchange(t, "https://jira.example.com", func(t *Transport) { t.RewriteLinks = &rewrite })
			x.answer = func(*http.Request) (*http.Response, error) {
				return answerOf(c.status, "", c.name, c.value), nil
			}
			got := x.send("GET", "http://gateway.example.com"+c.path, nil)
			for _, base := range []string{"http://gateway.example.com", "https://jira.example.com"} {
				for name, values := range got.Header {
					for i := range values {
						got.Header[name][i] = strings.ReplaceAll(values[i], base, "")
					}
				}
			}
			if value := got.Header.Get(c.name); value != c.want {
				t.Errorf("%s %q, rewritten %v: got %q, want %q", c.name, c.value, rewrite, value, c.want)
			}
		}
	}
}

// TestLinksOutsideJSON: Data Center also returns XML and JSONP, whose links must not
// bypass the gateway.
func TestLinksOutsideJSON(t *testing.T) {
	const jiraURL, gateway = "https://jira.example.com/rest/", "http://gateway.example.com/rest/"
	for _, c := range []struct{ contentType, body string }{
		{"application/xml", `<?xml version="1.0"?><issue self="` + jiraURL + `x"><a href='` + jiraURL + `y'/><url>` + jiraURL + `z</url></issue>`},
		{"text/xml; charset=UTF-8", `<url>` + jiraURL + `z</url>`},
		{"application/atom+xml", `<link href="` + jiraURL + `z"/>`},
		{"application/javascript", `callback({"self":"` + jiraURL + `x"})`},
		{"text/javascript;charset=UTF-8", `callback({"self":"` + jiraURL + `x"})`},
		{"application/ecmascript", `callback({"self":"` + jiraURL + `x"})`},
		{"application/x-ndjson", `{"self":"` + jiraURL + `x"}` + "\n" + `{"self":"` + jiraURL + `y"}` + "\n"},
		{"text/plain;charset=UTF-8", ` [{"self":"` + jiraURL + `x"}]`},
		{"text/json", `{"self":"` + jiraURL + `x"}`},
		{"application/hal+json", `{"self":"` + jiraURL + `x"}`},
	} {
		x := newExchange(t, "https://jira.example.com")
		x.answer = func(*http.Request) (*http.Response, error) {
			return answerOf(200, c.body, "Content-Type", c.contentType, "Etag", `"1"`), nil
		}
		got := x.send("GET", "http://gateway.example.com/rest/api/2/x", nil)
		body, _ := io.ReadAll(got.Body)
		if want := strings.ReplaceAll(c.body, jiraURL, gateway); string(body) != want || got.Header.Get("Etag") != `W/"1"` {
			t.Errorf("%s: got %s %v", c.contentType, body, got.Header)
		}
	}
}

// TestRetryForgetsTheDenial: a denial of the proxy's first attempt is not the
// outcome of the request.
func TestRetryForgetsTheDenial(t *testing.T) {
	x := newExchange(t, "https://jira.example.com")
	d := &Decision{Account: x.app.account, Record: x.app.record, publicURL: "http://gateway.example.com", headers: x.handler.headers}
	r := httptest.NewRequest("GET", "https://jira.example.com/rest/api/2/x", nil)
	r = r.WithContext(withDecision(r.Context(), d))
	for _, c := range []struct {
		answer *http.Response
		denied bool
	}{
		{answerOf(200, maintenancePage, "Content-Type", "text/html"), true},
		{answerOf(200, "{}", "Content-Type", "application/json"), false},
	} {
		x.answer = func(*http.Request) (*http.Response, error) { return c.answer, nil }
		if _, err := x.transport.RoundTrip(r); err != nil || (d.denied != nil) != c.denied {
			t.Errorf("%v, %v", err, d.denied)
		}
	}
}

// TestTransportOfOtherAccounts: the transport sends no account's credential to a Jira
// that the account is not for, whatever the handler in front of it says.
func TestTransportOfOtherAccounts(t *testing.T) {
	for name, c := range map[string]struct {
		accounts []string
		site     string // of a stored account
		want     Reason
	}{
		"all":              {nil, "", ""},
		"its own":          {[]string{"other", "default"}, "", ""},
		"others":           {[]string{"other"}, "", ReasonPathDenied},
		"stored":           {[]string{"other"}, "https://JIRA.example.com/", ""},
		"stored elsewhere": {nil, "https://jira.example.com/jira", ReasonPathDenied},
	} {
		x := newExchange(t, "https://jira.example.com", func(t *Transport) { t.Accounts = c.accounts })
		if c.site != "" {
			x.handler.app = x.app.withAccount(jira.NewAccount("default", jira.Bearer("secret"), jira.AccountOptions{Site: c.site}))
		}
		x.answer = func(*http.Request) (*http.Response, error) {
			return answerOf(http.StatusOK, "{}", "Content-Type", "application/json"), nil
		}
		got := x.send("GET", "http://gateway.example.com"+issuePath, nil)
		if Reason(got.Header.Get(headerReason)) != c.want || (len(x.seen) == 0) != (c.want != "") {
			t.Errorf("%s: got %d %v, and %d requests reached Jira", name, got.StatusCode, got.Header, len(x.seen))
		}
	}
}

// TestOwnAccounts checks that a token with the account own is sent with its owner's
// credential for this Jira, or not at all.
func TestOwnAccounts(t *testing.T) {
	for name, c := range map[string]struct {
		owner, url string
		want       Reason
	}{
		"the owner's":  {"alice", ownAccountJira, ""},
		"somebody's":   {"bob", ownAccountJira, ReasonJiraRejectedAccount},
		"another Jira": {"alice", "https://other.example.com", ReasonJiraRejectedAccount},
	} {
		x := newExchange(t, c.url, func(t *Transport) { t.Accounts = []string{"other"} })
		x.handler.Accounts = []string{"other"} // which is about configured accounts
		x.app.record.Account = token.OwnAccount
		x.transport.app = ownerApp{x.app, c.owner}
		x.answer = func(r *http.Request) (*http.Response, error) {
			if got := r.Header.Get("Authorization"); got != "Bearer own-secret" {
				t.Errorf("%s: Jira got %q", name, got)
			}
			return answerOf(http.StatusOK, "{}", "Content-Type", "application/json"), nil
		}
		got := x.send("GET", "http://gateway.example.com"+issuePath, nil)
		if Reason(got.Header.Get(headerReason)) != c.want || (len(x.seen) == 0) != (c.want != "") {
			t.Errorf("%s: got %d %v, and %d requests reached Jira", name, got.StatusCode, got.Header, len(x.seen))
		}
	}
	// A refused own credential: the response says what to do.
	x := newExchange(t, ownAccountJira)
	x.app.record.Account = token.OwnAccount
	x.transport.app = ownerApp{x.app, "alice"}
	x.answer = func(*http.Request) (*http.Response, error) { return answerOf(http.StatusUnauthorized, "{}"), nil }
	got := x.send("GET", "http://gateway.example.com"+issuePath, nil)
	body, err := io.ReadAll(got.Body)
	if got.Header.Get(headerReason) != string(ReasonJiraRejectedAccount) || !strings.Contains(string(body), "account add|replace --owner") {
		t.Errorf("%v %s, %v", got.Header, body, err)
	}
}

// TestSmallAnswersKeepALength: a small response that arrives at once need not be
// chunked, though its beginning is looked at and its links are mapped.
func TestSmallAnswersKeepALength(t *testing.T) {
	for _, size := range []int{100, 511, 512, 513, 2000, 8000} {
		x := newExchange(t, "https://jira.example")
		body := `{"self":"https://jira.example/rest/api/2/issue/1","text":"` + strings.Repeat("x", size-60) + `"}`
		x.answer = func(*http.Request) (*http.Response, error) {
			response := answerOf(http.StatusOK, body, "Content-Type", "application/json")
			response.Body = io.NopCloser(&atOnce{strings.NewReader(body)})
			return response, nil
		}
		response := x.send("GET", "http://gateway.example/rest/api/2/issue/1", nil)
		got, err := io.ReadAll(response.Body)
		if err != nil || response.Header.Get("Content-Length") != strconv.Itoa(len(got)) || !strings.HasPrefix(string(got), `{"self":"http://gateway.example/rest/`) {
			t.Errorf("%d bytes: Content-Length %q, %v, %.60s", len(got), response.Header.Get("Content-Length"), err, got)
		}
	}
}

// atOnce ends together with its last byte, as net/http's bodies do.
type atOnce struct{ *strings.Reader }

func (r *atOnce) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if r.Len() == 0 {
		err = io.EOF
	}
	return n, err
}
