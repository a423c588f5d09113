package handler

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// maxJiraRequestID is the maximum length of a recorded request ID, in bytes.
const maxJiraRequestID = 100

// jiraRequestID returns how Jira names a request in its own logs: Data Center in
// X-AREQUESTID, Cloud in Atl-Traceid or Atl-Request-Id.
func jiraRequestID(header http.Header) string {
	for _, name := range []string{"X-Arequestid", "Atl-Traceid", "Atl-Request-Id"} {
		if id := header.Get(name); id != "" {
			return token.Printable(loggable(id, maxJiraRequestID), maxJiraRequestID)
		}
	}
	return ""
}

var (
	issueKey   = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{1,254}-[1-9][0-9]{0,18}$`)
	projectKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,254}$`)
)

// named returns the keys of the project and the issue that the path of an operation
// names. It does not know what IDs stand for.
func named(operation jira.Match) (project, issue string) {
	for _, name := range [...]string{"issueIdOrKey", "requestIdOrKey", "epicIdOrKey", "issueKey"} {
		if key, ok := operation.Param(name); ok && issueKey.MatchString(key) {
			key = strings.ToUpper(key)
			return projectOf(key), key
		}
	}
	for _, name := range [...]string{"projectIdOrKey", "projectKeyOrId", "projectKey"} {
		if key, ok := operation.Param(name); ok && projectKey.MatchString(key) {
			return key, ""
		}
	}
	return "", ""
}

// projectOf returns the key of an issue's project.
func projectOf(issue string) string { return issue[:strings.LastIndexByte(issue, '-')] }

// maxCreatedBody is the maximum size of a response that tells the key of a created
// issue.
const maxCreatedBody = 1024

var createdKey = regexp.MustCompile(`"(?:key|issueKey)"\s*:\s*"([A-Z][A-Z0-9_]{1,254}-[1-9][0-9]{0,18})"`)

// createdIssue returns the key of the issue that a request has created, if Jira says so
// in a short response. The response's body remains complete.
func createdIssue(operation jira.Match, response *http.Response) string {
	creates := operation.Method == http.MethodPost &&
		(strings.HasPrefix(operation.Template, "/rest/api/") && strings.HasSuffix(operation.Template, "/issue") ||
			operation.Template == "/rest/servicedeskapi/request")
	if !creates || response.StatusCode != http.StatusCreated || response.Header.Get("Content-Encoding") != "" ||
		response.ContentLength > maxCreatedBody {
		return ""
	}
	head, err := io.ReadAll(io.LimitReader(response.Body, maxCreatedBody))
	response.Body = &prefixed{io.MultiReader(bytes.NewReader(head), failing(response.Body, err)), response.Body}
	if found := createdKey.FindSubmatch(head); found != nil {
		return string(found[1])
	}
	return ""
}

// prefixed is a response's body whose beginning has been read.
type prefixed struct {
	io.Reader
	io.Closer
}

// failing returns r, or a reader that fails if err is not nil.
func failing(r io.Reader, err error) io.Reader {
	if err != nil {
		return failedReader{err}
	}
	return r
}

type failedReader struct{ err error }

func (f failedReader) Read([]byte) (int, error) { return 0, f.err }
