package redact

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// ours is a view of the projects IN (ID 10000) and ALSO, with a few fields hidden.
type ours struct {
	hide     []string
	internal bool // internal comments are hidden
}

func (o ours) Project(id, key string) bool {
	return key == "IN" || key == "ALSO" || key == "" && (id == "10000" || id == "10002")
}

func (o ours) Issue(id, key string) bool {
	return key == "" && (id == "1" || id == "2") || strings.HasPrefix(key, "IN-") || strings.HasPrefix(key, "ALSO-")
}

func (o ours) Board(id string) bool { return id == "5" }

func (o ours) Hides(field []byte) bool {
	for _, f := range o.hide {
		if strings.EqualFold(f, string(field)) {
			return true
		}
	}
	return false
}

func (o ours) HidesInternalComments() bool { return o.internal }

// redacted returns what passes of an answer.
func redacted(t *testing.T, answer string, in Inside, source io.Reader) (string, error) {
	t.Helper()
	body, _, err := Body(answer, io.NopCloser(source), in)
	if err != nil {
		return "", err
	}
	defer body.Close()
	out, err := io.ReadAll(body)
	return string(out), err
}

// check compares what passes of an answer, read at once and byte by byte.
func check(t *testing.T, answer string, in Inside, source, want string) {
	t.Helper()
	for _, reader := range []io.Reader{strings.NewReader(source), iotest.OneByteReader(strings.NewReader(source))} {
		got, err := redacted(t, answer, in, reader)
		if err != nil {
			t.Fatalf("%s of %s: %v", answer, source, err)
		}
		if got != want {
			t.Fatalf("%s of %s\n got %s\nwant %s", answer, source, got, want)
		}
	}
}

func TestBrokenResponses(t *testing.T) {
	for name, source := range map[string]string{
		"not JSON":         `<html>SECRET</html>`,
		"cut off":          `{"issues":[{"key":"IN-1"`,
		"cut off in text":  `{"issues":[{"key":"IN-`,
		"trailing garbage": `{"issues":[]} SECRET`,
		"two values":       `{"issues":[]}{"issues":[]}`,
		"JSONP":            `callback({"issues":[]})`,
		"another form":     `[{"issues":[]}]`,
		"a text":           `"SECRET"`,
		"duplicate names":  `{"issues":[{"fields":{"parent":{"key":"IN-1","key":"OUT-1"}}}]}`,
		"invalid UTF-8":    "{\"issues\":[{\"key\":\"\xff\"}]}",
		"mismatched":       `{"issues":[{"key":"IN-1"]}`,
	} {
		body, _, err := Body("issues", io.NopCloser(strings.NewReader(source)), ours{})
		if err == nil {
			out, _ := io.ReadAll(body)
			t.Errorf("%s: no error, and %q passed", name, out)
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error quotes the response: %v", name, err)
		}
	}
}

func TestBodylessAnswers(t *testing.T) {
	check(t, "empty", ours{}, `{"key":"OUT-1"}`, ``)
	check(t, "binary", ours{}, "\x89PNG", "\x89PNG")
	check(t, "issue", ours{}, ``, ``) // 204 to a PUT
}

// The length of a small response is known, and all of it comes together with its end.
func TestLength(t *testing.T) {
	for source, want := range map[string]string{
		`{"issues":[{"key":"IN-1"}],"more":"SECRET"}`: `{"issues":[{"key":"IN-1"}]}`,
		``: ``,
		`{"issues":[{"id":"` + strings.Repeat("1", 8000) + `"}]}`:                                               `{"issues":[{"id":"` + strings.Repeat("1", 8000) + `"}]}`,
		`{"more":"` + strings.Repeat("x", 10*chunk) + `","issues":[` + strings.Repeat(`[1],`, chunk) + `null]}`: `{"issues":[null]}`,
	} {
		body, length, err := Body("issues", io.NopCloser(iotest.HalfReader(strings.NewReader(source))), ours{})
		if err != nil || length != int64(len(want)) {
			t.Errorf("%.40s: length %d, want %d, error %v", source, length, len(want), err)
			continue
		}
		p := make([]byte, chunk)
		if n, err := body.Read(p); string(p[:n]) != want || err != io.EOF {
			t.Errorf("%.40s: read %d bytes, want %d, error %v", source, n, len(want), err)
		}
	}
	long := `{"issues":[` + strings.Repeat(`{"key":"IN-1"},`, 10_000) + `{}]}`
	if _, length, err := Body("issues", io.NopCloser(strings.NewReader(long)), ours{}); length != -1 || err != nil {
		t.Errorf("a long response: length %d, error %v", length, err)
	}
}

// A response that breaks off after something was delivered ends the stream with an error.
func TestLateError(t *testing.T) {
	broken := errors.New("connection reset")
	start := `{"issues":[` + strings.Repeat(`{"key":"IN-1"},`, 10_000)
	source := io.MultiReader(strings.NewReader(start), iotest.ErrReader(broken))
	out, err := redacted(t, "issues", ours{}, source)
	if !errors.Is(err, broken) {
		t.Errorf("after %d bytes the error is %v, want %v", len(out), err, broken)
	}
}

func TestClose(t *testing.T) {
	var source closing
	source.Reader = strings.NewReader(`{"issues":[` + strings.Repeat(`{"key":"IN-1"},`, 10_000))
	body, _, err := Body("issues", &source, ours{})
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil || source.closed != 1 {
		t.Errorf("closed the source %d times, error %v", source.closed, err)
	}
	if _, err := body.Read(make([]byte, 10)); err == nil {
		t.Error("read from a closed body")
	}
}

type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }
