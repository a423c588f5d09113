// Package browsertest drives Chromium in tests as a person uses a page: it finds elements
// by their roles and accessible names, as a screen reader does, and not by the structure of
// the page. Every tab fails its test if a page breaks its Content-Security-Policy, its
// script fails, or it asks another site for anything.
package browsertest

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// patience is how long anything may take before a test gives up: minutes, because the
// machine may be busy. A passing test never waits that long.
const patience = 2 * time.Minute

// programs are the names that Chromium has.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

// Browser is a running Chromium.
type Browser struct{ ctx context.Context }

// Start starts Chromium without a window. It ends with the test. Without Chromium, the
// test is skipped; in CI it fails.
func Start(t testing.TB) *Browser {
	t.Helper()
	program := find(t)
	// Root has no sandbox, and a container may have none. The pages are our own.
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("lang", "en-GB"))
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, stop := chromedp.NewContext(allocator)
	t.Cleanup(stop)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting %s: %v", program, err)
	}
	return &Browser{ctx}
}

func find(t testing.TB) string {
	t.Helper()
	for _, name := range programs {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	const missing = "Chromium is not installed: apt-get install chromium"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// Tab is a tab of the browser.
type Tab struct {
	t   testing.TB
	ctx context.Context

	mu sync.Mutex
	// origin is the only one that pages may load anything from, and allowed are
	// problems that the test expects.
	origin   string
	problems []string
	expected []string
}

// Open opens a tab for the site with this origin, such as http://127.0.0.1:8080, with
// cookies of its own.
func (b *Browser) Open(t testing.TB, origin string) *Tab {
	t.Helper()
	return open(t, b.ctx, origin, chromedp.WithNewBrowserContext())
}

// Beside opens another tab with the same cookies.
func (p *Tab) Beside(origin string) *Tab {
	p.t.Helper()
	return open(p.t, p.ctx, origin)
}

func open(t testing.TB, parent context.Context, origin string, options ...chromedp.ContextOption) *Tab {
	t.Helper()
	p := &Tab{t: t, origin: origin}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(p.watch))...)
	p.ctx = ctx
	t.Cleanup(func() {
		for _, problem := range p.unexpected() {
			t.Error(problem)
		}
		cancel()
	})
	if err := chromedp.Do(ctx); err != nil { // the tab lasts as long as this context
		t.Fatalf("opening a tab: %v", err)
	}
	p.run("watching a tab", enable(log.Enable), enable(audits.Enable), enable(accessibility.Enable), enable(network.Enable))
	p.Width(1280)
	return p
}

// enable returns an action that makes the browser send a domain's events.
func enable[P any](command cdp.Command[P, cdp.Empty]) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		var none P
		_, err := cdp.Call(ctx, target, command, none)
		return err
	})
}

// run runs actions, or fails the test.
func (p *Tab) run(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, p.state())
	}
}

// get runs an action and returns its value, or fails the test.
func get[T any](p *Tab, what string, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
	return value
}

// call sends a command to the browser, or fails the test.
func call[P, R any](p *Tab, what string, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	return get(p, what, func(ctx context.Context, target *chromedp.Target) (R, error) {
		return cdp.Call(ctx, target, command, params)
	})
}
