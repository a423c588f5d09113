package jira

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentedConfinement: docs/confinement.md says of the common operations
// which of them a confined token can use, as the table has it.
func TestDocumentedConfinement(t *testing.T) {
	text, err := os.ReadFile("../docs/confinement.md")
	if err != nil {
		t.Fatal(err)
	}
	base := "/rest/api/3/"
	heading := regexp.MustCompile("^\\*\\*.*?(?:`(/.*/)`.*)?\\*\\*$")
	row := regexp.MustCompile("^\\| `([A-Z, ]+) ([a-zA-Z/{}]+)` \\| (.*) \\|$")
	parameter := regexp.MustCompile(`\{.*?\}`)
	operations := 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if found := heading.FindStringSubmatch(line); found != nil {
			base = "/rest/api/3/"
			if found[1] != "" {
				base = found[1]
			}
		}
		found := row.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		for method := range strings.SplitSeq(found[1], ", ") {
			operations++
			_, match := defaultOperations(t).Access(method, parameter.ReplaceAllString(base+found[2], "10000"))
			if match.Confinement == nil {
				t.Errorf("%s %s%s is not in the table", method, base, found[2])
				continue
			}
			refused := match.Confinement.Rule == RuleNone
			if says := strings.HasPrefix(found[3], "refused"); says != refused {
				t.Errorf("%s %s%s: refused is %t; the page says %q", method, base, found[2], refused, found[3])
			}
		}
	}
	if operations < 120 {
		t.Errorf("the page has %d operations", operations)
	}
}
