package links

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// TestXML: URLs are mapped at the start of an attribute's value, an element's text or a
// CDATA section that is an element's text, however the body arrives.
func TestXML(t *testing.T) {
	const url, mapped = "https://acme.atlassian.net/rest/x", public + "/rest/x"
	m := newMapper(t, testBases, testPaths)
	for in, want := range map[string]string{
		`<issue self="` + url + `"/>`:                                         `<issue self="` + mapped + `"/>`,
		`<issue self='` + url + `'/>`:                                         `<issue self='` + mapped + `'/>`,
		`<self>` + url + `</self>`:                                            `<self>` + mapped + `</self>`,
		`<self><![CDATA[` + url + `]]></self>`:                                `<self><![CDATA[` + mapped + `]]></self>`,
		`<a><![CDATA[https://acme.atlassian.net/secure/viewavatar]]></a>`:     `<a><![CDATA[` + public + `/secure/viewavatar]]></a>`,
		`<self><![CDATA[see ` + url + `]]></self>`:                            "",
		`<self>see <![CDATA[` + url + `]]></self>`:                            "",
		`<self>[` + url + `]</self>`:                                          "",
		`<self><![CDATA[[` + url + `]]></self>`:                               "",
		`<self><![CDATA[https://acme.atlassian.net.evil.com/rest/x]]></self>`: "",
		`<self><![CDATA[https://acme.atl`:                                     "",
		`<self><![CDATA[`:                                                     "",
		`<self><![CD`:                                                         "",
		`<self><`:                                                             "",
	} {
		if want == "" {
			want = in
		}
		for name, source := range map[string]io.Reader{"whole": strings.NewReader(in), "by the byte": iotest.OneByteReader(strings.NewReader(in))} {
			got, err := io.ReadAll(m.XML(io.NopCloser(source), public))
			if err != nil || string(got) != want {
				t.Errorf("%s: %s became %s (%v), want %s", name, in, got, err, want)
			}
		}
	}
}
