package links

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"testing"
)

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
