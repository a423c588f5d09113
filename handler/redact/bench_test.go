package redact

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/handler/links"
)

const (
	benchPerson = `{"self":"https://acme.atlassian.net/rest/api/2/user?accountId=5b10a2844c20165700ede21g",` +
		`"accountId":"5b10a2844c20165700ede21g","avatarUrls":{"48x48":"https://secure.gravatar.com/avatar/0f?d=mm&s=48",` +
		`"24x24":"https://avatar-management--avatars.us-west-2.prod.public.atl-paas.net/initials/MK-1.png?size=24&s=24"},` +
		`"displayName":"Mia Krystof","active":true,"timeZone":"Europe/Berlin","accountType":"atlassian"}`
	benchText = `"See https://acme.atlassian.net/browse/IN-1 and the minutes.\r\n\r\n* first the parser, then the page; nobody ` +
		`needs the old one any more\r\n* ask finance about the \"contract\", it ends in June\r\n"`
	benchStatus = `{"self":"https://acme.atlassian.net/rest/api/2/status/10001","description":"","name":"To Do","id":"10001",` +
		`"statusCategory":{"self":"https://acme.atlassian.net/rest/api/2/statuscategory/2","id":2,"key":"new"}}`
)

// searchResult is like the answer of Jira Cloud to a search: each issue with a linked one outside, a parent and a lot of empty
// custom fields.
func searchResult(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"startAt":0,"maxResults":100,"issues":[`)
	empty := ""
	for i := range 40 {
		empty += fmt.Sprintf(`"customfield_1%04d":null,`, i)
	}
	for i := 10000; b.Len() < size; i++ {
		if i > 10000 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"expand":"renderedFields,names,schema,operations,editmeta,changelog","id":"%[1]d",`+
			`"self":"https://acme.atlassian.net/rest/api/2/issue/%[1]d","key":"IN-%[1]d","fields":{`+
			`"summary":"Release notes: \"draft\" and/or final","created":"2026-03-01T09:15:02.123+0100","labels":["a","b"],`+
			`"description":`+benchText+`,"assignee":`+benchPerson+`,"reporter":`+benchPerson+`,"status":`+benchStatus+`,`+empty+
			`"parent":{"id":"1","key":"IN-1","self":"https://acme.atlassian.net/rest/api/2/issue/1","fields":{"summary":"ours","status":`+benchStatus+`}},`+
			`"issuelinks":[{"id":"1","type":{"name":"Blocks"},"outwardIssue":{"id":"9","key":"OUT-1","fields":{"summary":"SECRET","status":`+benchStatus+`}}}],`+
			`"customfield_20022":{"self":"https://acme.atlassian.net/rest/api/2/customFieldOption/10","value":"x","id":"10"},"customfield_20023":`+benchText+`,`+
			`"customfield_20024":[{"id":1,"name":"Sprint 1","state":"active","boardId":3,"goal":"","startDate":"2026-03-01T09:15:02.123Z"}]}}`, i)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// discussion is a page of comments, one of three internal, and each with a document of Jira Cloud's version 3.
func discussion(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"startAt":0,"maxResults":5000,"total":5000,"comments":[`)
	for i := 0; b.Len() < size; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"self":"https://acme.atlassian.net/rest/api/3/issue/1/comment/%[1]d","id":"%[1]d","author":`+benchPerson+`,"body":`+
			`{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":`+benchText+`},`+
			`{"type":"text","text":"code","marks":[{"type":"code"}]}]}]},"updateAuthor":`+benchPerson+`,`+
			`"created":"2026-03-01T09:15:02.123+0100","updated":"2026-03-01T09:15:02.123+0100","jsdPublic":%[2]t}`, i, i%3 > 0)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// history is a search for the changes of issues.
func history(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"issues":[`)
	for i := 10000; b.Len() < size; i++ {
		if i > 10000 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"%[1]d","key":"IN-%[1]d","fields":{"summary":"ours"},"changelog":{"startAt":0,"maxResults":20,"total":20,"histories":[`, i)
		for j := range 20 {
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"id":"%d","author":`+benchPerson+`,"created":"2026-03-01T09:15:02.123+0100","items":[`+statusItem+`,`+linkItem+`]}`, j)
		}
		b.WriteString(`]}}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

type closer struct{ bytes.Reader }

func (*closer) Close() error { return nil }

// drain reads all of a body, the way reverse_proxy does.
func drain(b *testing.B, body io.ReadCloser, p []byte) {
	for {
		switch _, err := body.Read(p); err {
		case nil:
		case io.EOF:
			body.Close()
			return
		default:
			b.Fatal(err)
		}
	}
}

// BenchmarkBody compares what redacting a response costs with what mapping its links does.
func BenchmarkBody(b *testing.B) {
	mapper, err := links.New([]string{"https://acme.atlassian.net"}, []string{"/rest/", "/secure/attachment/"})
	if err != nil {
		b.Fatal(err)
	}
	in := ours{internal: true, hide: []string{"customfield_99999"}}
	for _, response := range []struct {
		name, answer string
		text         []byte
	}{
		{"search-2kB", "issues", searchResult(1000)},
		{"search-5MB", "issues", searchResult(5_000_000)},
		{"comments-5MB", "comments", discussion(5_000_000)},
		{"changelog-5MB", "issues", history(5_000_000)},
	} {
		p := make([]byte, 32<<10)
		source := new(closer)
		b.Run(response.name+"/redact", func(b *testing.B) {
			b.SetBytes(int64(len(response.text)))
			b.ReportAllocs()
			for b.Loop() {
				source.Reset(response.text)
				body, _, err := Body(response.answer, source, in)
				if err != nil {
					b.Fatal(err)
				}
				drain(b, body, p)
			}
		})
		b.Run(response.name+"/links", func(b *testing.B) {
			b.SetBytes(int64(len(response.text)))
			for b.Loop() {
				source.Reset(response.text)
				drain(b, mapper.Body(source, "https://jira.example.com"), p)
			}
		})
	}
}

func TestSearchResult(t *testing.T) {
	for answer, text := range map[string][]byte{"issues": searchResult(300_000), "comments": discussion(300_000)} {
		got, err := redacted(t, answer, ours{internal: true}, bytes.NewReader(text))
		if err != nil || strings.Contains(got, "OUT-") || strings.Contains(got, "SECRET") || len(got) < len(text)/2 {
			t.Errorf("%s: %d of %d bytes passed, error %v", answer, len(got), len(text), err)
		}
	}
}
