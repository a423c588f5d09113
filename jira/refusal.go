package jira

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// basicDisabled is what Data Center 11 answers when Basic authentication is
// switched off.
const basicDisabled = "Basic Authentication has been disabled"

// Refusal tells whether an answer says that Jira does not take the account's
// credential: a RefusedError, or nil. Such an answer is not for the caller, who
// did nothing wrong, and can look like success: Jira may answer as to an
// anonymous caller, with an empty list.
func Refusal(response *http.Response) error {
	login := anonymous(response.Header["X-Seraph-Loginreason"])
	switch {
	case strings.HasPrefix(response.Header.Get("X-Authentication-Denied-Reason"), "CAPTCHA"):
		return RefusedError{Why: "Jira asks the account for a CAPTCHA after failed log-ins: log in once in a browser"}
	case response.StatusCode == http.StatusUnauthorized:
		return RefusedError{Why: "Jira refuses the credential (HTTP 401): is it right, and not expired?", Doubtful: login == ""}
	case login != "":
		return RefusedError{Why: "Jira answers as to an anonymous caller (" + login + "): the credential is not accepted"}
	case response.StatusCode == http.StatusForbidden && bodyBegins(response, basicDisabled):
		return RefusedError{Why: "Jira has Basic authentication disabled: use a personal access token", Doubtful: true}
	}
	return nil
}

// anonymous returns the log-in reason that says that Jira did not take the
// credential, if there is one.
func anonymous(reasons []string) string {
	for _, list := range reasons {
		for reason := range strings.SplitSeq(list, ",") {
			switch reason = strings.TrimSpace(reason); reason {
			case "AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "OUT":
				return reason
			}
		}
	}
	return ""
}

// bodyBegins looks for text in the beginning of a body, which can be read
// whole afterwards.
func bodyBegins(response *http.Response, text string) bool {
	const look = 4 << 10
	start, err := io.ReadAll(io.LimitReader(response.Body, look))
	rest := io.Reader(response.Body)
	if err != nil {
		rest = failedReader{err}
	}
	response.Body = peeked{io.MultiReader(bytes.NewReader(start), rest), response.Body}
	return bytes.Contains(start, []byte(text))
}

type peeked struct {
	io.Reader
	io.Closer
}

type failedReader struct{ err error }

func (r failedReader) Read([]byte) (int, error) { return 0, r.err }
