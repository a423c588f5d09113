package links

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"sync"
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

func TestSourceErrorComesAfterAllBytes(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	const full = `["https://acme.atlassian.net/rest/x","https:\/\/acme.atlassian.net\/secure\/viewavatar"]`
	broken := errors.New("connection reset")
	for i := range len(full) + 1 {
		source := &splitReader{rest: full[:i], size: func() int { return 7 }, err: broken}
		b := m.Body(source, public)
		got, err := io.ReadAll(b)
		if !errors.Is(err, broken) {
			t.Errorf("cut at %d: error %v", i, err)
		}
		if want := reference([]byte(full[:i]), public); !bytes.Equal(got, want) {
			t.Errorf("cut at %d:\n got %q\nwant %q", i, got, want)
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, broken) {
			t.Errorf("cut at %d: the next Read returned %v", i, err)
		}
	}
}

func TestSourceWithoutProgress(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	source := &splitReader{rest: `x`, size: func() int { return 0 }}
	if _, err := m.Body(source, public).Read(make([]byte, 1)); !errors.Is(err, io.ErrNoProgress) {
		t.Fatalf("error %v, want io.ErrNoProgress", err)
	}
}

func TestReadOfNothing(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	if n, err := m.Body(&splitReader{rest: `x`}, public).Read(nil); n != 0 || err != nil {
		t.Fatalf("Read(nil) = %d, %v", n, err)
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

// What has arrived goes out before the source is read again, but for a quote and what might be a URL after it.
func TestBodyDoesNotWait(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for in, want := range map[string]string{
		`{"a":"b","c":1`:                     `{"a":"b","c":1`,
		`{"a":"http`:                         `{"a":`,
		`{"a":"`:                             `{"a":`,
		`{"a":"httx`:                         `{"a":"httx`,
		`{"a":\"`:                            `{"a":\"`,
		`["https://acme.atlassian.net/rest/`: `["` + public + `/rest/`,
	} {
		r, w := io.Pipe()
		go w.Write([]byte(in))
		b := m.Body(r, public)
		var got []byte
		for len(got) < len(want) {
			p := make([]byte, 100)
			n, err := b.Read(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p[:n]...)
		}
		if string(got) != want {
			t.Errorf("%q: got %q before the rest was there, want %q", in, got, want)
		}
		b.Close()
	}
}

func TestClose(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	source := &splitReader{rest: strings.Repeat("x", 100), size: func() int { return 10 }}
	b := m.Body(source, public)
	if _, err := b.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err == nil || err.Error() != "closed" {
		t.Errorf("Close returned %v, want the source's error", err)
	}
	if err := b.Close(); err != nil || source.closed != 1 {
		t.Errorf("second Close: %v; source closed %d times", err, source.closed)
	}
	if n, err := b.Read(make([]byte, 5)); n != 0 || !errors.Is(err, errClosed) {
		t.Errorf("Read after Close = %d, %v", n, err)
	}
}

// A buffer must have one owner, whoever closes when: with two, bodies would see each other's bytes (and the race
// detector would tell).
func TestBuffersAreNotShared(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			mark := string(rune('a' + i%26))
			r, w := io.Pipe()
			b := m.Body(r, public)
			go func() {
				for range i % 7 {
					io.WriteString(w, strings.Repeat(mark, 1000))
				}
				if i%3 == 0 {
					w.Close()
				} else {
					b.Close() // maybe while Read is waiting
				}
			}()
			got, _ := io.ReadAll(b)
			b.Close()
			b.Close()
			if strings.Trim(string(got), mark) != "" {
				t.Errorf("body of %q has foreign bytes", mark)
			}
		})
	}
	wg.Wait()
}

func TestEndlessString(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	for _, unit := range []string{"x", `\`, `"`, "/", `"https:`, `"https://acme.atlassian.net`, ":/", `"http:\/`} {
		in := strings.Repeat(unit, 1<<20/len(unit))
		p := make([]byte, 32<<10)
		got := 0
		allocs := testing.AllocsPerRun(1, func() {
			b := m.Body(io.NopCloser(strings.NewReader(in)), public)
			got = 0
			for {
				n, err := b.Read(p)
				got += n
				if err != nil {
					break
				}
			}
		})
		if got != len(in) || allocs > 6 {
			t.Errorf("%q again and again: %d of %d bytes, %v allocations", unit, got, len(in), allocs)
		}
	}
}

// searchResult is like the answer of Jira Cloud to a search: about one URL of Jira per 300 bytes, some of other hosts.
func searchResult(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"startAt":0,"maxResults":100,"issues":[`)
	for i := 10000; b.Len() < size; i++ {
		if i > 10000 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"expand":"renderedFields,names,schema,operations,editmeta,changelog","id":"%[1]d",`+
			`"self":"https://acme.atlassian.net/rest/api/2/issue/%[1]d","key":"ACME-%[1]d","fields":{`+
			`"summary":"Release notes: \"draft\" and/or final","created":"2026-03-01T09:15:02.123+0100","labels":["a","b"],`+
			`"description":"See https://acme.atlassian.net/browse/ACME-1 and the minutes.\r\n\r\n* first the parser, then the`+
			` page; nobody needs the old one any more\r\n* ask finance about the contract, it ends in June\r\n",`+
			`"assignee":{"self":"https://acme.atlassian.net/rest/api/2/user?accountId=5b10a2844c20165700ede21g",`+
			`"accountId":"5b10a2844c20165700ede21g","avatarUrls":{"48x48":"https://secure.gravatar.com/avatar/0f?d=mm&s=48",`+
			`"24x24":"https://avatar-management--avatars.us-west-2.prod.public.atl-paas.net/initials/MK-1.png?size=24&s=24"},`+
			`"displayName":"Mia Krystof","active":true,"timeZone":"Europe/Berlin","accountType":"atlassian"},`+
			`"priority":{"self":"https://acme.atlassian.net/rest/api/2/priority/3",`+
			`"iconUrl":"https://acme.atlassian.net/images/icons/priorities/medium.svg","name":"Medium","id":"3"},`+
			`"customfield_10020":null,"customfield_10021":null,"customfield_10022":{"value":"x","id":"10"},`+
			`"status":{"self":"https://acme.atlassian.net/rest/api/2/status/10001","description":"","name":"To Do","id":"10001",`+
			`"statusCategory":{"self":"https://acme.atlassian.net/rest/api/2/statuscategory/2","id":2,"key":"new"}}}}`, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

var benchmarkBases = []string{"https://acme.atlassian.net", "https://api.atlassian.com/ex/jira/11223344-a1b2-3b33-c444-def123456789"}

func TestSearchResult(t *testing.T) {
	m := newMapper(t, testBases, testPaths)
	in := searchResult(300_000)
	got := read(t, m, string(in), public)
	if !json.Valid(in) || !json.Valid(got) || !bytes.Equal(got, reference(in, public)) {
		t.Error("mapped wrongly")
	}
	if mapped := bytes.Count(got, []byte(`"`+public+`/rest/`)); len(in)/mapped > 350 {
		t.Errorf("one mapped URL per %d bytes is not realistic", len(in)/mapped)
	}
}

type closer struct{ bytes.Reader }

func (*closer) Close() error { return nil }

func TestAllocations(t *testing.T) {
	m := newMapper(t, benchmarkBases, testPaths)
	for _, in := range [][]byte{
		searchResult(100_000),
		bytes.ReplaceAll(searchResult(100_000), []byte("/"), []byte(`\/`)),
	} {
		p := make([]byte, 32<<10)
		source := new(closer)
		allocs := testing.AllocsPerRun(100, func() {
			source.Reset(in)
			drain(m.Body(source, public), p)
		})
		// The body, the public URL with escaped slashes, and now and then a buffer that the collector took.
		if allocs > 3 {
			t.Errorf("%v allocations per body", allocs)
		}
	}
}

// drain reads as Caddy's reverse_proxy does.
func drain(b io.ReadCloser, p []byte) (n int) {
	for {
		c, err := b.Read(p)
		n += c
		if err != nil {
			b.Close()
			return n
		}
	}
}

func BenchmarkBody(b *testing.B) {
	m := newMapper(b, benchmarkBases, []string{"/rest/", "/secure/attachment/", "/secure/thumbnail/", "/secure/viewavatar"})
	for _, size := range []struct {
		name  string
		bytes int
	}{{"2kB", 1000}, {"100kB", 100_000}, {"5MB", 5_000_000}} {
		plain := searchResult(size.bytes)
		for _, form := range []struct {
			name string
			text []byte
		}{{"plain", plain}, {"escaped", bytes.ReplaceAll(plain, []byte("/"), []byte(`\/`))}} {
			b.Run(size.name+"/"+form.name, func(b *testing.B) {
				p := make([]byte, 32<<10)
				source := new(closer)
				b.SetBytes(int64(len(form.text)))
				b.ReportAllocs()
				for b.Loop() {
					source.Reset(form.text)
					drain(m.Body(source, public), p)
				}
			})
		}
	}
}

// BenchmarkHostile shows what the worst texts cost that were found: slashes only, and URLs that are almost mapped.
func BenchmarkHostile(b *testing.B) {
	m := newMapper(b, benchmarkBases, testPaths)
	for name, unit := range map[string]string{"slashes": "/", "almost": `"https://acme.atlassian.net/s`, "short": `"http:/`} {
		b.Run(name, func(b *testing.B) {
			in := bytes.Repeat([]byte(unit), 1<<20/len(unit))
			p := make([]byte, 32<<10)
			source := new(closer)
			b.SetBytes(int64(len(in)))
			for b.Loop() {
				source.Reset(in)
				drain(m.Body(source, public), p)
			}
		})
	}
}
