package redact

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// Fields are hidden outside of an issue's fields too.
func TestHiddenFieldsElsewhere(t *testing.T) {
	in := ours{hide: []string{"summary", "reporter", "attachment", "attachments", "comment", "comments", "Time to resolution"}}
	check(t, "request", in,
		`{"issueId":"1","issueKey":"IN-1","summary":"SECRET","reporter":{"displayName":"SECRET"},"comments":{"values":[{"id":"1","body":"SECRET","public":true}]},`+
			`"attachments":{"values":[{"filename":"SECRET"}]},"sla":{"values":[{"id":"1","name":"Time to resolution","completedCycles":["SECRET"]},{"id":"2","name":"ours"}]}}`,
		`{"issueId":"1","issueKey":"IN-1","sla":{"values":[{"id":"2","name":"ours"}]}}`)
	check(t, "request-comment", in, `{"id":"1","body":"ours","public":true,"attachments":{"values":[{"filename":"SECRET"}]}}`, `{"id":"1","body":"ours","public":true}`)
	check(t, "epic", in, `{"id":1,"key":"IN-1","summary":"SECRET"}`, `{"id":1,"key":"IN-1"}`)
	check(t, "issue", in, `{"fields":{"epic":{"id":1,"key":"IN-1","summary":"SECRET"}}}`, `{"fields":{"epic":{"id":1,"key":"IN-1"}}}`)
}

func TestQuickFilterOfAnotherBoard(t *testing.T) {
	if _, _, err := Body("quickfilter", io.NopCloser(strings.NewReader(`{"id":2,"boardId":6,"name":"SECRET"}`)), ours{}); !errors.Is(err, ErrOutside) {
		t.Errorf("error %v, want ErrOutside", err)
	}
}

func TestHiddenFieldsInQueries(t *testing.T) {
	in := ours{hide: []string{"Salary in euros", "Bonus[Number]"}}
	check(t, "jql-fields", in,
		`{"visibleFieldNames":[{"value":"\"Salary in euros\"","displayName":"SECRET"},{"value":"x","displayName":"Salary in euros - SECRET"},`+
			`{"value":"\"Bonus[Number]\"","displayName":"SECRET"},{"value":"summary","displayName":"summary"}]}`,
		`{"visibleFieldNames":[{"value":"summary","displayName":"summary"}]}`)
}
