package browsertest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

func nameOf(node *accessibility.Node) string {
	var name string
	if node.Name != nil && json.Unmarshal(node.Name.Value, &name) == nil {
		return strings.Join(strings.Fields(name), " ")
	}
	return ""
}

// Picture returns what the window shows, as PNG.
func (p *Tab) Picture() []byte {
	p.t.Helper()
	return get(p, "taking a picture", chromedp.CaptureScreenshot())
}

// Evaluate returns the value of a JavaScript expression.
func Evaluate[T any](p *Tab, expression string) T {
	p.t.Helper()
	return get(p, "evaluating "+expression, chromedp.Evaluate[T](expression))
}

// Path returns the path and the query of the page.
func (p *Tab) Path() string {
	p.t.Helper()
	return Evaluate[string](p, "location.pathname + location.search")
}

// Text returns what can be read on the page.
func (p *Tab) Text() string {
	p.t.Helper()
	return Evaluate[string](p, "document.body.innerText")
}

// HTML returns the page as the browser has it now.
func (p *Tab) HTML() string {
	p.t.Helper()
	return Evaluate[string](p, "document.documentElement.outerHTML")
}

// Loaded returns how many bytes the page and everything that it loads have on the way here.
func (p *Tab) Loaded() int {
	p.t.Helper()
	return Evaluate[int](p, `[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
		.filter((loaded) => ["navigation", "link", "script", "img", "css"].includes(loaded.initiatorType))
		.reduce((sum, loaded) => sum + loaded.encodedBodySize, 0)`)
}

// Wait waits until the page shows the text.
func (p *Tab) Wait(text string) {
	p.t.Helper()
	p.waitUntil(fmt.Sprintf("the text %q", text), func() error {
		if strings.Contains(p.Text(), text) {
			return nil
		}
		return errors.New("it is not on the page")
	})
}

// WaitGone waits until the page does not show the text.
func (p *Tab) WaitGone(text string) {
	p.t.Helper()
	p.waitUntil(fmt.Sprintf("the text %q to go", text), func() error {
		if !strings.Contains(p.Text(), text) {
			return nil
		}
		return errors.New("it is still on the page")
	})
}

// WaitFor waits until there is an element with the role and the name.
func (p *Tab) WaitFor(role, name string) {
	p.t.Helper()
	p.find(role, name)
}

// Shows fails the test unless the page shows the texts.
func (p *Tab) Shows(texts ...string) {
	p.t.Helper()
	for shown, i := p.Text(), 0; i < len(texts); i++ {
		if !strings.Contains(shown, texts[i]) {
			p.t.Errorf("%s does not show %q\n%s", p.Path(), texts[i], shown)
		}
	}
}

// Lacks fails the test if the page shows one of the texts.
func (p *Tab) Lacks(texts ...string) {
	p.t.Helper()
	for shown, i := p.Text(), 0; i < len(texts); i++ {
		if strings.Contains(shown, texts[i]) {
			p.t.Errorf("%s shows %q\n%s", p.Path(), texts[i], shown)
		}
	}
}

// Disabled reports whether the element with a role and a name is disabled.
func (p *Tab) Disabled(role, name string) bool {
	p.t.Helper()
	return get(p, "whether "+name+" is disabled", onNode[bool](p.find(role, name), "function() { return this.matches(':disabled') }"))
}

// Value returns what an input contains.
func (p *Tab) Value(label string) string {
	p.t.Helper()
	return get(p, "the value of "+label, onNode[string](p.find("textbox|searchbox|combobox", label), "function() { return this.value }"))
}

// Has reports whether there is an element with the role and the name now.
func (p *Tab) Has(role, name string) bool {
	p.t.Helper()
	exactly, containing, err := p.query(role, name)
	if err != nil {
		p.t.Fatal(err)
	}
	return len(exactly)+len(containing) > 0
}

// state describes the page, for messages about failed tests.
func (p *Tab) state() string {
	if p.ctx.Err() != nil {
		return ""
	}
	text, err := chromedp.Run(p.ctx, chromedp.Evaluate[string]("location.href + '\\n' + document.body.innerText"))
	if err != nil {
		return err.Error()
	}
	const most = 3000
	return text[:min(len(text), most)]
}
