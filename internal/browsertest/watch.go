package browsertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// watch records what no page of ours may do.
func (p *Tab) watch(event any) {
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		url := event.Request.URL
		if !strings.HasPrefix(url, p.origin+"/") && !strings.HasPrefix(url, "about:") {
			p.problem("a request to another site: %s %s", event.Request.Method, url)
		}
	case *log.EventEntryAdded:
		// An error status is for the test to judge.
		if event.Entry.Level == log.EntryLevelError && event.Entry.Source != log.EntrySourceNetwork {
			p.problem("the browser reports: %s (%s)", event.Entry.Text, event.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		p.problem("the script failed: %v", &chromedp.ExceptionError{ExceptionDetails: event.ExceptionDetails})
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.ConsoleAPICalledTypeError || event.Type == runtime.ConsoleAPICalledTypeWarning || event.Type == runtime.ConsoleAPICalledTypeAssert {
			var said []string
			for _, argument := range event.Args {
				said = append(said, string(argument.Value))
			}
			p.problem("the script reports: %s", strings.Join(said, " "))
		}
	case *audits.EventIssueAdded:
		switch event.Issue.Code {
		case audits.InspectorIssueCodeContentSecurityPolicyIssue, audits.InspectorIssueCodeMixedContentIssue,
			audits.InspectorIssueCodeQuirksModeIssue, audits.InspectorIssueCodeStylesheetLoadingIssue:
			details, _ := json.Marshal(event.Issue.Details) // it came as JSON
			p.problem("the browser reports a %s: %s", event.Issue.Code, details)
		}
	}
}

func (p *Tab) problem(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// Expect says that a problem whose text contains the text is part of the test.
func (p *Tab) Expect(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expected = append(p.expected, text)
}

// unexpected returns the problems that the test does not expect.
func (p *Tab) unexpected() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.problems), func(problem string) bool {
		return slices.ContainsFunc(p.expected, func(text string) bool { return strings.Contains(problem, text) })
	})
}
