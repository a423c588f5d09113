package handler

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestCredentials(t *testing.T) {
	app := newToken(token.New(), token.ScopeRead)
	app.record.Owner = "jürgen@example.com"
	secret := app.Reveal()
	latin1 := "j\xfcrgen@example.com"
	raw := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, test := range map[string]struct {
		value string
		want  Reason
		says  string
	}{
		"UTF-8":                  {value: basicOf("jürgen@example.com", secret)},
		"another case":           {value: basicOf("JÜRGEN@example.com", secret)},
		"ISO-8859-1":             {value: basicOf(latin1, secret)},
		"ISO-8859-1, upper case": {value: basicOf("J\xdcRGEN@EXAMPLE.COM", secret)},
		"ISO-8859-1, other":      {value: basicOf("j\xf6rgen@example.com", secret), want: ReasonInvalidToken},
		"newline":                {value: raw("jürgen@example.com:" + secret + "\n")},
		"CRLF":                   {value: raw("jürgen@example.com:" + secret + "\r\n")},
		"two newlines":           {value: raw("jürgen@example.com:" + secret + "\n\n"), want: ReasonInvalidToken},
		"space":                  {value: raw("jürgen@example.com:" + secret + " "), want: ReasonInvalidToken},
		"newline in the middle":  {value: raw("jürgen@example.com\n:" + secret), want: ReasonInvalidToken},
		"ISO-8859-1 and newline": {value: raw(latin1 + ":" + secret + "\n")},
		"bearer":                 {value: "Bearer " + secret},
		"password":               {value: basicOf("jürgen@example.com", "hunter2"), want: ReasonInvalidToken, says: "Only this gateway's API tokens work here"},
		"Jira's own token":       {value: "Bearer NjA3NzE1MDk4MjE0OnVuaXQ", want: ReasonInvalidToken, says: "Only this gateway's API tokens work here"},
		"damaged":                {value: basicOf("jürgen@example.com", swapLast(secret)), want: ReasonInvalidToken, says: "not valid"},
		"unknown":                {value: basicOf("jürgen@example.com", token.New().Reveal()), want: ReasonInvalidToken, says: "not valid"},
		"wrong owner":            {value: basicOf("bob", secret), want: ReasonInvalidToken, says: "not valid"},
		"token as user name":     {value: basicOf(secret, ""), want: ReasonInvalidToken, says: "not valid"},
		"none":                   {value: "", want: ReasonNoCredentials},
		"another scheme":         {value: "Digest x", want: ReasonNoCredentials},
	} {
		r := httptest.NewRequest(http.MethodGet, issuePath, nil)
		r.Header["Authorization"] = []string{test.value}
		denied := newHandler(t, app, frontAPI, passwordsDeny).authenticate(r, made(nil))
		if reasonOf(denied) != test.want || denied != nil && !strings.Contains(denied.message, test.says) {
			t.Errorf("%s: %+v, want %q and the message %q", name, denied, test.want, test.says)
		}
	}
}

// TestPasswordsOfASite: in front of a whole site, passwords are denied wherever Data
// Center accepts them, and sessions pass untouched.
func TestPasswordsOfASite(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		method, target, authorization, contentType, body string
		want                                             Reason
	}{
		"session":               {method: "GET", target: "/secure/Dashboard.jspa"},
		"Basic":                 {method: "GET", target: issuePath, authorization: basicOf("a", "b"), want: ReasonPasswordRefused},
		"Bearer":                {method: "GET", target: issuePath, authorization: "Bearer abc", want: ReasonPasswordRefused},
		"single sign-on":        {method: "GET", target: issuePath, authorization: "Negotiate abc"},
		"query":                 {method: "GET", target: issuePath + "?os_username=a&os_password=b", want: ReasonPasswordRefused},
		"query, single sign-on": {method: "GET", target: issuePath + "?os_username=a", authorization: "Negotiate abc", want: ReasonPasswordRefused},
		"bearer in the query":   {method: "GET", target: issuePath + "?Access%5Ftoken=abc", want: ReasonPasswordRefused},
		"bearer in a form":      {method: "POST", target: "/rest/api/2/search", contentType: form, body: "access_token=abc", want: ReasonPasswordRefused},
		"Connect's iframe":      {method: "GET", target: "/plugins/servlet/ac/app/page?jwt=abc"},
		"application link":      {method: "GET", target: "/plugins/servlet/oauth/authorize?oauth_token=abc"},
		"session's own token":   {method: "GET", target: "/secure/Logout!default.jspa?atl_token=abc"},
		"login":                 {method: "POST", target: "/rest/auth/1/session", want: ReasonPasswordRefused},
		"form":                  {method: "POST", target: "/rest/api/2/search", contentType: form, body: "jql=x&os_username=a&os_password=b", want: ReasonPasswordRefused},
		"form, single sign-on":  {method: "POST", target: "/rest/api/2/search", authorization: "Negotiate abc", contentType: form, body: "os_username=a", want: ReasonPasswordRefused},
		"form, encoded":         {method: "POST", target: "/rest/api/2/search", contentType: form + ";charset=UTF-8", body: "os%5Fusername=a", want: ReasonPasswordRefused},
		"form, late":            {method: "POST", target: "/rest/api/2/search", contentType: form, body: "a=" + strings.Repeat("x", 100<<10) + "&os_username=a", want: ReasonPasswordRefused},
		"form, huge":            {method: "POST", target: "/rest/api/2/search", contentType: form, body: "a=" + strings.Repeat("x", maxSiteForm), want: ReasonAmbiguousRequest},
		"form, UTF-16":          {method: "POST", target: "/rest/api/2/search", contentType: form + ";charset=UTF-16", body: "x", want: ReasonAmbiguousRequest},
		"form, odd path":        {method: "POST", target: "/x/..;/rest/api/2/search", contentType: form, body: "os_username=a", want: ReasonPasswordRefused},
		"form, hidden path":     {method: "POST", target: "/rest/api/2/search/..%2f..%2f..%2fgadget/1.0/login", contentType: form, body: "os_username=a", want: ReasonPasswordRefused},
		"form, harmless":        {method: "POST", target: "/rest/issueNav/1/issueTable", contentType: form, body: "jql=x"},
		"JSON":                  {method: "POST", target: "/rest/api/2/search", contentType: "application/json", body: "os_username=a"},
		"login page":            {method: "POST", target: "/login.jsp", contentType: form, body: "os_username=a&os_password=b"},
		"login gadget":          {method: "POST", target: "/rest/gadget/1.0/login", contentType: form, body: "os_username=a&os_password=b"},
	} {
		r := httptest.NewRequest(test.method, test.target, strings.NewReader(test.body))
		for name, value := range map[string]string{"Authorization": test.authorization, "Content-Type": test.contentType} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		d := made(nil)
		app := newToken(token.New(), token.ScopeRead)
		if got := reasonOf(newHandler(t, app, frontSite, passwordsDeny).authenticate(r, d)); got != test.want || d.passThrough != (got == "") {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		d = made(nil)
		if newHandler(t, app, frontSite, passwordsPass).authenticate(r, d); !d.passThrough {
			t.Errorf("%s: denied although passwords may pass", name)
		}
	}
}
