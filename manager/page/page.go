// Package page renders the token manager's pages: templates, words, style and
// script, and the values that they show. It knows nothing of stores, policy or HTTP
// sessions: package manager fills in the values.
package page

import (
	"embed"
	"fmt"
	"html/template"
	"io"
	"path"
)

//go:embed templates/*.html
var templates embed.FS

// Frame is what a page shows around its content.
type Frame struct {
	// Title is the heading, and the first part of the window's title.
	Title string
	// Base is the path under which the manager is mounted, with a final slash.
	Base string
	// Section is the entry of the navigation that the page belongs to.
	Section Section
	// Me is who is signed in, or nil.
	Me *Me
	// Looks is set if whoever is signed in may change nothing: there is a banner, and all that
	// leads to changes is disabled.
	Looks bool
	// Notice is a message above the content, or nil.
	Notice *Notice
	// Content is what the template shows.
	Content any
}

// Section is an entry of the navigation.
type Section string

// The sections, in order. All but one's own tokens and account need the right to manage.
const (
	SectionOverview Section = "overview"
	SectionMine     Section = "mine"
	SectionOwn      Section = "own"
	SectionAll      Section = "all"
	SectionRequests Section = "requests"
	SectionOwners   Section = "owners"
	SectionAccounts Section = "accounts"
	SectionTrail    Section = "trail"
)

// Me is who is signed in.
type Me struct {
	// Name is the owner's name.
	Name string
	// Manage reports whether the policy gives the right to manage everybody's tokens.
	Manage bool
	// MayConnect reports whether the gateway can act as its users in Jira.
	MayConnect bool
	// Waiting is how many requests wait for a decision; empty if none does.
	Waiting string
	// MaySignOut is false if something in front of the manager has signed in.
	MaySignOut bool
	// MaySignIn offers somebody who has not signed in to do so as somebody else.
	MaySignIn bool
}

// Notice is a message above the content.
type Notice struct {
	Tone Tone
	Text string
	// More are further lines, shown as a list.
	More []string
	// Links lead to the inputs that something is wrong with.
	Links []Hint
}

// Tone says how a message or a state is tinted. The words say the same.
type Tone string

// The tones.
const (
	ToneQuiet Tone = "quiet"
	ToneGood  Tone = "good"
	ToneWarn  Tone = "warn"
	ToneBad   Tone = "bad"
)

// Pages renders pages.
type Pages struct {
	words  Words
	assets *Assets
	byName map[string]*template.Template
}

// New parses the templates. cut returns what was typed without the tokens that are in it:
// people paste them into the wrong input, and a page that shows them again stays in the browser.
func New(cut func(string) string) (*Pages, error) {
	words, err := English()
	if err != nil {
		return nil, err
	}
	assets, err := newAssets()
	if err != nil {
		return nil, err
	}
	p := &Pages{words: words, assets: assets, byName: make(map[string]*template.Template)}
	frame := template.New("").Funcs(template.FuncMap{
		"t": words.Say, "n": words.Count, "asset": assets.Path, "dict": dict, "cut": cut,
	})
	if frame, err = frame.ParseFS(templates, "templates/frame.html", "templates/parts.html"); err != nil {
		return nil, fmt.Errorf("the page's templates: %w", err)
	}
	files, err := templates.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		name := file.Name()
		if name == "frame.html" || name == "parts.html" {
			continue
		}
		parsed, err := template.Must(frame.Clone()).ParseFS(templates, path.Join("templates", name))
		if err != nil {
			return nil, fmt.Errorf("the page's templates: %w", err)
		}
		p.byName[name[:len(name)-len(".html")]] = parsed
	}
	return p, nil
}

// Assets returns the style and the script.
func (p *Pages) Assets() *Assets { return p.assets }

// Words returns the text of the pages.
func (p *Pages) Words() Words { return p.words }

// Render writes the page with this name.
func (p *Pages) Render(w io.Writer, name string, frame Frame) error {
	parsed, ok := p.byName[name]
	if !ok {
		return fmt.Errorf("there is no page %q", name)
	}
	return parsed.ExecuteTemplate(w, "frame", frame)
}

// dict returns its arguments, names and values in turns, as a map: what a part of a
// page gets.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: the name %v is not a string", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}
