package fakejira

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// jira is a running stand-in with a client that does not follow redirects.
type jira struct {
	*Server
	t    *testing.T
	url  string
	user string
}

// start starts a stand-in and closes it when the test ends.
func start(t *testing.T, options Options) *jira {
	t.Helper()
	server := New(options)
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	user := DefaultEmail
	if options.Dress == DataCenter {
		user = DefaultUser
	}
	return &jira{server, t, url, user}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// json decodes the response body.
func (a answer) json(t *testing.T) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.Unmarshal(a.body, &out); err != nil {
		t.Fatalf("status %d, body %q: %v", a.StatusCode, a.body, err)
	}
	return out
}

// do sends a request after applying the edits.
func (j *jira) do(method, path, body string, edits ...func(*http.Request)) answer {
	j.t.Helper()
	target := path
	if strings.HasPrefix(path, "/") {
		target = j.url + path
	}
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	request, err := http.NewRequest(method, target, reader)
	if err != nil {
		j.t.Fatal(err)
	}
	request.SetBasicAuth(j.user, DefaultSecret)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, edit := range edits {
		edit(request)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		j.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		j.t.Fatal(err)
	}
	return answer{response, data}
}

// want sends a request and checks the response's status.
func (j *jira) want(status int, method, path, body string, edits ...func(*http.Request)) answer {
	j.t.Helper()
	a := j.do(method, path, body, edits...)
	if a.StatusCode != status {
		j.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.StatusCode, status, a.body)
	}
	return a
}

// header is an edit that sets a header.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// basic is an edit that sets credentials.
func basic(user, secret string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(user, secret) }
}

// anonymous is an edit that removes the credentials.
func anonymous(r *http.Request) { r.Header.Del("Authorization") }

func dresses(t *testing.T, test func(t *testing.T, dress Dress)) {
	for _, dress := range []Dress{Cloud, DataCenter} {
		t.Run(dress.String(), func(t *testing.T) { test(t, dress) })
	}
}

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

func TestIssueLife(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress})
		made := j.want(201, "POST", "/rest/api/2/issue", `{"fields":{"project":{"key":"DEMO"},"issuetype":{"name":"Task"},"summary":"New","description":"Text","labels":["a"]}}`)
		self := made.json(t)["self"].(string)
		if made.Header.Get("Location") != self {
			t.Errorf("Location %q, self %q", made.Header.Get("Location"), self)
		}
		j.want(204, "PUT", self, `{"fields":{"summary":"Newer"},"update":{"labels":[{"add":"b"},{"remove":"a"}]}}`)
		fields := j.want(200, "GET", self+"?fields=summary,labels", "").json(t)["fields"].(map[string]any)
		if fields["summary"] != "Newer" || fmt.Sprint(fields["labels"]) != "[b]" || len(fields) != 2 {
			t.Errorf("fields %v", fields)
		}
		comment := j.want(201, "POST", self+"/comment", `{"body":"Hello"}`).json(t)["self"].(string)
		j.want(200, "PUT", comment, `{"body":"Hello again"}`)
		if list := j.want(200, "GET", self+"/comment", "").json(t); list["total"] != 1.0 || !strings.Contains(fmt.Sprint(list), "Hello again") {
			t.Errorf("comments %v", list)
		}
		j.want(204, "DELETE", comment, "")
		j.want(404, "GET", comment, "")
		j.want(201, "POST", self+"/worklog", `{"timeSpent":"1h 30m","started":"2025-02-01T10:00:00.000+0000"}`)
		if list := j.want(200, "GET", self+"/worklog", "").json(t); !strings.Contains(fmt.Sprint(list), "timeSpentSeconds:5400") {
			t.Errorf("worklogs %v", list)
		}
		j.want(204, "POST", self+"/transitions", `{"transition":{"id":"31"}}`)
		if text := fmt.Sprint(j.want(200, "GET", self, "").json(t)["fields"].(map[string]any)["resolution"]); !strings.Contains(text, "name:Done") {
			t.Errorf("resolution %s", text)
		}
		j.want(400, "POST", self+"/transitions", `{"transition":{"id":"99"}}`)
		j.want(204, "POST", self+"/watchers", "")
		j.want(204, "POST", self+"/votes", "")
		link := j.want(201, "POST", "/rest/api/2/issueLink", `{"type":{"name":"Blocks"},"inwardIssue":{"key":"DEMO-1"},"outwardIssue":{"key":"DEMO-2"}}`)
		j.want(200, "GET", link.Header.Get("Location"), "")
		j.want(204, "DELETE", link.Header.Get("Location"), "")
		j.want(204, "DELETE", self, "")
		j.want(404, "GET", self, "")
		j.want(400, "DELETE", "/rest/api/2/issue/DEMO-2", "")
		j.want(204, "DELETE", "/rest/api/2/issue/DEMO-2?deleteSubtasks=true", "")
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

func TestSearch(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress})
		for jql, want := range map[string]int{
			"project = DEMO":                       6,
			"":                                     8,
			"key = DEMO-1":                         1,
			"key in (DEMO-1, \"OPS-1\")":           2,
			"summary ~ coffee":                     2,
			"text ~ 'quiet'":                       1,
			"text ~ \"kett*\"":                     1,
			"issuetype = Bug and status = 'To Do'": 2,
			"assignee is EMPTY ORDER BY priority DESC, summary":       2,
			"assignee = currentUser()":                                0,
			"not project = OPS AND (type = Story OR type = Epic)":     3,
			"project = DEMO AND resolution = Unresolved ORDER BY key": 5,
			"labels in (kitchen) or labels = danger":                  2,
			"key > DEMO-4":                                            2,
			"statusCategory != Done":                                  7,
			"created >= -1d":                                          0,
			"parent = DEMO-1":                                         1,
			"sprint = 2 and project = demo":                           6,
			"id = 10001":                                              1,
		} {
			out := j.want(200, "GET", "/rest/api/2/search?jql="+url.QueryEscape(jql), "").json(t)
			if out["total"] != float64(want) {
				t.Errorf("%q finds %v, want %d", jql, out["total"], want)
			}
		}
		for jql, want := range map[string]string{
			"colour = red":        "Field 'colour' does not exist or you do not have permission to view it.",
			"project = NONE":      "The value 'NONE' does not exist for the field 'project'.",
			"key = DEMO-99":       "An issue with key 'DEMO-99' does not exist for field 'key'.",
			"project ~ DEMO":      "The operator '~' is not supported by the 'project' field.",
			"project =":           "Error in the JQL Query: ",
			"project = DEMO OPS":  "Error in the JQL Query: Expecting either 'OR' or 'AND' but got 'OPS'. (line 1, character 16)",
			"project = \"DEMO":    "Error in the JQL Query: The quoted string 'DEMO' has not been completed.",
			"(project = DEMO":     "Error in the JQL Query: Expecting ')'",
			"project = DEMO)":     "Error in the JQL Query: ",
			"ORDER BY nothing":    "Not able to sort using field 'nothing'.",
			"assignee = nobody()": "Unable to find JQL function 'nobody()'.",
			"created > yesterday": "Date value 'yesterday' for field 'created' is invalid.",
		} {
			out := j.want(400, "POST", "/rest/api/2/search", fmt.Sprintf(`{"jql":%q}`, jql)).json(t)
			if messages := fmt.Sprint(out["errorMessages"]); !strings.Contains(messages, want) {
				t.Errorf("%q: %s, want %s", jql, messages, want)
			}
			if dress == Cloud {
				parsed := j.want(200, "POST", "/rest/api/3/jql/parse", fmt.Sprintf(`{"queries":["project = DEMO",%q]}`, jql)).json(t)
				queries := parsed["queries"].([]any)
				if valid := queries[0].(map[string]any); valid["errors"] != nil {
					t.Errorf("jql/parse does not accept %v", valid)
				}
				if problems := fmt.Sprint(queries[1].(map[string]any)["errors"]); !strings.Contains(problems, want) {
					t.Errorf("jql/parse of %q: %s, want %s", jql, problems, want)
				}
			}
		}
		sorted := j.want(200, "GET", "/rest/api/2/search?fields=priority&maxResults=1&jql="+url.QueryEscape("project=DEMO order by priority desc"), "")
		if !bytes.Contains(sorted.body, []byte(`"key":"DEMO-4"`)) {
			t.Errorf("the highest priority is not first: %s", sorted.body)
		}
	})
}

func TestManyIssues(t *testing.T) {
	const many = 100_000
	j := start(t, Options{Issues: many})
	seen, token, pages := 0, "", 0
	for {
		path := "/rest/api/3/search/jql?maxResults=100&jql=" + url.QueryEscape("project = DEMO AND status = Done") + "&nextPageToken=" + token
		out := j.want(200, "GET", path, "").json(t)
		seen += len(out["issues"].([]any))
		pages++
		if out["isLast"] == true || pages == 3 {
			break
		}
		token = out["nextPageToken"].(string)
	}
	if seen != 300 {
		t.Errorf("3 pages held %d issues", seen)
	}
	j.want(400, "GET", "/rest/api/3/search/jql?jql=key=DEMO-1&nextPageToken="+token, "")
	j.want(400, "GET", "/rest/api/3/search/jql?jql=ORDER+BY+key", "")
	last := j.want(200, "GET", "/rest/api/2/search?jql=project=DEMO&startAt=99950&maxResults=100", "").json(t)
	if last["total"] != float64(many) || len(last["issues"].([]any)) != 50 {
		t.Errorf("total %v, %d issues", last["total"], len(last["issues"].([]any)))
	}
	j.want(204, "DELETE", "/rest/api/2/issue/DEMO-77777", "")
	j.want(404, "GET", "/rest/api/2/issue/DEMO-77777", "")
	made := j.want(201, "POST", "/rest/api/2/issue", `{"fields":{"project":{"key":"DEMO"},"issuetype":{"name":"Task"},"summary":"New"}}`).json(t)
	if made["key"] != "DEMO-100001" {
		t.Errorf("key %v", made["key"])
	}
}

// upload returns a multipart body with one file, and its media type.
func upload(t *testing.T, name string, data io.Reader) (io.Reader, string) {
	t.Helper()
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() {
		part, err := form.CreateFormFile("file", name)
		if err == nil {
			_, err = io.Copy(part, data)
		}
		if err == nil {
			err = form.Close()
		}
		writer.CloseWithError(err)
	}()
	return reader, form.FormDataContentType()
}

func TestAttachments(t *testing.T) {
	dresses(t, func(t *testing.T, dress Dress) {
		j := start(t, Options{Dress: dress, AttachmentInMemory: 1000, AttachmentLimit: 1 << 20})
		content := strings.Repeat("0123456789", 5000)
		send := func(token string, size int) answer {
			body, media := upload(t, "big file.txt", strings.NewReader(strings.Repeat(content, size)))
			return j.do("POST", "/rest/api/2/issue/DEMO-3/attachments", "", header("Content-Type", media), header("X-Atlassian-Token", token), func(r *http.Request) { r.Body = io.NopCloser(body) })
		}
		if a := send("", 1); a.StatusCode != 403 {
			t.Errorf("without X-Atlassian-Token: %d", a.StatusCode)
		}
		if a := send("no-check", 30); a.StatusCode != 413 {
			t.Errorf("too large: %d", a.StatusCode)
		}
		a := send("no-check", 1)
		if a.StatusCode != 200 {
			t.Fatalf("upload: %d %s", a.StatusCode, a.body)
		}
		var list []map[string]any
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatal(err)
		}
		if stored := j.Attachments("DEMO-3"); len(stored) != 1 || stored[0].Size != int64(len(content)) {
			t.Errorf("stored %v", stored)
		}
		link := list[0]["content"].(string)
		if dress == Cloud {
			away := j.want(303, "GET", link, "")
			target := away.Header.Get("Location")
			if !strings.HasPrefix(target, j.Media().URL()+"/") {
				t.Errorf("redirected to %q", target)
			}
			if got := j.want(200, "GET", target, "", anonymous); string(got.body) != content {
				t.Errorf("the media host sent %d bytes", len(got.body))
			}
			if j.Media().SawCredentials() {
				t.Error("the media host claims to have seen credentials")
			}
			j.want(200, "GET", target, "")
			if !j.Media().SawCredentials() {
				t.Error("the media host overlooked credentials")
			}
			j.want(403, "GET", j.Media().URL()+"/file/x/binary?token=y", "", anonymous)
			link += "?redirect=false"
		}
		if got := j.want(200, "GET", link, ""); string(got.body) != content {
			t.Errorf("%d bytes", len(got.body))
		}
		if got := j.want(206, "GET", link, "", header("Range", "bytes=10-19")); string(got.body) != "0123456789" {
			t.Errorf("range %q", got.body)
		}
		if got := j.want(200, "HEAD", link, ""); got.ContentLength != int64(len(content)) || len(got.body) != 0 {
			t.Errorf("HEAD: length %d", got.ContentLength)
		}
		id := fmt.Sprint(list[0]["id"])
		j.want(200, "GET", "/rest/api/2/attachment/"+id, "")
		j.want(204, "DELETE", "/rest/api/2/attachment/"+id, "")
		j.want(404, "GET", link, "")
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

func FuzzJQL(f *testing.F) {
	server := New(Options{})
	c := &call{server: server, who: server.accounts[0], version: 2}
	for _, seed := range []string{"project = DEMO", "key in (DEMO-1,'x\\'y') order by key", "not (a=1) OR (b=2", "created > -7d", "text ~ \"a*\"", "!!", "a in (", "order by"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, jql string) {
		q, err := c.parseJQL(jql)
		if err == nil {
			c.find(q, 0, 10)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/rest/api/2/issue/DEMO-1", "/a/..;/b", "/%2e%2e/", "//", "/;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		segments, err := tomcatSegments(raw)
		for _, segment := range segments {
			if err == nil && (segment == "" || segment == "." || segment == "..") {
				t.Errorf("%q has a segment %q", raw, segment)
			}
		}
	})
}

func FuzzRequest(f *testing.F) {
	servers := []*Server{New(Options{}), New(Options{Dress: DataCenter, ContextPath: "/jira"})}
	f.Cleanup(func() {
		for _, s := range servers {
			_ = s.Close()
		}
	})
	seeds := [][3]string{
		{"POST", "/rest/api/2/issue", `{"fields":{"project":{"key":"DEMO"},"issuetype":{"id":10002},"summary":"x","parent":{"key":"DEMO-1"}},"update":{"labels":[{"add":"x"}]}}`},
		{"PUT", "/jira/rest/api/2/issue/DEMO-1", `{"fields":{"assignee":{"name":null},"duedate":"2025-01-01"}}`},
		{"POST", "/rest/api/3/issue/DEMO-2/comment", `{"body":{"type":"doc","content":[{"content":[7]}]}}`},
		{"POST", "/rest/api/2/issue/DEMO-2/worklog", `{"timeSpent":"1h NaNm"}`},
		{"GET", "/rest/api/2/search?jql=key>DEMO-1&startAt=9223372036854775807&maxResults=-1&expand=names,schema", ""},
		{"POST", "/rest/api/3/search/jql", `{"jql":"id=1","nextPageToken":"x","fields":"a,b"}`},
		{"POST", "/rest/api/3/jql/match", `{"issueIds":[-1],"jqls":["x"]}`},
		{"POST", "/rest/api/2/issueLink", `{"type":{"name":"Blocks"},"inwardIssue":{"key":"DEMO-1"},"outwardIssue":7}`},
		{"GET", "/rest/agile/1.0/sprint/99/issue?maxResults=0", ""},
		{"DELETE", "/rest/api/2/issue/DEMO-2?deleteSubtasks=true", ""},
		{"POST", "/jira/rest/auth/1/session", `{"username":7}`},
	}
	for _, seed := range seeds {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if !strings.HasPrefix(target, "/") {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		for n, s := range servers {
			request := httptest.NewRequest("GET", "/", strings.NewReader(body))
			request.Method, request.URL, request.RequestURI = method, u, target
			request.Header.Set("Content-Type", "application/json")
			request.SetBasicAuth([]string{DefaultEmail, DefaultUser}[n], DefaultSecret)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, request)
			if w.Code >= 500 {
				t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
		}
	})
}
