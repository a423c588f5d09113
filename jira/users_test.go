package jira

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// directory answers questions about users: by the URI, without paging.
type directory map[string]string

func (d directory) RoundTrip(r *http.Request) (*http.Response, error) {
	uri := strings.ReplaceAll(r.URL.RequestURI(), "&maxResults=50", "")
	text, ok := d[uri]
	response := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
	if !ok {
		response.StatusCode, text = http.StatusNotFound, `{"errorMessages":["not found"],"errors":{}}`
	}
	if status, rest, found := strings.Cut(text, " "); found && len(status) == 3 {
		if _, err := fmt.Sscan(status, &response.StatusCode); err == nil {
			text = rest
		}
	}
	if after, rest, found := strings.Cut(text, ";"); found && strings.HasPrefix(after, "after ") {
		response.Header.Set("Retry-After", strings.TrimPrefix(after, "after "))
		text = rest
	}
	if strings.HasPrefix(text, "<") {
		response.Header.Set("Content-Type", "text/html")
	}
	response.Body = io.NopCloser(strings.NewReader(text))
	return response, nil
}

const (
	uriMyself      = "/rest/api/2/myself"
	uriServer      = "/rest/api/2/serverInfo"
	uriPermissions = "/rest/api/2/mypermissions?permissions=USER_PICKER"
	uriSearch      = "/rest/api/3/user/search?query=" // then the query and the offset
	uriGroups      = "/rest/api/3/user/groups?accountId="
	mayBrowse      = `{"permissions":{"USER_PICKER":{"havePermission":true}}}`
	mayNotBrowse   = `{"permissions":{"USER_PICKER":{"havePermission":false}}}`
)

// openUsers returns the users of a Jira.
func openUsers(product string, d directory) (*Users, error) {
	defaults := directory{uriMyself: `{"name":"svc"}`, uriServer: `{"deploymentType":"` + product + `"}`, uriPermissions: mayBrowse}
	for uri, text := range defaults {
		if _, ok := d[uri]; !ok {
			d[uri] = text
		}
	}
	return NewUsers(context.Background(), Asker{d, "http://jira", NewAccount("a", Bearer("x"), AccountOptions{ProbeInterval: time.Minute})})
}

func TestFindUsers(t *testing.T) {
	user := func(id, email string, active bool) string {
		return fmt.Sprintf(`{"accountId":%q,"emailAddress":%q,"displayName":"bob@example.com","active":%t}`, id, email, active)
	}
	const bobs = uriSearch + "bob%40example.com&startAt=0"
	full := strings.TrimSuffix(strings.Repeat(user("other", "bob@example.com.au", true)+",", 50), ",")
	const atDataCenter = "/rest/api/2/user?username=bob&expand=groups"
	const byEmail = "/rest/api/2/user/search?includeInactive=true&maxResults=1000&username=bob%40example.com"
	for _, test := range []struct {
		name, product string
		answers       directory
		asked         string
		want          string // the user, or part of the error
	}{
		{"by e-mail, whatever its case", "Cloud", directory{bobs: "[" + user("1", "Bob@Example.com", true) + "," + user("2", "bob@example.com.au", true) + "]", uriGroups + "1": `[{"name":"b"},{"name":"a"},{"name":"b"}]`}, "bob@example.com", "{true [a b]}"},
		{"by account ID", "Cloud", directory{"/rest/api/3/user/search?accountId=5b10": "[" + user("5b10", "", true) + "]", uriGroups + "5b10": "[]"}, "5b10", "{true []}"},
		{"by account ID in a search", "Cloud", directory{"/rest/api/3/user/search?accountId=5b10": "[]", uriSearch + "5b10&startAt=0": "[" + user("5b10", "", true) + "]", uriGroups + "5b10": "[]"}, "5b10", "{true []}"},
		{"inactive", "Cloud", directory{bobs: "[" + user("1", "bob@example.com", false) + "]"}, "bob@example.com", "{false []}"},
		{"nobody", "Cloud", directory{bobs: "[]"}, "bob@example.com", ErrNoUser.Error()},
		{"a display name does not name anybody", "Cloud", directory{bobs: "[" + user("1", "eve@example.com", true) + "]"}, "bob@example.com", ErrNoUser.Error()},
		{"hidden e-mail", "Cloud", directory{bobs: "[" + user("1", "", true) + "]"}, "bob@example.com", ErrUncertainUser.Error()},
		{"two", "Cloud", directory{bobs: "[" + user("1", "bob@example.com", true) + "," + user("2", "bob@example.com", true) + "]"}, "bob@example.com", ErrUncertainUser.Error()},
		{"on the second page", "Cloud", directory{bobs: "[" + many(50) + "]", uriSearch + "bob%40example.com&startAt=50": "[" + user("1", "bob@example.com", true) + "]", uriGroups + "1": "[]"}, "bob@example.com", "{true []}"},
		{"the same page for ever", "Cloud", directory{bobs: "[" + full + "]", uriSearch + "bob%40example.com&startAt=50": "[" + full + "]"}, "bob@example.com", "same page"},
		{"null instead of a list", "Cloud", directory{bobs: "null"}, "bob@example.com", "with a list"},
		{"no such operation", "Cloud", directory{}, "bob@example.com", "with a list"},
		{"not JSON", "Cloud", directory{bobs: "gibberish"}, "bob@example.com", "is not Jira's"},
		{"a page", "Cloud", directory{bobs: "<html>maintenance</html>"}, "bob@example.com", "HTML page"},
		{"groups do not exist", "Cloud", directory{bobs: "[" + user("1", "bob@example.com", true) + "]"}, "bob@example.com", "with a list"},
		{"activity is not told", "Cloud", directory{bobs: `[{"accountId":"1","emailAddress":"bob@example.com"}]`}, "bob@example.com", "whether the user is active"},
		{"busy", "Cloud", directory{bobs: "429 after 7;{}"}, "bob@example.com", "asks to wait for 7s"},
		{"broken", "Cloud", directory{bobs: "500 {}"}, "bob@example.com", "HTTP 500"},
		{"forbidden", "Cloud", directory{bobs: "403 {}"}, "bob@example.com", "HTTP 403"},

		{"by name", "Server", directory{atDataCenter: `{"name":"Bob","active":true,"groups":{"size":2,"items":[{"name":"b"},{"name":"a"}]}}`}, "bob", "{true [a b]}"},
		{"by key", "Server", directory{"/rest/api/2/user?key=bob&expand=groups": `{"name":"robert","key":"bob","active":true,"groups":{"size":0,"items":[]}}`}, "bob", "{true []}"},
		{"inactive", "Server", directory{atDataCenter: `{"name":"bob","active":false}`}, "bob", "{false []}"},
		{"nobody", "Server", directory{}, "bob", ErrNoUser.Error()},
		{"by e-mail", "Server", directory{byEmail: `[{"name":"bob","emailAddress":"BOB@example.com"},{"name":"x","emailAddress":"x@example.com"}]`, atDataCenter: `{"name":"bob","active":true,"groups":{"items":[]}}`}, "bob@example.com", "{true []}"},
		{"two with this e-mail", "Server", directory{byEmail: `[{"name":"bob","emailAddress":"bob@example.com"},{"name":"x","emailAddress":"bob@example.com"}]`}, "bob@example.com", ErrUncertainUser.Error()},
		{"nobody with this e-mail", "Server", directory{byEmail: `[]`}, "bob@example.com", ErrNoUser.Error()},
		{"may not search", "Server", directory{uriPermissions: mayNotBrowse, byEmail: `[]`}, "bob@example.com", ErrUncertainUser.Error()},
		{"somebody else", "Server", directory{atDataCenter: `{"name":"eve","active":true,"groups":{"items":[]}}`}, "bob", "another user"},
		{"some groups", "Server", directory{atDataCenter: `{"name":"bob","active":true,"groups":{"size":2,"items":[{"name":"a"}]}}`}, "bob", "all groups"},
		{"a proxy's 404", "Server", directory{atDataCenter: `404 {"message":"no route"}`}, "bob", "HTTP 404"},
	} {
		t.Run(test.product+" "+test.name, func(t *testing.T) {
			users, err := openUsers(test.product, test.answers)
			if err != nil {
				t.Fatal(err)
			}
			user, err := users.Find(t.Context(), test.asked)
			got := fmt.Sprint(user)
			if err != nil {
				got = err.Error()
			}
			if err == nil && got != test.want || !strings.Contains(got, test.want) {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

// many renders users with different account IDs.
func many(n int) string {
	users := make([]string, n)
	for i := range users {
		users[i] = fmt.Sprintf(`{"accountId":"x%d","emailAddress":"bob@example.com.x%d","active":true}`, i, i)
	}
	return strings.Join(users, ",")
}

// TestUsersCannotBeFound: an account that may not see users must not make them look as
// if they did not exist.
func TestUsersCannotBeFound(t *testing.T) {
	for name, test := range map[string]struct {
		answers directory
		says    string
	}{
		"without the permission": {directory{uriPermissions: mayNotBrowse}, "Browse users and groups"},
		"refused":                {directory{uriMyself: "401 {}"}, "refuses the credential"},
		"busy":                   {directory{uriMyself: "429 after 9;{}"}, "asks to wait for 9s"},
		"no Jira":                {directory{uriServer: "{}", uriMyself: `{"displayName":"svc"}`}, "which product"},
	} {
		if _, err := openUsers("Cloud", test.answers); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := openUsers("Cloud", directory{uriPermissions: "500 {}"}); err == nil {
		t.Error("no answer about the permission")
	}
	// What does not answer some questions may still be a Jira.
	for self, cloud := range map[string]bool{`{"name":"svc"}`: false, `{"accountId":"5b10"}`: true} {
		users, err := openUsers("", directory{uriPermissions: "404 {}", uriServer: "404 {}", uriMyself: self})
		if err != nil || users.cloud != cloud {
			t.Errorf("%s: %+v, %v", self, users, err)
		}
	}
	_, err := openUsers("Server", directory{uriPermissions: mayNotBrowse})
	if err != nil {
		t.Errorf("Data Center finds users by name without the permission: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "5": 5 * time.Second, "-1": 0, "x": 0, "99999999999": 24 * time.Hour, "9999999999999999999999": 0,
		"Sat, 21 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sat, 21 Nov 2026 11:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if busy, ok := errors.AsType[BusyError](busy(&http.Response{StatusCode: 429, Header: http.Header{}})); !ok || busy.RetryAfter <= 0 {
		t.Errorf("429 without Retry-After: %v", busy)
	}
}
