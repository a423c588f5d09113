package handler

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// maxForm is the maximum size of a form body, in bytes. Only forms are inspected,
// because Data Center takes credentials from them; other bodies are streamed.
const maxForm = 64 << 10

// form is the step that denies form bodies from which Data Center would take
// credentials, or whose fields it could read differently than the gateway.
func (*Handler) form(r *http.Request, d *Decision) *denial {
	types := r.Header["Content-Type"]
	if len(types) > 1 {
		return deny(ReasonAmbiguousRequest, "The request has several Content-Type headers. Send one.")
	}
	if len(types) == 0 || r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	if !isForm(types[0]) {
		return refuseMultipartCredentials(r, d, deny(ReasonAmbiguousRequest, "A part of the multipart body has a name from which Jira would take credentials."))
	}
	if !plainFormCharset(types[0]) || r.Header.Get("Content-Encoding") != "" {
		return deny(ReasonAmbiguousRequest, "A form body must be UTF-8 without Content-Encoding. Send JSON with Content-Type: application/json.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return &denial{reason: ReasonAmbiguousRequest, message: "The request's body could not be read completely.", cause: err}
	}
	if len(body) > maxForm {
		return deny(ReasonAmbiguousRequest, "The form body is too large. Send JSON with Content-Type: application/json.")
	}
	if clean, err := jira.CleanQuery(string(body), false); err != nil || len(clean) != len(body) {
		return deny(ReasonAmbiguousRequest, "The form body contains fields from which Jira would take credentials or another method. Send JSON with Content-Type: application/json.")
	}
	r.Body = &checkedForm{Reader: bytes.NewReader(body), Closer: r.Body}
	return nil
}

// maxSiteForm is the maximum size, in bytes, of a form body without a token where
// passwords are refused. Tomcat reads parameters from forms of up to 2 MiB.
const maxSiteForm = 2 << 20

// refuseFormCredentials denies requests without a token whose form body holds
// credentials. It only covers the REST API: people start their sessions with the
// login forms of Jira's own pages.
func refuseFormCredentials(r *http.Request) *denial {
	if !hasAnyForm(r) || !jira.TakesFormCredentials(r.URL.EscapedPath()) {
		return nil
	}
	if types := r.Header["Content-Type"]; len(types) > 1 || !plainFormCharset(types[0]) || r.Header.Get("Content-Encoding") != "" {
		return deny(ReasonAmbiguousRequest, "A form body must be UTF-8 without Content-Encoding, and have a single Content-Type.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSiteForm+1))
	switch {
	case err != nil:
		return &denial{reason: ReasonAmbiguousRequest, message: "The request's body could not be read completely.", cause: err}
	case len(body) > maxSiteForm:
		return deny(ReasonAmbiguousRequest, "The form body is too large.")
	case jira.QueryHasCredentials(string(body)):
		return passwordRefused()
	}
	r.Body = &checkedForm{Reader: bytes.NewReader(body), Closer: r.Body}
	return nil
}

// hasAnyForm reports whether any of the request's Content-Types is a form's: Jira
// may use any of them.
func hasAnyForm(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && slices.ContainsFunc(r.Header["Content-Type"], isForm)
}

func foundForm(*Handler, *http.Request, *Decision) string {
	return "the body holds no credentials that Jira would take from a form"
}

// checkedForm is a form body that was read and accepted; Closer closes the original.
type checkedForm struct {
	io.Reader
	io.Closer
}

func isForm(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	mediaType, _, _ = strings.Cut(mediaType, ",")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}

// plainFormCharset reports whether a form's field names can be read as ASCII: a
// charset such as UTF-16 or IBM037 would spell os_username in other bytes.
func plainFormCharset(contentType string) bool {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch strings.ToLower(params["charset"]) {
	case "", "utf-8", "us-ascii", "iso-8859-1":
		return true
	}
	return false
}
