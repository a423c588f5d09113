package manager

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// input is an input of the form of a token, and the field of the token that it sets.
type input struct {
	name, field string
	// empty is what an empty input sets in a token that is changed. A new token is left
	// without the field, so that the policy chooses.
	empty string
}

// textInputs are the inputs whose text is the value of a field.
var textInputs = []input{
	{"name", "name", ""},
	{"purpose", "purpose", ""},
	{"responsible", "responsible", ""},
	{"exempt", "exempt", ""},
	{"not_before", "not_before", "never"},
	{"limit", "limit", ""},
	{"limit_writes", "limit_writes", ""},
	{"max_concurrent", "max_concurrent", ""},
}

// chosenInputs are the inputs of which one value is chosen. Nothing chosen changes nothing.
var chosenInputs = []input{
	{name: "owner", field: "owner"},
	{name: "kind", field: "kind"},
	{name: "scope", field: "scope"},
	{name: "account", field: "account"},
	{name: "expires", field: "expires_at"},
	{name: "expires_on", field: "expires_at"},
}

// inputOf maps the JSON names of fields to the inputs in which they are typed, where the
// names differ.
var inputOf = map[string]string{"expires_at": "expires", "for": "handover_for", "hide": "hide"}

// typed is what was typed into the form of a token.
type typed struct{ url.Values }

// text returns what was typed into an input.
func (t typed) text(name string) string { return strings.TrimSpace(t.Get(name)) }

// words returns the words that were typed into an input, separated by spaces or commas.
func (t typed) words(name string) []string {
	return append([]string{}, strings.Fields(strings.ReplaceAll(t.text(name), ",", " "))...)
}

// ticked reports whether a box is ticked. An empty value beside it says that the form has
// the box.
func (t typed) ticked(name string) bool { return slices.Contains(t.Values[name], "true") }

// owner returns whose token it is: the person's own, unless another name was typed.
func (t typed) owner(person string) string {
	if owner := t.text("owner"); owner != "" {
		return owner
	}
	return person
}

// edit returns the fields of a new token.
func (t typed) edit(person string) token.Edit {
	fields := map[string]any{"owner": t.owner(person)}
	for _, input := range slices.Concat(textInputs, chosenInputs) {
		if text := t.text(input.name); text != "" {
			fields[input.field] = text
		}
	}
	if t.ticked("hold_writes") {
		fields["hold_writes"] = true
	}
	for _, name := range []string{"allow_ip", "deny_ip"} {
		if networks := t.words(name); len(networks) > 0 {
			fields[name] = networks
		}
	}
	if confine := t.confinement(); len(confine) > 0 {
		fields["confine"] = confine
	}
	return encoded(fields)
}

// encoded returns fields as JSON.
func encoded(fields map[string]any) token.Edit {
	edit, err := token.NewEdit(fields)
	if err != nil {
		return token.Edit{} // cannot happen: texts, lists of texts and booleans can be encoded
	}
	return edit
}

// handover returns what the admin API is told about a link instead of the token; nil if
// none is wanted.
func (t typed) handover() json.RawMessage {
	if !t.ticked("handover") {
		return nil
	}
	return encoded(map[string]any{"handover": map[string]string{"for": t.text("handover_for")}})["handover"]
}

// confinement returns what a token sees, without what was left empty.
func (t typed) confinement() map[string]any {
	confine := make(map[string]any)
	if keys := t.projects(); len(keys) > 0 {
		confine["projects"] = keys
	}
	if jql := t.text("jql"); jql != "" {
		confine["jql"] = jql
	}
	if hide := t.hidden(); len(hide) > 0 {
		confine["hide"] = hide
	}
	return confine
}

// projects returns the keys that were typed, and those of the projects that were picked.
func (t typed) projects() []string {
	var keys []string
	for _, key := range append(t.words("projects"), t.Values["project"]...) {
		if key = strings.ToUpper(strings.TrimSpace(key)); key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// wantsProjects reports whether the chosen template wants it said what the token may see.
func (t typed) wantsProjects() bool {
	for _, template := range templates {
		if template.name == t.text("template") {
			return template.wantsProjects
		}
	}
	return false
}

// namesNobody reports whether the form has an input for the owner that is empty.
func (t typed) namesNobody() bool { return t.Has("owner") && t.text("owner") == "" }

// leavesOpen reports whether it was not said what the token may see, although the template
// wants it.
func (t typed) leavesOpen() bool {
	return t.wantsProjects() && len(t.projects()) == 0 && t.text("jql") == "" && !t.ticked("everything")
}

// hidden returns the fields to hide.
func (t typed) hidden() []string {
	var hide []string
	if t.ticked("hide_comments") {
		hide = append(hide, token.HideInternalComments)
	}
	for field := range strings.SplitSeq(t.text("hide"), ",") {
		if field = strings.TrimSpace(field); field != "" && !slices.Contains(hide, field) {
			hide = append(hide, field)
		}
	}
	return hide
}

// changes returns how a token is to change: the fields whose inputs the form has, and that
// differ from those of the token. Sending all would ask Jira about a confinement, and the
// policy about everything, only because a token gets another name.
func (t typed) changes(before admin.Token) token.Edit {
	was := typedOf(before)
	fields := make(map[string]any)
	for _, input := range textInputs {
		if text := t.text(input.name); t.Has(input.name) && text != was.text(input.name) {
			fields[input.field] = text
			if text == "" {
				fields[input.field] = input.empty
			}
		}
	}
	for _, input := range chosenInputs {
		if text := t.text(input.name); text != "" && text != was.text(input.name) && input.field != "owner" && input.field != "kind" {
			fields[input.field] = text
		}
	}
	if t.Has("hold_writes") && t.ticked("hold_writes") != was.ticked("hold_writes") {
		fields["hold_writes"] = t.ticked("hold_writes")
	}
	for _, name := range []string{"allow_ip", "deny_ip"} {
		if t.Has(name) && !slices.Equal(t.words(name), was.words(name)) {
			fields[name] = t.words(name)
		}
	}
	edit := encoded(fields)
	if confine := emptied(t.confinement()); t.Has("projects") || t.Has("jql") || t.Has("hide") {
		is, wanted := encoded(map[string]any{"confine": emptied(was.confinement())}), encoded(map[string]any{"confine": confine})
		if !bytes.Equal(is["confine"], wanted["confine"]) {
			maps.Copy(edit, wanted)
		}
	}
	return edit
}

// emptied returns a confinement in which what is missing is emptied.
func emptied(confine map[string]any) map[string]any {
	for name, empty := range map[string]any{"projects": []string{}, "jql": "", "hide": []string{}} {
		if _, ok := confine[name]; !ok {
			confine[name] = empty
		}
	}
	return confine
}

// typedOf returns the fields of a token as they are typed.
func typedOf(t admin.Token) typed {
	values := url.Values{
		"name": {t.Name}, "purpose": {t.Purpose}, "responsible": {t.Responsible}, "exempt": {t.Exempt}, "owner": {t.Owner}, "kind": {t.Kind.String()},
		"scope": {t.Scope.String()}, "account": {t.Account}, "jql": {t.Confine.JQL},
		"limit": {t.Limit.String()}, "limit_writes": {t.LimitWrites.String()}, "max_concurrent": {t.MaxConcurrent.String()},
	}
	if !t.NotBefore.IsZero() {
		values.Set("not_before", page.Moment{At: t.NotBefore}.Machine())
	}
	if t.HoldWrites {
		values.Set("hold_writes", "true")
	}
	var keys, hide, allowed, denied []string
	for _, project := range t.Confine.Projects {
		keys = append(keys, project.Key)
	}
	for _, field := range t.Confine.Hide {
		if field == token.HideInternalComments {
			values.Set("hide_comments", "true")
		} else {
			hide = append(hide, field)
		}
	}
	for _, network := range t.Networks.Allow {
		allowed = append(allowed, network.String())
	}
	for _, network := range t.Networks.Deny {
		denied = append(denied, network.String())
	}
	values.Set("projects", strings.Join(keys, " "))
	values.Set("hide", strings.Join(hide, ", "))
	values.Set("allow_ip", strings.Join(allowed, " "))
	values.Set("deny_ip", strings.Join(denied, " "))
	return typed{values}
}
