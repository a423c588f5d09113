package redact

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxFieldName limits the names of fields that pass in an error, in bytes.
const maxFieldName = 64

// failure is the body of an error of Jira's.
type failure struct {
	Messages []string          `json:"errorMessages"`
	Errors   map[string]string `json:"errors"`
}

// Failure returns what a token may see of an error of Jira's. Its texts do not pass, because they can name what is outside;
// the names of the fields that Jira complains about do, unless they are hidden.
func Failure(status int, body []byte, in Inside) []byte {
	f := failure{Messages: []string{}, Errors: faultyFields(body, in)}
	switch {
	case status == http.StatusGone:
		f.Messages = []string{"The requested API has been removed. Jira's documentation names what to use instead, for searches /rest/api/3/search/jql."}
	case len(f.Errors) == 0:
		f.Messages = []string{fmt.Sprintf("Jira answered %d (%s). This token does not get Jira's own message, which may speak of "+
			"what the token cannot see.", status, http.StatusText(status))}
	}
	text, _ := json.Marshal(f, json.Deterministic(true)) // of strings that are valid UTF-8
	return text
}

// faultyFields returns the fields that Jira complains about.
func faultyFields(body []byte, in Inside) map[string]string {
	fields := make(map[string]string)
	var r reader
	r.reset(bytes.NewReader(body))
	v, err := r.value()
	if err != nil {
		return fields
	}
	faulty := v.find("errors")
	if !faulty.isObject() {
		return fields
	}
	for key := range faulty.members() {
		if name := key.text(); isFieldName(string(name)) && !in.Hides(name) {
			fields[string(name)] = "Jira did not accept this field."
		}
	}
	return fields
}

// isFieldName reports whether name can be the ID of a field rather than a text that mentions something outside.
func isFieldName(name string) bool {
	return name != "" && len(name) <= maxFieldName && !strings.ContainsFunc(name, func(c rune) bool {
		return c > 'z' || !isLetter(byte(c)) && !isDigit(byte(c)) && c != '_' && c != '.'
	})
}
