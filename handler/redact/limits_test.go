package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestLargeValues(t *testing.T) {
	large := strings.Repeat("x", maxValue+window)
	for name, c := range map[string]struct {
		source string
		want   error
	}{
		"text of 3 MB":        {`{"fields":{"summary":"` + large[:3<<20] + `"}}`, nil},
		"text":                {`{"fields":{"summary":"` + large + `"}}`, errTooLarge},
		"escaped text":        {`{"fields":{"summary":"` + strings.Repeat(`\n`, maxValue) + `"}}`, errTooLarge},
		"skipped text":        {`{"more":"` + large + `"}`, errTooLarge},
		"name":                {`{"` + large + `":1}`, errTooLarge},
		"linked issue":        {`{"fields":{"parent":{"key":"IN-1","fields":{"summary":"` + large + `"}}}}`, errTooLarge},
		"number":              {`{"id":` + strings.Repeat("1", maxValue+window) + `}`, errTooLarge},
		"white space":         {`{` + strings.Repeat(" ", maxValue+window) + `}`, errTooLarge},
		"skipped array":       {`{"more":[` + strings.Repeat(`"xxxxxxxxxxxxxxx",`, maxValue/8) + `1]}`, nil},
		"many small elements": {`{"fields":{"subtasks":[` + strings.Repeat(`{"key":"OUT-1"},`, maxValue/8) + `{"key":"IN-1"}]}}`, nil},
	} {
		_, err := redacted(t, "issue", ours{}, strings.NewReader(c.source))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: error %v, want %v", name, err, c.want)
		}
	}
}

func TestDeepNesting(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth) }
	for source, want := range map[string]error{
		`{"fields":{"description":` + nested(900) + `}}`:          nil,
		`{"fields":{"customfield_1":` + nested(900) + `}}`:        nil,
		`{"fields":{"description":` + nested(1_000_000) + `}}`:    errDeep,
		`{"fields":{"customfield_1":` + nested(1_000_000) + `}}`:  errDeep,
		`{"more":` + nested(1_000_000) + `}`:                      errDeep,
		`{"fields":{"subtasks":[` + nested(1_000_000) + `]}}`:     errDeep,
		`{"fields":{"more":` + strings.Repeat(`{"a":`, 1_000_000): errDeep,
	} {
		if _, err := redacted(t, "issue", ours{}, strings.NewReader(source)); !errors.Is(err, want) {
			t.Errorf("%.60s: error %v, want %v", source, err, want)
		}
	}
}

// Members that pass together, and more of them than a chunk or the buffer holds.
func TestManyMembers(t *testing.T) {
	var members strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&members, `,"customfield_1%05d":%s`, i, [...]string{`null`, `"text"`, `12`, `true`}[i%4])
	}
	start, all := `{"fields":{"summary":"ours"`, members.String()
	source := start + all + `,"customfield_20":"ä","strange":"SECRET","customfield_21":"\n","customfield_10":"SECRET"` + strings.ReplaceAll(all, "field_1", "field_3")
	want := start + all + `,"customfield_20":"ä","customfield_21":"\n"` + strings.ReplaceAll(all, "field_1", "field_3") + `}}`
	in := ours{hide: []string{"customfield_10"}}
	got, err := redacted(t, "issue", in, &pieces{Reader: strings.NewReader(source + `}}`)})
	if got != want || err != nil {
		t.Errorf("%d bytes passed, want %d, error %v", len(got), len(want), err)
	}
	for _, broken := range []string{`,}}`, `]}`, `,"summary":"ours"}}`, `,"a"}}`, ``} {
		if _, err := redacted(t, "issue", in, strings.NewReader(source+broken)); err == nil {
			t.Errorf("members that end in %s pass", broken)
		}
	}
}

// endless is a response with the same element again and again.
type endless struct {
	rest    []byte // to deliver next
	element []byte
	end     []byte
	left    int // elements
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(e.rest) == 0 {
			switch {
			case e.left > 0:
				e.rest = e.element
				e.left--
			case e.end != nil:
				e.rest, e.end = e.end, nil
			default:
				return n, io.EOF
			}
		}
		c := copy(p[n:], e.rest)
		n, e.rest = n+c, e.rest[c:]
	}
	return n, nil
}

// However long a response is, it takes no more memory than a few buffers.
func TestLongResponse(t *testing.T) {
	const size = 128 << 20
	body := strings.Repeat("It ends in June. ", 1<<14)
	element := []byte(`{"key":"IN-1","fields":{"description":"` + body + `","parent":{"key":"OUT-1","fields":{"summary":"` + body + `"}}}},`)
	source := &endless{rest: []byte(`{"issues":[`), element: element, end: []byte(`{"key":"IN-2"}]}`), left: size / len(element)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	redacted, _, err := Body("issues", io.NopCloser(source), ours{})
	if err != nil {
		t.Fatal(err)
	}
	passed, err := io.Copy(struct{ io.Writer }{io.Discard}, redacted)
	runtime.ReadMemStats(&after)
	if wanted := int64(size / len(element) * len(body)); err != nil || passed < wanted || passed > wanted*11/10 {
		t.Errorf("%d bytes passed, error %v", passed, err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 8<<20 {
		t.Errorf("allocated %d bytes", allocated)
	}
}

// Small responses share buffers, which hold nothing of the one before.
func TestPooledBuffers(t *testing.T) {
	text := searchResult(100_000)
	source := new(closer)
	allocations := testing.AllocsPerRun(20, func() {
		source.Reset(text)
		body, _, err := Body("issues", source, ours{})
		if err == nil {
			_, err = io.Copy(struct{ io.Writer }{io.Discard}, body)
			body.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if limit := 10 + float64(bytes.Count(text, []byte(`"key":"IN-`)))*8; allocations > limit {
		t.Errorf("%g allocations per response, want at most %g", allocations, limit)
	}
}
