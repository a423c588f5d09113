package jira

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
)

// basicDisabled is part of Data Center 11's response when Basic authentication is
// switched off.
const basicDisabled = "Basic Authentication has been disabled"

// Refusal returns a RefusedError if a response shows that Jira did not accept the
// account's credential, and nil otherwise. Such a response is not for the caller,
// who did nothing wrong, and can look like success: Jira may respond as if to an
// anonymous caller, with an empty list.
//
// A single response may concern one resource only, or come from one node of
// several: only `myself` proves that Jira refuses the account as such.
func Refusal(response *http.Response) error {
	login := anonymous(response.Header["X-Seraph-Loginreason"])
	failed := login == "AUTHENTICATED_FAILED"
	switch {
	case strings.HasPrefix(response.Header.Get("X-Authentication-Denied-Reason"), "CAPTCHA"):
		return RefusedError{Why: "Jira requires a CAPTCHA from the account after failed logins: log in once with a browser"}
	case response.StatusCode == http.StatusUnauthorized:
		return RefusedError{Why: "Jira refuses the credential (HTTP 401): is it correct, and has it not expired?", FailedLogin: failed}
	case login != "":
		return RefusedError{Why: "Jira treats the account as anonymous (" + login + "): it does not accept the credential", FailedLogin: failed}
	case response.StatusCode == http.StatusForbidden && bodyBegins(response, basicDisabled):
		return RefusedError{Why: "Basic authentication is disabled in Jira: use a personal access token"}
	}
	return nil
}

// anonymous returns the login reason that says that Jira did not accept the
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

// bodyBegins looks for text near the beginning of a body, which can still be read
// in full afterwards.
func bodyBegins(response *http.Response, text string) bool {
	return bytes.Contains(peek(response, 4<<10), []byte(text))
}

// bodyHolds reports whether any of the marks, which must be lower case, is near the
// beginning of a body, which can still be read in full afterwards.
func bodyHolds(response *http.Response, marks []string) bool {
	start := bytes.ToLower(peek(response, 32<<10))
	return slices.ContainsFunc(marks, func(mark string) bool { return bytes.Contains(start, []byte(mark)) })
}

// maxStart is how many bytes of a body are enough to show what it is.
const maxStart = 512

// bodyStart returns the first bytes of a body, without leading white space. It
// stops reading at the first chunk that contains anything else.
func bodyStart(response *http.Response) []byte {
	if response.Body == nil || response.Header.Get("Content-Encoding") != "" {
		return nil
	}
	var (
		start [maxStart]byte
		n     int
		text  []byte
		err   error
	)
	for len(text) == 0 && n < len(start) && err == nil {
		var more int
		more, err = response.Body.Read(start[n:])
		n += more
		text = bytes.TrimLeft(bytes.TrimPrefix(start[:n], []byte("\xef\xbb\xbf")), " \t\r\n")
	}
	putBack(response, start[:n], err)
	return text
}

// BeginsAsJSON reports whether a body, whatever its type, begins like a JSON object
// or array. The body can still be read in full afterwards.
func BeginsAsJSON(response *http.Response) bool {
	start := bodyStart(response)
	return len(start) > 0 && (start[0] == '{' || start[0] == '[')
}

// rootOf returns the name of the first element of a page or an XML document, in
// lower case, or "html" if its DOCTYPE says so.
func rootOf(text []byte) string {
	text = bytes.ToLower(text)
	for {
		text = bytes.TrimLeft(text, " \t\r\n")
		end := ">"
		switch {
		case bytes.HasPrefix(text, []byte("<!doctype html")):
			return "html"
		case bytes.HasPrefix(text, []byte("<!--")):
			end = "-->"
		case bytes.HasPrefix(text, []byte("<?")), bytes.HasPrefix(text, []byte("<!")):
		case bytes.HasPrefix(text, []byte("<")):
			name := text[1:]
			if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
				name = name[:i]
			}
			return string(name)
		default:
			return ""
		}
		_, rest, ok := bytes.Cut(text, []byte(end))
		if !ok {
			return ""
		}
		text = rest
	}
}

// peek returns the beginning of a body, which can still be read in full afterwards.
func peek(response *http.Response, most int64) []byte {
	if response.Body == nil {
		return nil
	}
	start, err := io.ReadAll(io.LimitReader(response.Body, most))
	putBack(response, start, err)
	return start
}

// putBack puts start, which was read from a body, back in front of it. If reading
// ended in an error, the body ends with that error.
func putBack(response *http.Response, start []byte, err error) {
	response.Body = &peeked{ReadCloser: response.Body, start: start, err: err}
}

// peeked is a body with its beginning put back.
type peeked struct {
	io.ReadCloser
	start []byte
	err   error
}

// Read reads on behind the beginning if there is room: a small body must still
// arrive in one piece, so that its length is known. It may wait for more only if
// there was more than the beginning.
func (b *peeked) Read(p []byte) (n int, err error) {
	n = copy(p, b.start)
	more := n == maxStart
	b.start = b.start[n:]
	switch {
	case len(b.start) > 0:
		return n, nil
	case b.err != nil:
		return n, b.err
	case n > 0 && (!more || n == len(p)):
		return n, nil
	}
	rest, err := b.ReadCloser.Read(p[n:])
	return n + rest, err
}
