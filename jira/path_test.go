package jira

import (
	"errors"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCheckPathAccepts(t *testing.T) {
	for _, p := range []string{
		"/", "/rest", "/rest/", "/rest/api/2/issue/ABC-1",
		"/rest/api/2/user/a%40b.com", "/rest/api/2/status/In%20Progress", "/rest/api/2/x/~fred", "/rest/api/2/x/%7Efred",
		"/rest/api/2/x/a:b@c!d$e&f'g(h)i*j+k,l=m", "/rest/api/2/x/%C3%BCn%C3%AF", "/rest/api/2/x/%E5%AE%8C%E4%BA%86%EF%BC%88%E6%B8%88%EF%BC%89",
		"/rest/api/2/x/a%26b%2Bc%3Dd", "/rest/api/2/x/.hidden", "/rest/api/2/x/a..b", "/rest/api/2/x/..a", "/rest/api/2/x/%F0%9F%98%80",
		"/rest/api/2/x/%EF%BF%BD", "/rest/api/2/x.json",
		"/secure/attachment/10000/report.pdf", "/secure/attachment/10000/100%25.txt", "/secure/attachment/10000/a%3Bb%3Fc%23d.txt",
		"/secure/attachment/10000/a%2Eb%2Etxt", "/secure/thumbnail/10000/_thumb_10000.png", "/secure/attachment/10000/%E2%80%A6%20more.txt",
		"/secure/attachment/10000/50%2525.txt", "/secure/attachment/10000/", "/secure/attachment/10000/%EF%BC%91%EF%BC%8Edoc", "/secure/attachment/1/...json",
	} {
		if err := CheckPath(p); err != nil {
			t.Errorf("CheckPath(%q): %v", p, err)
		}
	}
}

func TestCheckPathRefuses(t *testing.T) {
	for _, c := range []struct {
		path, reason string
		position     int
	}{
		{"", "slash", 0},
		{"rest", "slash", 0},
		{"//", "empty segment", 1},
		{"/a//b", "empty segment", 3},
		{"/a/./b", "dots only", 3},
		{"/a/..", "dots only", 3},
		{"/a/..json", "dots only", 3},
		{"/a/....html", "dots only", 3},
		{"/a;b", "semicolon", 2},
		{"/a\\b", "backslash", 2},
		{"/a b", "must be percent-encoded", 2},
		{"/a\x00", "control character", 2},
		{"/\xff", "non-ASCII", 1},
		{"/a%2fb", "encoded slash", 2},
		{"/a%5cb", "encoded backslash", 2},
		{"/a%3b", "encoded semicolon", 2},
		{"/a%252e", "double encoding", 2},
		{"/a%2e", "needs none", 2},
		{"/a%61", "needs none", 2},
		{"/a%5f", "needs none", 2},
		{"/a%0a", "control character", 2},
		{"/a%zz", "malformed", 2},
		{"/a%", "malformed", 2},
		{"/a%4", "malformed", 2},
		{"/a%C3", "not UTF-8", 2},
		{"/a%C3/b", "not UTF-8", 2},
		{"/a%C0%AF", "not UTF-8", 2},
		{"/a%E0%80%AF", "not UTF-8", 2},
		{"/a%F8%80%80%80%AF", "not UTF-8", 2},
		{"/a%ED%A0%80", "not UTF-8", 2},
		{"/a%EF%BC%8F", "slash", 2},
		{"/a%E2%84%80", "slash", 2},
		{"/a%E2%80%A4", "read as one of", 2},
		{"/a%E2%88%95", "read as one of", 2},
		{"/a%EF%BB%BF", "control", 2},
		// File names.
		{"/secure/attachment/1/a;jsessionid=x", "semicolon", 22},
		{"/secure/attachment/1/a%2Fb", "encoded slash", 22},
		{"/secure/attachment/1/a%5Cb", "encoded backslash", 22},
		{"/secure/attachment/1/a%252Fb", "doubly encoded", 21},
		{"/secure/attachment/1/a%25252Fb", "doubly encoded", 21},
		{"/secure/attachment/1/%2e", "dots only", 21},
		{"/secure/attachment/1/%2e%2E", "dots only", 21},
		{"/secure/attachment/1/.%252e", "dots only", 21},
		{"/secure/attachment/1/..%3Bx", "dots only", 21},
		{"/secure/attachment/1/..%253Bx", "dots only", 21},
		{"/secure/attachment/1/a%00b", "control", 22},
		{"/secure/attachment/1/a%2500b", "doubly encoded", 21},
		{"/secure/attachment/1/a%EF%BC%8Fb", "slash", 22},
		{"/secure/attachment/x/a%25b", "double encoding", 22},
		{"/secure/attachment/1/x/a%25b", "double encoding", 24},
		{"/secure/attachment/1/a%25b/", "double encoding", 22},
		{"/secure/attachment//a%25b", "empty segment", 19},
		{"/x/secure/attachment/1/a%25b", "double encoding", 24},
		{"/secure/issueAttachments/1/a%25b", "double encoding", 28},
	} {
		err := CheckPath(c.path)
		var ambiguous *AmbiguousPathError
		if !errors.As(err, &ambiguous) || !strings.Contains(ambiguous.Reason, c.reason) || ambiguous.Position != c.position {
			t.Errorf("CheckPath(%q): %v, want %q at byte %d", c.path, err, c.reason, c.position)
		}
	}
}

// FuzzCheckPath: every decoding of an accepted path has the same segments, none of
// them a dot segment; cleaning removes nothing but a trailing slash; and outside
// file names, decoding twice equals decoding once, and no decoded character
// separates.
func FuzzCheckPath(f *testing.F) {
	for _, p := range []string{
		"/rest/api/2/issue/ABC-1", "/rest/%2e%2e/x", "/a/..;/b", "/secure/attachment/1/a%25%32%66b", "/secure/attachment/1/%25%32%65.",
		"/%EF%BC%8E%EF%BC%8E/", "/a%C3%BCb/", "/secure/thumbnail/12/x%3By%23%3F", "/...json", "/%7e/%40",
	} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p string) {
		if CheckPath(p) != nil {
			return
		}
		decoded, err := url.PathUnescape(p)
		if err != nil {
			t.Fatalf("%q: %v", p, err)
		}
		if !utf8.ValidString(decoded) {
			t.Fatalf("%q does not decode to UTF-8", p)
		}
		if strings.ContainsAny(decoded, "\\\x00\r\n") {
			t.Fatalf("%q decodes to %q", p, decoded)
		}
		clean := path.Clean(decoded)
		if clean != decoded && clean+"/" != decoded {
			t.Fatalf("%q is %q when cleaned", decoded, clean)
		}
		segments := strings.Count(p, "/")
		cut := strings.LastIndexByte(p, '/') + 1
		name := isFileName(p[:cut])
		for text := p; ; {
			if strings.Count(text, "/") != segments {
				t.Fatalf("%q has other segments as %q", p, text)
			}
			for _, segment := range strings.Split(text, "/") {
				segment, _, _ = strings.Cut(segment, ";")
				if segment == "." || segment == ".." {
					t.Fatalf("%q has a dot segment as %q", p, text)
				}
			}
			next := unescapeLeniently(text)
			if next == text {
				break
			}
			if text != p && !name {
				t.Fatalf("%q still changes when decoded twice", p)
			}
			text = next
		}
		if !name && strings.ContainsAny(decoded, ";%?#") {
			t.Fatalf("%q decodes to %q", p, decoded)
		}
		// Go's URL keeps the spelling on the way to Jira.
		u, err := url.ParseRequestURI(p)
		if err != nil || u.EscapedPath() != p || u.RawQuery != "" {
			t.Fatalf("%q is sent on as %v, %v", p, u, err)
		}
	})
}

func BenchmarkCheckPath(b *testing.B) {
	for _, p := range []string{"/rest/api/2/issue/ABC-1234/comment/10001", "/rest/api/2/status/In%20Progress%C3%BC", "/secure/attachment/10000/report.pdf"} {
		b.Run("", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := CheckPath(p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
