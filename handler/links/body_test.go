package links

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// reference maps a whole body in the plainest way. It shares no code with the package: bases and paths are spelt out
// once more, as regular expressions in the order in which they are tried.
func reference(body []byte, public string) []byte {
	var out []byte
	escaped := false
	for i := 0; i < len(body); i++ {
		out = append(out, body[i])
		if body[i] == '\\' {
			escaped = !escaped
			continue
		}
		opens := body[i] == '"' && !escaped
		escaped = false
		if !opens {
			continue
		}
		for _, slash := range []string{"/", `\/`, `\u002f`, `\u002F`} {
			if n := referenceMatch(body[i+1:], slash); n > 0 {
				out = append(out, strings.ReplaceAll(public, "/", slash)...)
				i += n
			}
		}
	}
	return out
}

// referenceMatch returns the length of the base if s begins with a URL to be mapped, all slashes of which are slash.
func referenceMatch(s []byte, slash string) int {
	for _, base := range referenceBases {
		text := base.find(s, slash)
		rest := s[len(text):]
		if len(text) > 0 && bytes.HasPrefix(rest, []byte(slash)) { // the longest base decides
			if referencePaths.find(rest, slash) != nil {
				return len(text)
			}
			return 0
		}
	}
	return 0
}

// pattern is a regular expression for plain slashes and for escaped ones.
type pattern map[string]*regexp.Regexp

func newPattern(expr string) pattern {
	p := make(pattern)
	for _, slash := range []string{"/", `\/`, `\u002f`, `\u002F`} {
		quoted := regexp.QuoteMeta(slash)
		// The second slash is in the middle of the origin, which ignores case.
		second := strings.NewReplacer("u", "[uU]", "f", "[fF]", "F", "[fF]").Replace(quoted)
		p[slash] = regexp.MustCompile("^" + strings.Replace(strings.ReplaceAll(expr, "/", quoted), quoted+quoted, quoted+second, 1))
	}
	return p
}

func (p pattern) find(s []byte, slash string) []byte { return p[slash].Find(s) }

var (
	referenceBases = []pattern{
		basePattern("https://api.atlassian.com:443", "/ex/jira/1f2e-3d"),
		basePattern("https://api.atlassian.com", "/ex/jira/1f2e-3d"),
		basePattern("https://dc.example.com:443", "/jira"),
		basePattern("https://dc.example.com", "/jira"),
		basePattern("https://dc.example.com:443", ""),
		basePattern("https://dc.example.com", ""),
		basePattern("https://acme.atlassian.net:443", ""),
		basePattern("https://acme.atlassian.net", ""),
		basePattern("http://plain.example.com:8080", ""),
	}
	referencePaths = newPattern(`/(rest/|secure/attachment/|secure/viewavatar["?#])`)
)

// basePattern matches origin without case ((?i) would also fold the long s) and path with it.
func basePattern(origin, path string) pattern {
	expr := regexp.MustCompile(`[a-z]`).ReplaceAllStringFunc(regexp.QuoteMeta(origin), func(c string) string {
		return "[" + c + strings.ToUpper(c) + "]"
	})
	return newPattern(expr + regexp.QuoteMeta(path))
}

// samples are bodies, or pieces of some, with what the streaming must not get wrong.
func samples() map[string]string {
	const url = "https://acme.atlassian.net/rest/x"
	escaped := strings.ReplaceAll(url, "/", `\/`)
	p, pEscaped := public+"/rest/x", strings.ReplaceAll(public+"/rest/x", "/", `\/`)
	s := map[string]string{
		``:                                  ``,
		`{}`:                                `{}`,
		`{"self":"` + url + `"}`:            `{"self":"` + p + `"}`,
		`{"self": "` + url + `"}`:           `{"self": "` + p + `"}`,
		`["` + url + `","` + url + `"]`:     `["` + p + `","` + p + `"]`,
		`["` + escaped + `"]`:               `["` + pEscaped + `"]`,
		`["` + escaped + `","` + url + `"]`: `["` + pEscaped + `","` + p + `"]`,
		`["https://acme.atlassian.net\/secure\/viewavatar?"]`:       ``, // no writer mixes both
		`["https://acme.atlassian.net\/secure\/viewavatar\""]`:      ``,
		`["https://acme.atlassian.net\\/rest/x"]`:                   ``,
		`["https:\\/\\/acme.atlassian.net/rest/x"]`:                 ``,
		`["https:\u002f/acme.atlassian.net/rest/x"]`:                ``,
		`["HTTPS:\u002F\u002FAcme.atlassian.net\u002Frest\u002Fx"]`: `["` + strings.ReplaceAll(public+"/rest/x", "/", `\u002F`) + `"]`,
		`["https:\u002f\u002Facme.atlassian.net/rest/x"]`:           ``,
		`["https:\u002`: ``,
		`["` + strings.ReplaceAll(url, "/", `\u002f`) + `"]`:                                                                    `["` + strings.ReplaceAll(public+"/rest/x", "/", `\u002f`) + `"]`,
		`["` + strings.ReplaceAll(url, "/", `\u002F`) + `","` + strings.ReplaceAll(url, "/", `\u002f`) + `","` + escaped + `"]`: `["` + strings.ReplaceAll(public+"/rest/x", "/", `\u002F`) + `","` + strings.ReplaceAll(public+"/rest/x", "/", `\u002f`) + `","` + pEscaped + `"]`,
		`{"text":"see ` + url + ` there"}`:                                                                                      ``,
		`{"text":"\"` + url + `\" there"}`:                                                                                      ``,
		`{"text":"\\\"` + url + `"}`:                                                                                            ``,
		`{"text":"\\","self":"` + url + `"}`:                                                                                    `{"text":"\\","self":"` + p + `"}`,
		`{"text":"\\\\","self":"` + url + `"}`:                                                                                  `{"text":"\\\\","self":"` + p + `"}`,
		`["\\"` + url + `"]`:                                                                                                    `["\\"` + p + `"]`, // no JSON, but unescaped
		strings.Repeat(`\`, 101) + `"` + url:                                                                                    ``,
		strings.Repeat(`\`, 102) + `"` + url:                                                                                    strings.Repeat(`\`, 102) + `"` + p,
		`{"` + url + `":1}`:                                                                                                     `{"` + p + `":1}`,
		`"` + url:                                                                                                               `"` + p,
		`"https://acme.atlassian.net/secure/viewavatar`:                                                                         ``, // cut off before it is decided
		`"https://acme.atlassian.net/rest`:                                                                                      ``,
		`"https://acme.atl`:                                                                                                     ``,
		`"`:                                                                                                                     ``,
		`{"a":"https://acme.atlassian.net"` + url + `"}`:                                                                        `{"a":"https://acme.atlassian.net"` + p + `"}`, // no JSON
		`["https://acme."` + url + `"]`:                                                                                         `["https://acme."` + p + `"]`,
		`"""""` + url + `"`:                                                                                                     `"""""` + p + `"`,
		"\"\xff\xfe\x00\":\"" + url + "\xc3\"":                                                                                  "\"\xff\xfe\x00\":\"" + p + "\xc3\"",
		url:                                                                                                                     ``,
		`////":///"http:/"https://"https:\/`:                                                                                    ``,
		`[":/","/","x:/","https:/","http:/","\"http:/","\\:/"]`:                                                                 ``,
		`["https://secure.gravatar.com/avatar/1?d=` + url + `"]`:                                                                ``,
	}
	for in, want := range urls {
		s[`{"a":"\\","u":"`+in+`","b":"c"}`] = `{"a":"\\","u":"` + expected(in, want) + `","b":"c"}`
	}
	return s
}

// read returns text as mapped by a Body.
func read(t testing.TB, m *Mapper, text, public string) []byte {
	t.Helper()
	got, err := io.ReadAll(m.Body(io.NopCloser(strings.NewReader(text)), public))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestBody(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for in, want := range samples() {
		if want == "" {
			want = in
		}
		if got := read(t, m, in, public); string(got) != want {
			t.Errorf("\n  in %q\n got %q\nwant %q", in, got, want)
		}
		if got := reference([]byte(in), public); string(got) != want {
			t.Errorf("the reference is wrong:\n  in %q\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestBodyAtEverySplit(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for in := range samples() {
		want := string(reference([]byte(in), public))
		for i := range len(in) + 1 {
			r := io.MultiReader(strings.NewReader(in[:i]), strings.NewReader(in[i:]))
			if got, err := io.ReadAll(m.Body(io.NopCloser(r), public)); err != nil || string(got) != want {
				t.Errorf("split at %d: %v\n  in %q\n got %q\nwant %q", i, err, in, got, want)
			}
		}
		// One byte in at a time, and one byte out at a time.
		r := iotest.OneByteReader(m.Body(io.NopCloser(iotest.OneByteReader(strings.NewReader(in))), public))
		if got, err := io.ReadAll(r); err != nil || string(got) != want {
			t.Errorf("byte by byte: %v\n  in %q\n got %q\nwant %q", err, in, got, want)
		}
		r = iotest.DataErrReader(strings.NewReader(in))
		if got, err := io.ReadAll(m.Body(io.NopCloser(r), public)); err != nil || string(got) != want {
			t.Errorf("with EOF: %v\n  in %q\n got %q\nwant %q", err, in, got, want)
		}
	}
}

// The places where the package's own buffer ends are splits too.
func TestBodyAtBufferEnd(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	const piece = `\\","self":"https:\/\/acme.atlassian.net\/rest\/x"`
	for pad := range len(piece) + 1 {
		in := strings.Repeat("x", bufferSize-pad) + piece + strings.Repeat("y", bufferSize) + piece
		if got := read(t, m, in, public); !bytes.Equal(got, reference([]byte(in), public)) {
			t.Errorf("wrong with the end of the buffer at byte %d", pad)
		}
	}
}

// pieces are what random bodies are made of: they fit together to almost-URLs.
var pieces = []string{
	`"`, `"`, `\`, `\\`, `/`, `\/`, `:`, `,`, ` `, `{`, `}`, `@`, "\xff", "ſ", "http", "https", "HTTPS", "https:", "http:", "://", `:\/\/`,
	"https://acme.atlassian.net", `https:\/\/acme.atlassian.net`, "https://ACME.atlassian.net:443", "https://dc.example.com",
	"https://dc.example.com/jira", "http://plain.example.com:8080", "https://api.atlassian.com/ex/jira/1f2e-3d", ".evil.com",
	":443", "/rest/", `\/rest\/`, "/rest", "/secure/attachment/", "/secure/viewavatar", "?", "#", "/browse/A-1", "/jira", "text",
}

func TestBodyMatchesReference(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Join(rapid.SliceOf(rapid.SampledFrom(pieces)).Draw(t, "pieces"), "")
		public := rapid.SampledFrom([]string{"", "x", public, "https://acme.atlassian.net", "http://[::1]:8080/jira"}).Draw(t, "public")
		source := &splitReader{rest: in, size: func() int { return rapid.IntRange(0, 40).Draw(t, "chunk") }}
		got, err := readBy(m.Body(source, public), func() int { return rapid.IntRange(1, 40).Draw(t, "read") })
		if want := reference([]byte(in), public); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n  in %q\n got %q\nwant %q", err, in, got, want)
		}
	})
}

// On valid JSON, Body must do to each string value exactly what URL does to it, and nothing else.
func TestBodyMatchesJSON(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.ToValidUTF8(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 8).Draw(t, "pieces"), ""), "?")
	})
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOf(text).Draw(t, "values")
		var want []string
		for _, v := range values {
			want = append(want, m.URL(v, public))
		}
		var in bytes.Buffer
		enc := json.NewEncoder(&in)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(values); err != nil {
			t.Fatal(err)
		}
		body := in.String()
		if rapid.Bool().Draw(t, "escape slashes") {
			body = strings.ReplaceAll(body, "/", `\/`)
		}
		var got []string
		if err := json.NewDecoder(m.Body(io.NopCloser(strings.NewReader(body)), public)).Decode(&got); err != nil {
			t.Fatal(err)
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("\n  in %q\n got %q\nwant %q", body, got, want)
		}
	})
}

func FuzzBody(f *testing.F) {
	for in := range samples() {
		f.Add([]byte(in), uint64(len(in)))
	}
	m := newMapper(f, testBases, testPaths)
	f.Fuzz(func(t *testing.T, in []byte, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		source := &splitReader{rest: string(in), size: func() int { return random.IntN(64) }}
		got, err := readBy(m.Body(source, public), func() int { return 1 + random.IntN(64) })
		if want := reference(in, public); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n  in %q\n got %q\nwant %q", err, in, got, want)
		}
	})
}

// splitReader delivers chunks of the sizes that size asks for, then err or io.EOF.
type splitReader struct {
	rest   string
	size   func() int
	err    error
	closed int
}

func (r *splitReader) Read(p []byte) (int, error) {
	if r.rest == "" && r.err != nil {
		return 0, r.err
	}
	if r.rest == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), r.size())], r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *splitReader) Close() error {
	r.closed++
	return errors.New("closed")
}

// readBy reads everything in pieces of the sizes that size asks for, and fails on a Read that returns neither data nor an error.
func readBy(r io.Reader, size func() int) ([]byte, error) {
	var all []byte
	for {
		p := make([]byte, size())
		n, err := r.Read(p)
		all = append(all, p[:n]...)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		if n == 0 {
			return all, errors.New("Read returned 0, nil")
		}
	}
}

// The words in which nextColon looks must not hide a pair, nor the borrow of one pair invent another.
func TestNextColon(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.SliceOfN(rapid.SampledFrom([]byte(`::::////\\;.0]["x`)), 0, 50).Draw(t, "s")
		i := rapid.IntRange(0, len(s)).Draw(t, "i")
		want := -1
		if at := regexp.MustCompile(`:[/\\]`).FindIndex(s[i:]); at != nil {
			want = i + at[0]
		}
		if got := nextColon(s, i); got != want {
			t.Fatalf("nextColon(%q, %d) = %d, want %d", s, i, got, want)
		}
	})
}
