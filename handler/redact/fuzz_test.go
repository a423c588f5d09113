package redact

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

// marker is what must not pass.
const marker = "⟪outside⟫"

// outsideThing is outside whatever it is taken for.
const outsideThing = `{"id":"9","key":"OUT-9","self":"https://j/rest/api/2/project/OUT","issueId":"9","issueKey":"OUT-9","projectId":"10001",` +
	`"projectKey":"OUT","projectTypeKey":"software","scope":{"type":"PROJECT","project":{"id":"10001"}},"location":{"projectId":10001},"originBoardId":6,` +
	`"jsdPublic":false,"public":false,"comment":{"jsdPublic":false,"body":"` + marker + `"},"fieldId":"customfield_10","customFieldId":10,` +
	`"cfid":"cf[10]","items":[],"name":"` + marker + `","summary":"` + marker + `","body":"` + marker + `","value":"` + marker + `",` +
	`"title":"` + marker + `","toString":"` + marker + `","fields":{"summary":"` + marker + `"}}`

// strangeMember is one that no shape names.
const strangeMember = `"⟪strange⟫":{"text":"` + marker + `"}`

// parsed returns a text that is JSON as a value.
func parsed(text []byte) value {
	var r reader
	r.reset(bytes.NewReader(text))
	v, _ := r.value()
	return v
}

// planted returns a response of this shape with things outside wherever they must be dropped, as chance has it.
func planted(to []byte, v value, s *shape, chance *rand.Rand) []byte {
	plant := func() bool { return chance.IntN(4) == 0 }
	switch {
	case v.isObject() && s.isObject() && !s.untouched:
		to = append(to, '{')
		separator := ""
		for name, v := range v.members() {
			to = append(append(append(to, separator...), name.raw()...), ':')
			separator = ","
			if m, _ := s.member(&view{Inside: ours{}}, name.text()); m == nil {
				to = append(to, v.raw()...)
			} else {
				to = planted(to, v, m, chance)
			}
		}
		if s.others == nil && plant() {
			to = append(append(to, separator...), strangeMember...)
		}
		return append(to, '}')
	case v.isArray() && s.isArray() && !s.untouched:
		to = append(to, '[')
		separator := ""
		for v := range v.elements() {
			to = planted(append(to, separator...), v, s.elements, chance)
			separator = ","
		}
		if s.elements.whole() && plant() {
			to = append(append(to, separator...), outsideThing...)
		}
		return append(to, ']')
	case s.unknown && plant():
		return append(to, outsideThing...)
	}
	return append(to, v.raw()...)
}

// FuzzBody redacts responses, some of which hold things outside. What passes is JSON without them, or there is an error.
func FuzzBody(f *testing.F) {
	for i, s := range samples() {
		f.Add(s.answer, []byte(s.source), uint64(0))
		f.Add(s.answer, []byte(s.want), uint64(i+1))
	}
	f.Fuzz(func(t *testing.T, answer string, source []byte, seed uint64) {
		if !isKnown(answer) || answer == Binary || bytes.Contains(source, []byte("⟪")) || bytes.Contains(source, []byte(`\u27`)) {
			return
		}
		if s := shapes[answer]; s != nil && seed > 0 && parsed(source).exists() {
			source = planted(nil, parsed(source), s, rand.New(rand.NewPCG(seed, 0)))
		}
		var reader io.Reader = bytes.NewReader(source)
		if seed%2 == 0 {
			reader = iotest.HalfReader(reader)
		}
		got, err := redacted(t, answer, sampleView, reader)
		switch {
		case err != nil:
		case bytes.Contains([]byte(got), []byte(marker)):
			t.Errorf("%s of %s: passed %s", answer, source, got)
		case got == "" && (answer == Empty || len(bytes.TrimSpace(source)) == 0):
		case !isJSON([]byte(got)):
			t.Errorf("%s of %s: not JSON: %s", answer, source, got)
		case !isJSON(source):
			t.Errorf("%s of %s, which is not JSON, passed %s", answer, source, got)
		}
	})
}

// TestPlanted makes sure that what the fuzz test plants is found in what it plants it in.
func TestPlanted(t *testing.T) {
	count := 0
	for _, s := range samples() {
		for seed := range uint64(100) {
			source := planted(nil, parsed([]byte(s.want)), shapes[s.answer], rand.New(rand.NewPCG(seed, 1)))
			count += bytes.Count(source, []byte(marker))
			got, err := redacted(t, s.answer, sampleView, bytes.NewReader(source))
			if err != nil || bytes.Contains([]byte(got), []byte(marker)) {
				t.Fatalf("%s of %s: error %v, passed %s", s.answer, source, err, got)
			}
		}
	}
	if count < 1000 {
		t.Errorf("planted %d markers", count)
	}
}
