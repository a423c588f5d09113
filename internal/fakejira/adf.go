package fakejira

import "strings"

// document is rich text: plain text (wiki markup) in version 2 of the API, an
// Atlassian Document in version 3. A received document is kept unchanged.
type document struct {
	text string
	adf  map[string]any
}

// plain returns a document with plain text.
func plain(text string) document { return document{text: text} }

// empty reports whether the document has no content.
func (d document) empty() bool { return d.text == "" && d.adf == nil }

// json renders the document for a version of the API. It returns nil if empty.
func (d document) json(version int) any {
	switch {
	case d.empty():
		return nil
	case version < 3:
		return d.text
	case d.adf != nil:
		return d.adf
	}
	var content []any
	for line := range strings.SplitSeq(d.text, "\n") {
		paragraph := map[string]any{"type": "paragraph", "content": []any{}}
		if line != "" {
			paragraph["content"] = []any{map[string]any{"type": "text", "text": line}}
		}
		content = append(content, paragraph)
	}
	return map[string]any{"type": "doc", "version": 1, "content": content}
}

// parseDocument parses rich text from a request. It returns false if that version
// of the API does not accept the value.
func parseDocument(value any, version int) (document, bool) {
	if value == nil {
		return document{}, true
	}
	if version < 3 {
		text, ok := value.(string)
		return document{text: text}, ok
	}
	adf, ok := value.(map[string]any)
	if !ok || adf["type"] != "doc" {
		return document{}, false
	}
	var b strings.Builder
	writeADF(&b, adf)
	return document{text: strings.TrimRight(b.String(), "\n"), adf: adf}, true
}

// writeADF writes the text of a node and its descendants, one line per block.
func writeADF(b *strings.Builder, node map[string]any) {
	if text, ok := node["text"].(string); ok {
		b.WriteString(text)
	}
	children, _ := node["content"].([]any)
	for _, child := range children {
		if m, ok := child.(map[string]any); ok {
			writeADF(b, m)
		}
	}
	switch node["type"] {
	case "paragraph", "heading", "codeBlock", "hardBreak":
		b.WriteByte('\n')
	}
}
