package handler

import (
	"bytes"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

const (
	// maxPartHeaders is the maximum size, in bytes, of the headers of a part.
	// Apache Commons FileUpload, which Data Center uses, accepts 10 kB.
	maxPartHeaders = 16 << 10
	// maxBoundary is the maximum length of a boundary (RFC 2046, section 5.1.1),
	// doubled.
	maxBoundary = 140
	// partsLook is how much of a multipart body to check before anything is
	// forwarded, in bytes. The rest is checked as it is streamed.
	partsLook = 64 << 10
)

// refuseMultipartCredentials denies a request if a part of its multipart body has
// the name of one of Data Center's credentials. It buffers the beginning of the body
// only: if such a part comes later, the body ends there, with an error that carries
// the denial.
func refuseMultipartCredentials(r *http.Request, d *Decision, refusal *denial) *denial {
	if r.Body == nil || r.Body == http.NoBody || !slices.ContainsFunc(r.Header["Content-Type"], isMultipart) {
		return nil
	}
	types := r.Header["Content-Type"]
	_, params, err := mime.ParseMediaType(types[0])
	if boundary := params["boundary"]; err != nil || len(types) > 1 || boundary == "" || len(boundary) > maxBoundary {
		return deny(ReasonAmbiguousRequest, "A multipart body needs a single Content-Type with a single boundary.")
	}
	if !plainFormCharset(types[0]) || r.Header.Get("Content-Encoding") != "" {
		return deny(ReasonAmbiguousRequest, "A multipart body must be UTF-8 without Content-Encoding.")
	}
	parts := &checkedParts{source: r.Body, delimiter: []byte("--" + params["boundary"]), refusal: refusal}
	beginning, err := io.ReadAll(io.LimitReader(parts, partsLook))
	if denied := parts.denied(); denied != nil {
		return denied
	}
	if err != nil {
		return &denial{reason: ReasonAmbiguousRequest, message: "The request's body could not be read completely.", cause: err}
	}
	r.Body = &checkedForm{Reader: io.MultiReader(bytes.NewReader(beginning), parts), Closer: r.Body}
	d.parts = parts
	return nil
}

func isMultipart(contentType string) bool {
	const prefix = "multipart/"
	contentType = strings.TrimSpace(contentType)
	return len(contentType) >= len(prefix) && strings.EqualFold(contentType[:len(prefix)], prefix)
}

// checkedParts is a multipart body. It checks the headers of a part before it
// delivers them, and the body unchanged. At a part to be refused it ends with a
// refusedPartError.
//
// It takes every delimiter for the beginning of a part, at the beginning of a line
// or not, and its headers to go on up to the first empty line that ends in CRLF:
// parsers that are stricter or more lenient find no name that it does not see.
type checkedParts struct {
	source    io.Reader
	delimiter []byte
	refusal   *denial

	space   []byte // for buffer
	buffer  []byte // read and not yet delivered
	checked int    // the number of bytes of buffer that may be delivered
	err     error  // what ended the source

	refused atomic.Pointer[denial]
}

// refusedPartError ends a body at a part that is refused.
type refusedPartError struct{ *denial }

func (e refusedPartError) Error() string { return "refused part: " + e.message }

// denied returns the denial of a part that has been read; nil if there is none.
func (c *checkedParts) denied() *denial {
	if c == nil {
		return nil
	}
	return c.refused.Load()
}

// Read implements io.Reader.
func (c *checkedParts) Read(p []byte) (int, error) {
	for c.checked == 0 {
		if denied := c.denied(); denied != nil {
			return 0, refusedPartError{denied}
		}
		if c.err != nil {
			return 0, c.err
		}
		c.fill()
	}
	n := copy(p, c.buffer[:c.checked])
	c.buffer, c.checked = c.buffer[n:], c.checked-n
	return n, nil
}

// fill reads more of the source and checks it.
func (c *checkedParts) fill() {
	if c.space == nil {
		c.space = make([]byte, 2*maxPartHeaders)
	}
	held := copy(c.space, c.buffer)
	n, err := c.source.Read(c.space[held:])
	c.buffer, c.err = c.space[:held+n], err
	c.check()
}

// check decides how much of the buffer may be delivered.
func (c *checkedParts) check() {
	for c.denied() == nil {
		rest := c.buffer[c.checked:]
		i := bytes.Index(rest, c.delimiter)
		if i < 0 {
			if c.err == nil { // the end may be the beginning of a delimiter
				rest = rest[:max(0, len(rest)-len(c.delimiter)+1)]
			}
			c.checked += len(rest)
			return
		}
		after := rest[i+len(c.delimiter):]
		headers, complete := partHeaders(after)
		switch {
		case !complete && len(headers) > maxPartHeaders:
			c.refused.Store(deny(ReasonAmbiguousRequest, "A part of the multipart body has headers that are too large."))
		case !complete && c.err == nil:
			c.checked += i
			return
		case namesCredential(headers):
			c.refused.Store(c.refusal)
		default:
			i += len(c.delimiter) + len(headers)
		}
		c.checked += i
	}
}

// partHeaders returns the headers at the beginning of what follows a delimiter, and
// reports whether all of them are there. The last delimiter has none.
func partHeaders(after []byte) (headers []byte, complete bool) {
	if bytes.HasPrefix(after, []byte("--")) {
		return nil, true
	}
	headers, _, complete = bytes.Cut(after, []byte("\r\n\r\n"))
	return headers, complete
}

// unfold joins continued lines (RFC 9112, section 5.2).
var unfold = strings.NewReplacer("\r\n ", " ", "\r\n\t", " ", "\n ", " ", "\n\t", " ", "\r ", " ", "\r\t", " ")

// namesCredential reports whether a part's headers name a credential, whether or not
// a parser knows continued lines.
func namesCredential(headers []byte) bool {
	written := string(headers)
	for _, text := range [...]string{written, unfold.Replace(written)} {
		for line := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '\r' || c == '\n' }) {
			name, value, _ := strings.Cut(line, ":")
			if strings.EqualFold(strings.TrimFunc(name, isSpaceOrControl), "Content-Disposition") && dispositionNamesCredential(value) {
				return true
			}
		}
	}
	return false
}

// dispositionNamesCredential reports whether the name in a Content-Disposition is a
// credential's. If the value is malformed, a credential's name anywhere in it counts.
func dispositionNamesCredential(value string) bool {
	_, params, err := mime.ParseMediaType(value)
	if err != nil {
		return jira.MentionsFormCredential(value)
	}
	name := params["name"]
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded // Commons FileUpload decodes RFC 2047 words
	}
	return jira.IsFormCredential(strings.TrimFunc(name, isSpaceOrControl))
}

func isSpaceOrControl(c rune) bool { return c <= ' ' || c == 0x7f }
