package browsertest

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/jiratokens/caddy-jira-tokens/internal/npmtest"
)

// axeFiles pin axe-core by checksum.
//
//go:embed npm
var axeFiles embed.FS

// Axe is axe-core, which finds what keeps people from using a page.
type Axe struct{ source string }

// NewAxe returns axe-core, which it installs with npm into the user's cache directory at
// its first use. Where that fails, the test is skipped; in CI it fails.
func NewAxe(t testing.TB) Axe {
	t.Helper()
	pinned, err := fs.Sub(axeFiles, "npm")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile(filepath.Join(npmtest.Install(t, pinned), "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return Axe{string(source)}
}

// finding is a rule of axe-core that a page violates.
type finding struct {
	ID    string `json:"id"`
	Help  string `json:"help"`
	Nodes []struct {
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

// Check fails the test for everything that axe-core finds on the page: all of WCAG 2.2 AA
// that a program can find, and what axe-core calls best practices.
func (a Axe) Check(p *Tab, what string) {
	p.t.Helper()
	a.check(p, what, "axe.run({ resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })")
}

// CheckContrast checks only what depends on colors.
func (a Axe) CheckContrast(p *Tab, what string) {
	p.t.Helper()
	a.check(p, what, "axe.run({ resultTypes: ['violations'], runOnly: { type: 'rule', values: ['color-contrast', 'link-in-text-block'] } })")
}

// CheckTouch checks only what depends on the width of the window.
func (a Axe) CheckTouch(p *Tab, what string) {
	p.t.Helper()
	a.check(p, what, "axe.run({ resultTypes: ['violations'], runOnly: { type: 'rule', values: ['target-size', 'scrollable-region-focusable', 'color-contrast'] } })")
}

func (a Axe) check(p *Tab, what, run string) {
	p.t.Helper()
	if !Evaluate[bool](p, "'axe' in window") {
		p.run("loading axe-core", chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			result, err := cdp.Call(ctx, target, runtime.Evaluate, runtime.EvaluateParams{Expression: a.source})
			if err == nil && result.ExceptionDetails != nil {
				err = &chromedp.ExceptionError{ExceptionDetails: result.ExceptionDetails}
			}
			return err
		}))
	}
	for _, found := range get(p, "running axe-core", chromedp.Evaluate[[]finding](run+".then((found) => found.violations)", chromedp.EvalAwaitPromise)) {
		var where strings.Builder
		const most = 3
		for _, node := range found.Nodes[:min(len(found.Nodes), most)] {
			fmt.Fprintf(&where, "\n  %s\n    %s", node.HTML, strings.ReplaceAll(node.Summary, "\n", "\n    "))
		}
		p.t.Errorf("%s: axe-core finds %s at %d places: %s%s", what, found.ID, len(found.Nodes), found.Help, where.String())
	}
}
