package handler

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
)

const boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW"

// partsOf returns a multipart body with these Content-Dispositions.
func partsOf(dispositions ...string) string {
	var body strings.Builder
	for _, disposition := range dispositions {
		body.WriteString("--" + boundary + "\r\nContent-Disposition: " + disposition + "\r\n\r\nsecret-of-a-part\r\n")
	}
	return body.String() + "--" + boundary + "--\r\n"
}

// refusedParts are bodies with a credential that Data Center might read, in the
// forms that its parser, or a more lenient one, accepts.
var refusedParts = map[string]string{
	"os_username":      partsOf(`form-data; name="os_username"`),
	"os_password":      partsOf(`form-data; name="os_password"`),
	"os_authType":      partsOf(`form-data; name="os_authType"`),
	"os_cookie":        partsOf(`form-data; name=os_cookie`),
	"access_token":     partsOf(`form-data; name="access_token"`),
	"second":           partsOf(`form-data; name="file"; filename="a.txt"`, `form-data; name="os_password"`),
	"case":             partsOf(`FORM-DATA; NAME="OS_Password"`),
	"space":            partsOf(`form-data; name=" os_password` + "\x00" + `"`),
	"as a file":        partsOf(`form-data; name="os_password"; filename="a.txt"`),
	"attachment":       partsOf(`attachment; name="os_password"`),
	"file name before": partsOf(`form-data; filename="a;\"b"; name="os_password"`),
	"folded":           partsOf("form-data;\r\n name=\"os_password\""),
	"folded by tab":    partsOf("form-data;\n\tname=\"os_password\""),
	"RFC 2231":         partsOf(`form-data; name*=utf-8''os%5Fpassword`),
	"RFC 2047":         partsOf(`form-data; name="=?utf-8?B?b3NfcGFzc3dvcmQ=?="`),
	"two names":        partsOf(`form-data; name="a"; name="os_password"`),
	"malformed":        partsOf(`form-data; name="a"b; name=os_password`),
	"no type":          partsOf(`; name="os_password"`),
	"two headers":      partsOf("form-data; name=\"a\"\r\ncontent-disposition : form-data; name=\"os_password\""),
	"after others":     partsOf("form-data; name=\"a\"\r\nContent-Type: text/plain\r\n CONTENT-disposition: form-data; name=\"os_password\""),
	"LF":               strings.ReplaceAll(partsOf(`form-data; name="os_password"`), "\r", ""),
	"preamble":         "x\r\n" + partsOf(`form-data; name="os_password"`),
	"after the end":    partsOf() + partsOf(`form-data; name="os_password"`),
	"cut off":          "--" + boundary + "\r\nContent-Disposition: form-data; name=os_password",
	"headers too long": partsOf(`form-data; x="` + strings.Repeat("x", 3*maxPartHeaders) + `"; name="os_password"`),
	"many delimiters":  strings.Repeat("--"+boundary, 1000) + partsOf(`form-data; name="os_password"`),
}

// untouchedParts are bodies without one.
var untouchedParts = map[string]string{
	"file":           partsOf(`form-data; name="file"; filename="os_password.txt"`),
	"text":           partsOf(`form-data; name="description"` + "\r\n\r\nContent-Disposition: form-data; name=\"os_password\""),
	"of others":      partsOf(`form-data; name="os_passwords"`, `form-data; name="atl_token"`, `form-data; name="jwt"`),
	"not ASCII":      partsOf(`form-data; name="file"; filename="Łódź \"1\".txt"`),
	"other boundary": strings.ReplaceAll(partsOf(`form-data; name="os_password"`), boundary, "----Other"),
	"empty":          partsOf(),
	"no parts":       "",
	"dashes":         strings.Repeat("-", 100_000),
	"malformed":      partsOf(`form-data; name="a"b`),
}

// readers deliver a body in different pieces.
var readers = map[string]func(io.Reader) io.Reader{
	"whole":        func(r io.Reader) io.Reader { return r },
	"by the byte":  iotest.OneByteReader,
	"by halves":    iotest.HalfReader,
	"EOF at once":  iotest.DataErrReader,
	"after a file": func(r io.Reader) io.Reader { return io.MultiReader(strings.NewReader(aFile()), r) },
}

// aFile is a part that is longer than what is checked before forwarding.
func aFile() string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\n" + strings.Repeat("-----\r\n", partsLook/4)
}

func withParts(body io.Reader) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/secure/AttachFile.jspa", body)
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return r
}

// TestMultipartCredentials: Data Center reads parameters from multipart bodies too. A
// part with a credential is refused wherever it is, and never delivered.
func TestMultipartCredentials(t *testing.T) {
	for name, body := range refusedParts {
		for how, reader := range readers {
			r, d := withParts(reader(strings.NewReader(body))), new(Decision)
			denied := refuseMultipartCredentials(r, d, passwordRefused())
			if denied == nil {
				read, err := io.ReadAll(r.Body)
				refused, ok := errors.AsType[refusedPartError](err)
				if !ok {
					t.Errorf("%s, %s: %v", name, how, err)
					continue
				}
				if denied = refused.denial; denied != d.parts.denied() || bytes.Contains(read, []byte("secret-of-a-part\r\n--"+boundary+"--")) && len(read) > len(aFile())+len(body) {
					t.Errorf("%s, %s: delivered %d bytes, denied %v", name, how, len(read), d.parts.denied())
				}
				if bytes.Contains(bytes.ToLower(read[len(aFile()):]), []byte("os_password")) {
					t.Errorf("%s, %s: delivered %q", name, how, read[len(aFile()):])
				}
			}
			want := ReasonPasswordRefused
			if name == "headers too long" {
				want = ReasonAmbiguousRequest
			}
			if denied.reason != want {
				t.Errorf("%s, %s: %s", name, how, denied.reason)
			}
		}
	}
	for name, body := range untouchedParts {
		for how, reader := range readers {
			want, err := io.ReadAll(reader(strings.NewReader(body)))
			if err != nil {
				t.Fatal(err)
			}
			r := withParts(reader(strings.NewReader(body)))
			denied := refuseMultipartCredentials(r, new(Decision), passwordRefused())
			got, err := io.ReadAll(r.Body)
			if denied != nil || err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes of %d, denied %v, %v", name, how, len(got), len(want), denied, err)
			}
		}
	}
}

// TestMultipartTypes: what two parsers could read as different parts is refused.
func TestMultipartTypes(t *testing.T) {
	for contentType, want := range map[string]Reason{
		"multipart/form-data; boundary=" + boundary:                       ReasonPasswordRefused,
		`Multipart/Form-Data; charset=utf-8; boundary="` + boundary + `"`: ReasonPasswordRefused,
		"multipart/mixed; boundary=" + boundary:                           ReasonPasswordRefused,
		"multipart/form-data; charset=utf-16; boundary=" + boundary:       ReasonAmbiguousRequest,
		"multipart/form-data":                                             ReasonAmbiguousRequest,
		"multipart/form-data; boundary=":                                  ReasonAmbiguousRequest,
		"multipart/form-data; boundary=a; boundary=" + boundary:           ReasonAmbiguousRequest,
		"multipart/form-data, boundary=" + boundary:                       ReasonAmbiguousRequest,
		"multipart/form-data; boundary=" + strings.Repeat("x", 1000):      ReasonAmbiguousRequest,
		"application/octet-stream; boundary=" + boundary:                  "",
	} {
		r := withParts(strings.NewReader(partsOf(`form-data; name="os_password"`)))
		r.Header.Set("Content-Type", contentType)
		if got := reasonOf(refuseMultipartCredentials(r, new(Decision), passwordRefused())); got != want {
			t.Errorf("%s: %q, want %q", contentType, got, want)
		}
	}
}

// TestLateMultipartCredentials: Jira does not get the end of a body with a credential,
// and the client gets a denial, with a token and without one.
func TestLateMultipartCredentials(t *testing.T) {
	for name, c := range map[string]struct {
		token bool
		want  Reason
	}{"session": {false, ReasonPasswordRefused}, "token": {true, ReasonAmbiguousRequest}} {
		x := newExchange(t, "https://jira.example.com")
		app := &countingApp{oneToken: x.app}
		x.handler.Front, x.handler.app = frontSite, app
		var arrived []byte
		x.answer = func(r *http.Request) (*http.Response, error) {
			var err error
			arrived, err = io.ReadAll(r.Body)
			return nil, err
		}
		r := withParts(strings.NewReader(aFile() + partsOf(`form-data; name="os_password"`)))
		r.URL.Path = "/rest/api/2/issue/A-1/attachments"
		if c.token {
			r.Header.Set("Authorization", basicOf("alice", x.app.Reveal()))
		}
		got := x.serve(r)
		if x.err != nil || got.Header.Get(headerReason) != string(c.want) {
			t.Errorf("%s: %d %v, %v", name, got.StatusCode, got.Header, x.err)
		}
		if len(arrived) < partsLook || bytes.Contains(arrived, []byte("os_password")) {
			t.Errorf("%s: %d bytes arrived", name, len(arrived))
		}
		if len(app.outcomes) != 1 || app.outcomes[0].Decision != decisionDenied || app.outcomes[0].Reason != c.want {
			t.Errorf("%s: counted as %+v", name, app.outcomes)
		}
	}
}

// countingApp is an app that keeps the outcomes of requests.
type countingApp struct {
	oneToken
	outcomes []Outcome
}

func (c *countingApp) Decided(outcome Outcome) { c.outcomes = append(c.outcomes, outcome) }

// FuzzMultipart: if Go's parser finds a part with the name of a credential, so does
// the check; and what is not refused is delivered unchanged.
func FuzzMultipart(f *testing.F) {
	for _, bodies := range []map[string]string{refusedParts, untouchedParts} {
		for _, body := range bodies {
			f.Add([]byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, d := withParts(iotest.HalfReader(bytes.NewReader(body))), new(Decision)
		denied := refuseMultipartCredentials(r, d, passwordRefused())
		if denied == nil {
			if got, err := io.ReadAll(r.Body); err == nil && !bytes.Equal(got, body) {
				t.Fatalf("%q was delivered of %q", got, body)
			}
			denied = d.parts.denied()
		}
		for parts := multipart.NewReader(bytes.NewReader(body), boundary); ; {
			part, err := parts.NextPart()
			if err != nil {
				return
			}
			if part.FormName() == "os_password" && denied == nil {
				t.Fatalf("not refused: %q", body)
			}
		}
	})
}

func BenchmarkMultipart(b *testing.B) {
	body := []byte(aFile() + strings.Repeat("The quick brown fox jumps over the lazy dog.\r\n", 100_000))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := withParts(bytes.NewReader(body))
		if denied := refuseMultipartCredentials(r, new(Decision), passwordRefused()); denied != nil {
			b.Fatal(denied.message)
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Fatal(err)
		}
	}
}
