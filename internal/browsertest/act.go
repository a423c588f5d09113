package browsertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Go opens a page and returns the status of the response.
func (p *Tab) Go(path string) int {
	p.t.Helper()
	return p.Leads("opening "+path, func() {
		call(p, "opening "+path, page.Navigate, page.NavigateParams{URL: p.origin + path})
	})
}

// Reload loads the page again, as F5 does: a form that was sent is sent again.
func (p *Tab) Reload() int {
	p.t.Helper()
	return p.Leads("reloading", func() { call(p, "reloading", page.Reload, page.ReloadParams{}) })
}

// Leads does something that leads to a page, waits until that has loaded, and returns the
// status of the response.
func (p *Tab) Leads(what string, do func()) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, chromedp.Func(func(context.Context, *chromedp.Target) error {
		do()
		return nil
	}))
	if err != nil || response == nil {
		p.t.Fatalf("%s: no page: %v\n%s", what, err, p.state())
	}
	return int(response.Status)
}

// Click clicks on the element with a role and a name, once it is there.
func (p *Tab) Click(role, name string) {
	p.t.Helper()
	p.click(p.find(role, name))
}

// Follow clicks on an element that leads to a page, and returns the status of the response.
func (p *Tab) Follow(role, name string) int {
	p.t.Helper()
	element := p.find(role, name)
	return p.Leads(fmt.Sprintf("following the %s %q", role, name), func() { p.click(element) })
}

func (p *Tab) click(element cdp.BackendNodeID) {
	p.t.Helper()
	x, y := p.point(element)
	p.run("clicking", chromedp.MouseClickXY(x, y))
}

// Point moves the pointer to the element with a role and a name.
func (p *Tab) Point(role, name string) {
	p.t.Helper()
	p.point(p.find(role, name))
}

// point moves the pointer to an element, and waits until the element is there: the page may
// still be moving.
func (p *Tab) point(element cdp.BackendNodeID) (x, y float64) {
	p.t.Helper()
	p.waitUntil("an element to be under the pointer", func() error {
		x, y = p.center(element)
		p.run("pointing", chromedp.MouseEvent(chromedp.MouseMoved, x, y))
		there := get(p, "what is under the pointer", onNode[bool](element, `function(x, y) {
			const at = document.elementFromPoint(x, y);
			return this.contains(at) || at?.closest("label")?.control === this;
		}`, x, y))
		if !there {
			return errors.New("something else is")
		}
		return nil
	})
	return x, y
}

// center returns the center of an element, which it scrolls into view.
func (p *Tab) center(element cdp.BackendNodeID) (x, y float64) {
	p.t.Helper()
	call(p, "scrolling", dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: element})
	quads := call(p, "where an element is", dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: element}).Quads
	if len(quads) == 0 {
		p.t.Fatalf("an element to click on cannot be seen\n%s", p.state())
	}
	for i := 0; i < 8; i += 2 {
		x, y = x+quads[0][i]/4, y+quads[0][i+1]/4
	}
	return x, y
}

// Fill types into the input with a label, in place of what it contains.
func (p *Tab) Fill(label, text string) {
	p.t.Helper()
	element := p.find("textbox|searchbox|combobox", label)
	call(p, "focusing "+label, dom.Focus, dom.FocusParams{BackendNodeID: element})
	p.run("typing into "+label, chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	if text == "" {
		p.Press("Delete")
		return
	}
	call(p, "typing into "+label, input.InsertText, input.InsertTextParams{Text: text})
}

// Choose chooses an option of the list with a label, by the option's text.
func (p *Tab) Choose(label, option string) {
	p.t.Helper()
	element := p.find("combobox", label)
	chosen := get(p, "choosing "+option, onNode[bool](element, `function(text) {
		const option = [...this.options].find((o) => o.text.includes(text) && !o.disabled);
		if (!option) return false;
		this.value = option.value;
		this.dispatchEvent(new Event("input", { bubbles: true }));
		this.dispatchEvent(new Event("change", { bubbles: true }));
		return true;
	}`, option))
	if !chosen {
		p.t.Fatalf("the list %q has no option %q that can be chosen\n%s", label, option, p.state())
	}
}

// onNode calls a JavaScript function on an element.
func onNode[T any](element cdp.BackendNodeID, function string, args ...any) chromedp.Action[T] {
	return func(ctx context.Context, target *chromedp.Target) (T, error) {
		var none T
		resolved, err := cdp.Call(ctx, target, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: element})
		if err != nil {
			return none, err
		}
		return chromedp.CallFunctionOn[T](function, func(params *runtime.CallFunctionOnParams) { params.ObjectID = resolved.Object.ObjectID }, args...)(ctx, target)
	}
}

// keys are the keys that have no character of their own.
var keys = map[string]string{"Tab": kb.Tab, "Enter": kb.Enter, "Space": " ", "Delete": kb.Delete, "Escape": kb.Escape, "ArrowDown": kb.ArrowDown}

// Press presses a key: Tab, Shift+Tab, Enter, Space, ArrowDown, Delete, Escape or a character.
func (p *Tab) Press(key string) {
	p.t.Helper()
	plain, shift := strings.CutPrefix(key, "Shift+")
	text, known := keys[plain]
	if !known {
		text = plain
	}
	var options []chromedp.KeyOption
	if shift {
		options = append(options, chromedp.KeyModifiers(chromedp.ModifierShift))
	}
	p.run("pressing "+key, chromedp.KeyEvent(text, options...))
}

// Type types text where the focus is.
func (p *Tab) Type(text string) {
	p.t.Helper()
	call(p, "typing", input.InsertText, input.InsertTextParams{Text: text})
}

// Width sets the width of the window, in CSS pixels.
func (p *Tab) Width(pixels int64) {
	p.t.Helper()
	p.run("setting the width", chromedp.EmulateViewport(pixels, 900))
}

// Dark emulates a system with a dark or light color scheme.
func (p *Tab) Dark(dark bool) {
	p.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	call(p, "setting the color scheme", emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// WithoutScripts turns JavaScript off.
func (p *Tab) WithoutScripts() {
	p.t.Helper()
	call(p, "turning JavaScript off", emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
}

// SetCookie gives the tab a cookie for its site, as if the site had set it.
func (p *Tab) SetCookie(name, value, path string) {
	p.t.Helper()
	call(p, "setting a cookie", network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: p.origin, Path: path, HTTPOnly: new(true)})
}

// Cookie returns the value of the tab's cookie with this name; empty if there is none.
func (p *Tab) Cookie(name, path string) string {
	p.t.Helper()
	for _, cookie := range call(p, "reading cookies", network.GetCookies, network.GetCookiesParams{URLs: []string{p.origin + path}}).Cookies {
		if cookie.Name == name {
			return cookie.Value
		}
	}
	return ""
}

// waitUntil tries until it succeeds.
func (p *Tab) waitUntil(what string, try func() error) {
	p.t.Helper()
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = try(); err == nil {
			return
		}
		if p.ctx.Err() != nil {
			break
		}
	}
	p.t.Fatalf("gave up waiting for %s: %v\n%s", what, err, p.state())
}

// find waits for the element with a role and a name, and returns it. Roles can be several,
// separated by |. It is the first with exactly that name, or the only one whose name
// contains it.
func (p *Tab) find(role, name string) (found cdp.BackendNodeID) {
	p.t.Helper()
	p.waitUntil(fmt.Sprintf("a %s %q", role, name), func() error {
		exactly, containing, err := p.query(role, name)
		switch {
		case err != nil:
			return err
		case len(exactly) > 0:
			found = exactly[0]
		case len(containing) == 1:
			found = containing[0]
		default:
			return fmt.Errorf("there are %d whose name contains that", len(containing))
		}
		return nil
	})
	return found
}

// query returns the elements with a role and a name.
func (p *Tab) query(role, name string) (exactly, containing []cdp.BackendNodeID, err error) {
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	document, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
	if err != nil {
		return nil, nil, err
	}
	for role := range strings.SplitSeq(role, "|") {
		result, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{NodeID: document.Root.NodeID, Role: role})
		if err != nil {
			return nil, nil, err
		}
		for _, node := range result.Nodes {
			if node.Ignored {
				continue
			}
			switch has := nameOf(node); {
			case has == name:
				exactly = append(exactly, node.BackendDOMNodeID)
			case strings.Contains(has, name):
				containing = append(containing, node.BackendDOMNodeID)
			}
		}
	}
	return exactly, containing, nil
}
