package browsertest

import "fmt"

// Focus is the element that has the focus.
type Focus struct {
	// Tag is the element's name, Type its attribute type, and Name its accessible name, as
	// far as labels and text give it.
	Tag, Type, Name string
	// Visible reports whether one can see it, and that it has the focus.
	Visible bool
	// Why says what is wrong if Visible is false.
	Why string
}

func (f Focus) String() string { return fmt.Sprintf("%s %s %q", f.Tag, f.Type, f.Name) }

// Focused returns the element that has the focus.
func (p *Tab) Focused() Focus {
	p.t.Helper()
	return Evaluate[Focus](p, `(() => {
		const e = document.activeElement;
		if (!e || e === document.body) return { Tag: "body", Type: "", Name: "", Visible: false, Why: "nothing has the focus" };
		const label = e.labels && e.labels.length ? e.labels[0].innerText : e.getAttribute("aria-label") || e.innerText || "";
		const name = label.replace(/\s+/g, " ").trim();
		const shown = { Tag: e.localName, Type: e.type || "", Name: name, Visible: true, Why: "" };
		const hidden = (why) => ({ ...shown, Visible: false, Why: why });
		const box = e.getBoundingClientRect(), style = getComputedStyle(e);
		if (box.width < 2 || box.height < 2) return hidden("it has no size");
		if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) return hidden("it is outside the window");
		if (!e.checkVisibility({ opacityProperty: true, visibilityProperty: true })) return hidden("it is invisible");
		if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return hidden("it has no outline: " + style.outline);
		const over = document.elementFromPoint(box.left + box.width / 2, Math.min(Math.max(box.top + box.height / 2, 1), innerHeight - 1));
		if (over && over !== e && !e.contains(over) && !over.contains(e)) return hidden("it is covered by a " + over.localName);
		return shown;
	})()`)
}

// TabTo presses Tab until the element with a name has the focus. On the way, every focus
// must be visible.
func (p *Tab) TabTo(name string) {
	p.t.Helper()
	const most = 200
	for range most {
		p.Press("Tab")
		var focus Focus
		p.waitUntil("a focus that can be seen", func() error { // the page may still be scrolling
			focus = p.Focused()
			if focus.Tag == "body" || focus.Visible {
				return nil
			}
			return fmt.Errorf("the focus on the %s cannot be seen: %s", focus, focus.Why)
		})
		if focus.Tag == "body" {
			continue // the end of the page: the browser's own controls are next
		}
		if focus.Name == name {
			return
		}
	}
	p.t.Fatalf("%s: Tab does not lead to %q\n%s", p.Path(), name, p.state())
}
