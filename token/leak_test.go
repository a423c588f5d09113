package token

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

func TestHeldBy(t *testing.T) {
	text := New().Reveal()
	basic := "alice@example.com:" + text
	everyByte := ""
	for _, c := range []byte(text) {
		everyByte += "%" + string("0123456789ABCDEF"[c>>4]) + string("0123456789abcdef"[c&15])
	}
	for name, held := range map[string]string{
		"alone":               text,
		"value":               "fields=summary&access_token=" + text + "&x=1",
		"name":                text + "=1",
		"within a word":       "x" + text + "y",
		"after half a token":  "jt_abc" + text,
		"encoded":             "a=" + everyByte,
		"encoded twice":       "a=" + url.QueryEscape(everyByte),
		"encoded four times":  "a=" + url.QueryEscape(url.QueryEscape(url.QueryEscape(everyByte))),
		"wrong checksum":      text[:Length-1] + flip(text[Length-1]),
		"Basic":               "authorization=Basic+" + base64.StdEncoding.EncodeToString([]byte(basic)),
		"Basic, escaped":      "a=" + url.QueryEscape("Basic "+base64.StdEncoding.EncodeToString([]byte(basic))),
		"base64, URL":         "a=" + base64.RawURLEncoding.EncodeToString([]byte("\xff\xfe\xfb"+text)),
		"base64, one more":    "ab" + base64.RawStdEncoding.EncodeToString([]byte(text)),
		"base64, another end": base64.RawStdEncoding.EncodeToString([]byte("x"+text)) + "a",
	} {
		if !HeldBy(held) {
			t.Errorf("%s: no token found in %q", name, held)
		}
	}
	for _, free := range []string{
		"", "a=1", "jql=text~jt_", "jql=" + text[:Length-1], "a=jt_" + strings.Repeat("x", 60), "%", "a=%zz" + text[1:],
		"a=" + strings.Repeat("YWJj", 40), "nextPageToken=" + base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("page ", 40))),
		"jql=project%20%3D%20A%20AND%20text%20~%20%22jt_0123456789_%22",
	} {
		if HeldBy(free) {
			t.Errorf("a token found in %q", free)
		}
	}
}

func flip(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

func FuzzHeldBy(f *testing.F) {
	f.Add("a=", "&b=1", uint8(0))
	f.Add("%", "%25", uint8(2))
	f.Add("jt_", "YWJj", uint8(4))
	text := New().Reveal()
	f.Fuzz(func(t *testing.T, before, after string, how uint8) {
		held := text
		for range how % 4 {
			held = url.QueryEscape(held)
		}
		if how&4 != 0 {
			before, after = before+"=", "&"+after
			held = base64.StdEncoding.EncodeToString([]byte(":" + held))
		}
		if !HeldBy(before + held + after) {
			t.Errorf("no token found in %q", before+held+after)
		}
	})
}

func BenchmarkHeldBy(b *testing.B) {
	const query = "jql=project%20%3D%20A%20AND%20updated%20%3E%20-7d&fields=summary,status&startAt=0&maxResults=50"
	b.ReportAllocs()
	for b.Loop() {
		HeldBy(query)
	}
}
