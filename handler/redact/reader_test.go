package redact

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
)

// readAll reads a text that is one value, whole or skipping it.
func readAll(source io.Reader, skip bool) ([]byte, error) {
	var r reader
	r.reset(source)
	if skip {
		if err := r.skip(); err != nil {
			return nil, err
		}
		return nil, r.end()
	}
	raw, err := r.raw()
	if err != nil {
		return nil, err
	}
	raw = bytes.Clone(raw)
	return raw, r.end()
}

// isJSON asks the oracle.
func isJSON(text []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	_, err := d.ReadValue()
	if err == nil {
		_, err = d.ReadToken()
		return err == io.EOF
	}
	return false
}

var readerTexts = []string{
	`{}`, `[]`, ` { } `, `[[[]]]`, `{"a":{"b":[1,2,{"c":null}]},"d":"e"}`, `"text"`, `""`, `0`, `-0`, `-1.5e+10`, `1E5`, `true`, `null`, `false`,
	`01`, `1.`, `.5`, `+1`, `-`, `1e`, `1e+`, `--1`, `1-2`, `0x1`, `tru`, `nul`, `nulll`, `True`, `NaN`,
	`"\u00e4\n\"\\\/\b\f\r\t"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\u12g4"`, `"\x"`, `"\`, `"`, "\"\x01\"", "\"\t\"", "\"\x7f\"",
	"\"ä\"", "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"12345678ä12345678\"", "\"1234567\xff12345678\"",
	`{`, `[`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `[1,]`, `[,1]`, `[1 2]`, `{"a" 1}`, `{"a":1 "b":2}`, `{a:1}`, `{1:2}`, `[1}`, `{"a":1]`, `}`, `]`, `,`, `:`,
	`{}{}`, `[] x`, `"a" "b"`, `1 2`, ``, ` `, "\ufeff{}", "\v1", "\x00", "[\f1]", `{"a":1,"a":2}`, "\t[\r\n1\n,\n2\n]\n",
	"[\"\\n\x01\"]", "[\"\\n\xff\"]", "[\"\xff\\n\"]", "[\"\xc3\\n\xa4\"]", "{\"\xff\":1}", `[{"a\n":"\n\u00e4\"","ä":{"ö\\":["ü\/",{},[],"\`, `["\\","\\\"","\"",{"b":"\n","c\u0064":1},"\u0061\n","\nä"]`,
	`["` + strings.Repeat("x", 100) + `\\` + strings.Repeat("y", 50) + `"]`,
}

func TestReaderAgreesWithJSONText(t *testing.T) {
	for _, text := range readerTexts {
		agrees(t, []byte(text))
	}
}

// pieces delivers a text in pieces of one byte, two bytes and so on.
type pieces struct {
	io.Reader
	n int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.n++
	return p.Reader.Read(b[:min(p.n, len(b))])
}

// agrees compares the reader with the oracle, and what is plain and in the buffer with what it reads with care.
func agrees(t *testing.T, text []byte) {
	t.Helper()
	want := isJSON(text)
	var nodes []node
	for name, source := range map[string]func() io.Reader{
		"whole":  func() io.Reader { return bytes.NewReader(text) },
		"bytes":  func() io.Reader { return iotest.OneByteReader(bytes.NewReader(text)) },
		"pieces": func() io.Reader { return &pieces{Reader: bytes.NewReader(text)} },
	} {
		got, err := readAll(source(), false)
		if errors.Is(err, errDeep) {
			continue
		}
		if (err == nil) != want {
			t.Errorf("%s, %s: error %v, want JSON: %t", text, name, err, want)
		} else if want && !bytes.Equal(got, bytes.Trim(text, " \t\r\n")) {
			t.Errorf("%s, %s: read %s", text, name, got)
		}
		if _, err := readAll(source(), true); (err == nil) != want {
			t.Errorf("%s, %s, skipped: error %v, want JSON: %t", text, name, err, want)
		}
		if !want {
			continue
		}
		var r reader
		r.reset(source())
		v, _ := r.value()
		if nodes == nil {
			nodes = v.doc.nodes
		}
		if !slices.Equal(v.doc.nodes, nodes) {
			t.Errorf("%s, %s: nodes %v, and %v from another source", text, name, v.doc.nodes, nodes)
		}
	}
}

// FuzzReader compares the reader with jsontext.
func FuzzReader(f *testing.F) {
	for _, text := range readerTexts {
		f.Add([]byte(text))
	}
	f.Fuzz(agrees)
}

func TestMembersAndElements(t *testing.T) {
	var got []string
	for name, value := range parsed([]byte(`{ "a" : [ 1 , "]\"}" ] , "b\u0063":{"x":"}"},"d":1.5,"e":"\\" }`)).members() {
		got = append(got, string(name.text())+"="+string(value.raw()))
	}
	if want := `a=[ 1 , "]\"}" ]|bc={"x":"}"}|d=1.5|e="\\"`; strings.Join(got, "|") != want {
		t.Errorf("members: got %s, want %s", strings.Join(got, "|"), want)
	}
	got = nil
	for value := range parsed([]byte(`[ 1 ,true,[ ],"a,b" , {"c":[2]}]`)).elements() {
		got = append(got, string(value.raw()))
	}
	if want := `1|true|[ ]|"a,b"|{"c":[2]}`; strings.Join(got, "|") != want {
		t.Errorf("elements: got %s, want %s", strings.Join(got, "|"), want)
	}
}

func TestDuplicateNames(t *testing.T) {
	many := `{`
	for i := range 100 {
		many += `"` + strings.Repeat("n", i) + `":1,`
	}
	for object, want := range map[string]bool{
		`{}`: false, `{"a":1,"b":1}`: false, `{"a":1,"b":2,"a":1}`: true, `{"a":1,"\u0061":1}`: true, `{"a":{"b":1},"b":1}`: false,
		many + `"x":1}`: false, many + `"nnn":1}`: true, many + `"x":1,"x":2}`: true,
	} {
		if got := parsed([]byte(object)).hasDuplicate(); got != want {
			t.Errorf("%s: got %t, want %t", object, got, want)
		}
	}
}
