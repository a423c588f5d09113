package fakejira

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

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
