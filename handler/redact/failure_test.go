package redact

import (
	"errors"
	"strings"
	"testing"
)

func TestFailure(t *testing.T) {
	const message = `{"errorMessages":["Jira answered 400 (Bad Request). This token does not get Jira's own message, which may ` +
		`speak of what the token cannot see."],"errors":{}}`
	for name, c := range map[string]struct{ body, want string }{
		"messages": {`{"errorMessages":["The value 'SECRET' does not exist for the field 'project'."],"errors":{}}`, message},
		"fields": {
			`{"errorMessages":["SECRET"],"errors":{"summary":"SECRET","Salary":"SECRET","the version SECRET":"x","fixVersions":"SECRET"}}`,
			`{"errorMessages":[],"errors":{"fixVersions":"Jira did not accept this field.","summary":"Jira did not accept this field."}}`,
		},
		"service management": {`{"errorMessage":"SECRET","i18nErrorMessage":{"parameters":["SECRET"]}}`, message},
		"another form":       {`{"errors":["SECRET"]}`, message},
		"not JSON":           {`<html>SECRET`, message},
		"nothing":            {``, message},
	} {
		if got := string(Failure(400, []byte(c.body), ours{hide: []string{"Salary"}})); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestAllOutside(t *testing.T) {
	for answer, source := range map[string]string{
		"comment": `{"id":"1","body":"SECRET","jsdPublic":false}`,
		"link":    `{"id":"1","inwardIssue":{"key":"IN-1"},"outwardIssue":{"key":"OUT-1"}}`,
	} {
		if out, err := redacted(t, answer, ours{internal: true}, strings.NewReader(source)); !errors.Is(err, ErrOutside) {
			t.Errorf("%s: %q passed, error %v, want %v", answer, out, err, ErrOutside)
		}
	}
}
