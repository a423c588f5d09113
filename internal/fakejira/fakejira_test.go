package fakejira

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

func TestOperationsArePublished(t *testing.T) {
	file, err := os.Open("../../jira/operations.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	parameter := regexp.MustCompile(`\{[^}]*\}`)
	published := map[string]map[string]bool{}
	for _, row := range rows[1:] {
		name := row[1] + " " + parameter.ReplaceAllString(row[2], "{}")
		if published[name] == nil {
			published[name] = map[string]bool{}
		}
		published[name][row[0]] = true
	}
	outside := map[string]bool{
		"GET /_edge/tenant_info": true, "POST /oauth/token": true, "GET /secure/attachment/{id}/{name}": true,
		"GET /secure/thumbnail/{id}/{name}": true, "GET /browse/{key}": true, "GET /secure/viewavatar": true,
		"GET /secure/projectavatar": true, "GET /secure/useravatar": true, "GET /images/icons/{kind}/{name}": true,
	}
	dresses(t, func(t *testing.T, dress Dress) {
		operations := New(Options{Dress: dress}).Operations()
		for _, op := range operations {
			name := op.Method + " " + op.Template
			if !strings.HasPrefix(op.Template, "/rest/") {
				if !outside[name] {
					t.Errorf("%s is neither under /rest nor listed here", name)
				}
				continue
			}
			products := published[parameter.ReplaceAllString(name, "{}")]
			var needed []string
			switch {
			case dress == DataCenter:
				needed = []string{"dc"}
			case strings.HasPrefix(op.Template, "/rest/agile/"):
				needed = []string{"cloud-agile"}
			default:
				needed = []string{"cloud-v2"}
				if !published[parameter.ReplaceAllString(strings.Replace(name, "/api/2/", "/api/3/", 1), "{}")]["cloud-v3"] {
					t.Errorf("%s is not published for version 3", name)
				}
			}
			for _, product := range needed {
				if !products[product] {
					t.Errorf("%s is not published for %s", name, product)
				}
			}
		}
	})
}

func TestAccounts(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress})
		me := j.want(200, "GET", "/rest/api/2/myself", "")
		if got := me.json(t)["displayName"]; got != "Service Account" {
			t.Errorf("displayName = %v", got)
		}
		j.want(200, "GET", "/rest/api/latest/myself", "", header("Authorization", "Bearer "+DefaultBearer))
		wrong := j.want(401, "GET", "/rest/api/2/myself", "", basic(j.user, "wrong"))
		if got := wrong.Header.Get("X-Seraph-LoginReason"); got != "AUTHENTICATED_FAILED" {
			t.Errorf("X-Seraph-LoginReason = %q", got)
		}
		for _, value := range []string{"Bearer wrong", "Basic ///", "Basic", "Nonsense x", "Basic /w=="} {
			j.want(401, "GET", "/rest/api/2/myself", "", header("Authorization", value))
		}
		j.want(401, "GET", "/rest/api/2/search?jql=", "", anonymous)
		j.want(200, "GET", "/rest/api/2/serverInfo", "", anonymous)
		j.want(401, "GET", "/rest/api/2/serverInfo", "", basic(j.user, "wrong"))

		j.SetAccounts([]Account{{User: j.user, Secret: "new", ReadOnly: true}})
		j.want(401, "GET", "/rest/api/2/myself", "")
		j.want(200, "GET", "/rest/api/2/myself", "", basic(j.user, "new"))
		j.want(403, "DELETE", "/rest/api/2/issue/DEMO-1", "", basic(j.user, "new"))
	})
}

func TestFaults(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress})
		j.SetFaults(Faults{AnonymousFallback: "OUT"})
		empty := j.want(200, "GET", "/rest/api/2/search?jql=project=DEMO", "", basic(j.user, "wrong"))
		if empty.json(t)["total"] != 0.0 || empty.Header.Get("X-Seraph-LoginReason") != "OUT" {
			t.Errorf("anonymous search: %v %s", empty.Header, empty.body)
		}
		j.want(404, "GET", "/rest/api/2/issue/DEMO-1", "", anonymous)
		j.want(401, "GET", "/rest/api/2/myself", "", basic(j.user, "wrong"))
		j.want(401, "POST", "/rest/api/2/issue", "{}", anonymous)

		j.SetFaults(Faults{Captcha: true})
		captcha := j.want(403, "GET", "/rest/api/2/myself", "")
		if got := captcha.Header.Get("X-Authentication-Denied-Reason"); got != "CAPTCHA_CHALLENGE; login-url="+j.url+"/login.jsp" {
			t.Errorf("X-Authentication-Denied-Reason = %q", got)
		}
		j.SetFaults(Faults{BasicDisabled: true})
		disabled := j.want(403, "GET", "/rest/api/2/myself", "")
		if !bytes.Contains(disabled.body, []byte("Basic Authentication has been disabled on this instance.")) {
			t.Errorf("body %s", disabled.body)
		}
		j.want(200, "GET", "/rest/api/2/myself", "", header("Authorization", "Bearer "+DefaultBearer))

		j.SetFaults(Faults{RateLimit: &RateLimit{After: 1, RetryAfter: 7}})
		j.want(200, "GET", "/rest/api/2/myself", "", header("Authorization", "Bearer "+DefaultBearer))
		limited := j.want(429, "GET", "/rest/api/2/myself", "", header("Authorization", "Bearer "+DefaultBearer))
		for name, want := range map[string]string{
			"Retry-After": "7", "X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "0",
			"X-RateLimit-FillRate": "1", "X-RateLimit-Interval-Seconds": "10",
		} {
			if got := limited.Header.Get(name); got != want {
				t.Errorf("%s = %q, want %q", name, got, want)
			}
		}
		j.SetFaults(Faults{Status: 503})
		j.want(503, "GET", "/rest/api/2/myself", "")
		j.SetFaults(Faults{Intercept: func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(418); return true }})
		j.want(418, "GET", "/rest/api/2/myself", "")
		j.SetFaults(Faults{SearchRemoved: true})
		if dress == Cloud {
			j.want(410, "GET", "/rest/api/2/search?jql=", "", header("Authorization", "Bearer "+DefaultBearer))
		}
	})
}

func TestSessionsWin(t *testing.T) {
	j := start(t, Options{Dress: DataCenter, Accounts: []Account{
		{User: "one", Secret: "1", Bearer: "b1"}, {User: "two", Secret: "2"},
	}})
	first := j.want(200, "GET", "/rest/api/2/myself", "", basic("one", "1"))
	if first.Header.Get("X-AUSERNAME") != "one" || first.Header.Get("X-ASESSIONID") == "" || first.Header.Get("X-AREQUESTID") == "" {
		t.Errorf("headers %v", first.Header)
	}
	var cookie string
	for _, c := range first.Cookies() {
		if c.Name == "JSESSIONID" {
			cookie = c.Value
		}
	}
	if cookie == "" {
		t.Fatal("no session cookie")
	}
	crossed := j.want(200, "GET", "/rest/api/2/myself", "", basic("two", "2"), header("Cookie", "JSESSIONID="+cookie))
	if got := crossed.json(t)["name"]; got != "one" {
		t.Errorf("with one's cookie and two's credentials Jira saw %v", got)
	}
	unknown := j.want(200, "GET", "/rest/api/2/myself", "", basic("two", "2"), header("Cookie", "JSESSIONID=nothing"))
	if got := unknown.json(t)["name"]; got != "two" {
		t.Errorf("an unknown cookie made Jira see %v", got)
	}
	byQuery := j.want(200, "GET", "/rest/api/2/myself?os_%75sername=two&os_password=2", "", anonymous)
	if got := byQuery.json(t)["name"]; got != "two" {
		t.Errorf("os_username made Jira see %v", got)
	}
	challenge := j.want(401, "GET", "/rest/api/2/myself?os_authType=basic", "", anonymous)
	if !strings.HasPrefix(challenge.Header.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("challenge %q", challenge.Header.Get("WWW-Authenticate"))
	}
	login := j.want(200, "POST", "/rest/auth/1/session", `{"username":"two","password":"2"}`, anonymous)
	value := login.json(t)["session"].(map[string]any)["value"].(string)
	withSession := []func(*http.Request){anonymous, header("Cookie", "JSESSIONID="+value)}
	j.want(200, "GET", "/rest/auth/1/session", "", withSession...)
	j.want(204, "DELETE", "/rest/auth/1/session", "", withSession...)
	j.want(401, "GET", "/rest/auth/1/session", "", withSession...)
	j.want(401, "POST", "/rest/auth/1/session", `{"username":"two","password":"x"}`, anonymous)
}

func TestXSRF(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress, BaseURL: "https://jira.example.net"})
		body := `{"jql":"project=DEMO"}`
		for _, edit := range []func(*http.Request){
			header("User-Agent", "Mozilla/5.0 (X11)"), header("Origin", "https://elsewhere.example"),
			header("Referer", "https://elsewhere.example/x"), header("Origin", "null"),
		} {
			refused := j.want(403, "POST", "/rest/api/2/search", body, edit, header("X-Atlassian-Token", "no-check"))
			if !bytes.Contains(refused.body, []byte("XSRF check failed")) {
				t.Errorf("body %s", refused.body)
			}
			j.want(200, "GET", "/rest/api/2/search?jql=project=DEMO", "", edit)
		}
		j.want(200, "POST", "/rest/api/2/search", body, header("Origin", "https://jira.example.net"), header("User-Agent", "Mozilla/5.0"))
	})
}

func TestDressesDiffer(t *testing.T) {
	cloud, dc := start(t, Options{}), start(t, Options{Dress: DataCenter, ContextPath: "/jira"})
	if cloud.want(200, "GET", "/rest/api/2/issue/DEMO-1", "").Header.Get("Atl-Request-Id") == "" {
		t.Error("Cloud has no request id")
	}
	reporter := func(j *jira) map[string]any {
		return j.want(200, "GET", "/rest/api/2/issue/DEMO-1?fields=reporter", "").json(t)["fields"].(map[string]any)["reporter"].(map[string]any)
	}
	if u := reporter(cloud); u["accountId"] == nil || u["name"] != nil {
		t.Errorf("Cloud's user %v", u)
	}
	if u := reporter(dc); u["name"] != "ada" || u["accountId"] != nil || !strings.HasPrefix(u["self"].(string), dc.url+"/rest/") {
		t.Errorf("Data Center's user %v", u)
	}
	dc.want(404, "GET", strings.TrimSuffix(dc.url, "/jira")+"/rest/api/2/myself", "")
	dc.want(404, "GET", "/rest/api/3/myself", "")
	dc.want(404, "GET", "/rest/api/2/search/jql?jql=project=DEMO", "")
	dc.want(200, "GET", "/rest/api/2/search.json/?jql=project=DEMO", "")

	cloud.want(400, "POST", "/rest/api/3/issue/DEMO-1/comment", `{"body":"text"}`)
	cloud.want(400, "POST", "/rest/api/2/issue/DEMO-1/comment", `{"body":{"type":"doc"}}`)
	cloud.want(201, "POST", "/rest/api/3/issue/DEMO-1/comment", `{"body":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"adf here"}]}]}}`)
	if body := cloud.want(200, "GET", "/rest/api/2/issue/DEMO-1/comment", "").body; !bytes.Contains(body, []byte(`"body":"adf here"`)) {
		t.Errorf("version 2 shows %s", body)
	}
	if body := cloud.want(200, "GET", "/rest/api/3/issue/DEMO-4?fields=description", "").body; !bytes.Contains(body, []byte(`"type":"doc"`)) {
		t.Errorf("version 3 shows %s", body)
	}
	cloud.want(200, "GET", "/_edge/tenant_info", "", anonymous)
}

func TestScopedAndOAuth(t *testing.T) {
	j := start(t, Options{
		APIBaseURL:   "https://api.example.net",
		Accounts:     []Account{{User: "scoped@example.com", Secret: "s", Scoped: true}, {User: DefaultEmail, Secret: DefaultSecret}},
		OAuthClients: []OAuthClient{{ID: "id", Secret: "secret", User: "robot@example.com"}},
	})
	cloudID := j.want(200, "GET", "/_edge/tenant_info", "", anonymous).json(t)["cloudId"].(string)
	prefix := "/ex/jira/" + cloudID
	j.want(401, "GET", "/rest/api/3/myself", "", basic("scoped@example.com", "s"))
	me := j.want(200, "GET", prefix+"/rest/api/3/myself", "", basic("scoped@example.com", "s")).json(t)
	if self := me["self"].(string); !strings.HasPrefix(self, "https://api.example.net"+prefix+"/rest/api/3/user") {
		t.Errorf("self %q", self)
	}
	j.want(401, "GET", prefix+"/rest/api/3/myself", "")
	j.want(404, "GET", "/ex/jira/other/rest/api/3/myself", "")
	j.want(401, "POST", "/oauth/token", `{"grant_type":"client_credentials","client_id":"id","client_secret":"no"}`, anonymous)
	grant := j.want(200, "POST", "/oauth/token", "grant_type=client_credentials&client_id=id&client_secret=secret", anonymous, header("Content-Type", "application/x-www-form-urlencoded")).json(t)
	robot := j.want(200, "GET", prefix+"/rest/api/3/myself", "", header("Authorization", "Bearer "+grant["access_token"].(string))).json(t)
	if robot["emailAddress"] != "robot@example.com" {
		t.Errorf("myself %v", robot)
	}
}

func TestLinksUseBaseURL(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		const base = "https://jira.example.net/site"
		j := start(t, Options{Dress: dress, BaseURL: base})
		for _, path := range []string{"/rest/api/2/issue/DEMO-4", "/rest/api/2/search?jql=project=DEMO&fields=*all", "/rest/api/2/project", "/rest/agile/1.0/board"} {
			body := j.want(200, "GET", path, "").body
			if !bytes.Contains(body, []byte(`"self":"`+base+"/rest/")) || bytes.Contains(body, []byte(strings.TrimPrefix(j.url, "http://"))) {
				t.Errorf("%s: %s", path, body)
			}
		}
	})
}

func TestMalformedRequests(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress})
		for _, request := range []struct {
			status             int
			method, path, body string
		}{
			{404, "GET", "/rest/api/2/nothing", ""},
			{404, "GET", "/rest/api/4/myself", ""},
			{405, "PATCH", "/rest/api/2/issue/DEMO-1", ""},
			{405, "POST", "/rest/api/2/myself", "{}"},
			{400, "POST", "/rest/api/2/issue", "{"},
			{400, "POST", "/rest/api/2/issue", ""},
			{400, "POST", "/rest/api/2/issue", "[]"},
			{400, "POST", "/rest/api/2/issue", `{"fields":{"project":7,"issuetype":[],"summary":{}}}`},
			{400, "POST", "/rest/api/2/issue", `{"fields":{"project":{"key":"DEMO"},"issuetype":{"name":"Task"},"summary":"x","nonsense":1}}`},
			{400, "POST", "/rest/api/2/search", `{"jql":7}`},
			{400, "POST", "/rest/api/2/issue/DEMO-1/worklog", `{"timeSpent":"h"}`},
			{400, "GET", "/rest/api/2/search?startAt=x", ""},
			{404, "GET", "/rest/api/2/issue/DEMO-999", ""},
			{404, "GET", "/rest/api/2/issue/nonsense", ""},
			{404, "GET", "/rest/api/2/issue/10000", ""},
			{404, "GET", "/rest/api/2/attachment/x", ""},
			{400, "GET", "/rest/api/2/issue%2fDEMO-1", ""},
			{400, "GET", "/rest/../../x", ""},
			{415, "POST", "/rest/api/2/issue/DEMO-1/attachments", "{}"},
		} {
			answer := j.want(request.status, request.method, request.path, request.body, header("X-Atlassian-Token", "no-check"))
			if strings.HasPrefix(request.path, "/rest/api/2/") && request.status != 404 && !strings.Contains(request.path, "%") {
				if body := answer.json(t); body["errorMessages"] == nil || body["errors"] == nil {
					t.Errorf("%s %s: %s", request.method, request.path, answer.body)
				}
			}
		}
		// Like Tomcat, it strips path parameters and resolves dot segments.
		j.want(200, "GET", "/rest/api/2/x/..;v=1/issue;a=b/DEMO-1/", "")
	})
}

func TestRecording(t *testing.T) {
	server := New(Options{})
	ts := httptest.NewTLSServer(server)
	defer ts.Close()
	defer server.Close()
	request, _ := http.NewRequest("POST", ts.URL+"/rest/api/2//search?b=%41&a", strings.NewReader(`{"jql":"project=DEMO"}`))
	request.SetBasicAuth(DefaultEmail, DefaultSecret)
	request.Header.Add("X-Twice", "one")
	request.Header.Add("X-Twice", "two")
	response, err := ts.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if !bytes.Contains(body, []byte(`"self":"https://`)) {
		t.Errorf("links are not https: %s", body)
	}
	list := server.Take()
	if len(list) != 1 || len(server.Requests()) != 0 {
		t.Fatalf("%d requests recorded", len(list))
	}
	got := list[0]
	if got.RequestURI != "/rest/api/2//search?b=%41&a" || got.Account != DefaultEmail || got.Status != 200 ||
		got.Operation != "/rest/api/2/search" || string(got.Body) != `{"jql":"project=DEMO"}` || got.BodySize != 22 {
		t.Errorf("recorded %+v", got)
	}
	if twice := got.Header("x-twice"); len(twice) != 2 || twice[1] != "two" {
		t.Errorf("X-Twice %v", twice)
	}
}

func TestConcurrentUse(t *testing.T) {
	j := start(t, Options{Dress: DataCenter, Issues: 1000, RecordLimit: 50})
	var group sync.WaitGroup
	for n := range 4 {
		group.Go(func() {
			for k := range 25 {
				key := fmt.Sprintf("DEMO-%d", 10+k)
				j.do("POST", "/rest/api/2/issue/"+key+"/comment", `{"body":"x"}`)
				j.do("GET", "/rest/api/2/search?jql=project=DEMO&fields=*all&startAt=900", "")
				j.do("PUT", "/rest/api/2/issue/"+key, fmt.Sprintf(`{"fields":{"summary":"by %d"}}`, n))
				j.do("GET", "/rest/api/2/issue/"+key, "")
				j.Requests()
			}
		})
	}
	group.Wait()
	if total := j.want(200, "GET", "/rest/api/2/issue/DEMO-10/comment", "").json(t)["total"]; total != 4.0 {
		t.Errorf("%v comments", total)
	}
	if n := len(j.Requests()); n > 50 {
		t.Errorf("%d requests remembered", n)
	}
}
