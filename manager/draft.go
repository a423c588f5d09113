package manager

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// draft is the token that somebody is typing, as far as it can be understood.
type draft struct {
	typed typed
	// before is the token that is changed, or nil.
	before *admin.Token
	edit   token.Edit
	record *token.Record
	faults []token.Fault
	// missing is set if it was not said what the token may see.
	missing error
}

// draftOf returns what was typed as a token: a new one, or before with changes.
func (h *Handler) draftOf(typed typed, person string, before *admin.Token) draft {
	record, edit := &token.Record{Scope: token.ScopeRead, Status: token.StatusActive, CreatedAt: h.now()}, typed.edit(person)
	if before != nil {
		changed := *before.Record
		record, edit = &changed, typed.changes(*before)
	}
	d := draft{typed: typed, before: before, edit: edit, record: record, faults: edit.Faults(record, h.now())}
	if before == nil && typed.leavesOpen() {
		d.missing = errors.New("projects: " + h.say("draft.missing.projects"))
	}
	seen := record.Confine
	if seen.JQL == "" { // also if the projects are not understood
		seen.JQL = typed.text("jql")
	}
	if _, err := confine.NewView(seen); err != nil {
		d.faults = append(d.faults, token.Fault{Err: token.InvalidError{Field: "confine", Err: admin.JQLError(err)}, Unclear: true})
	}
	return d
}

// sentence says what the token could do, as far as the policy lets it, and which of it is not
// understood yet.
func (d draft) sentence(o offer) string {
	h := o.h
	unknown := make(map[string]bool)
	var remarks []string
	for _, fault := range d.faults {
		unknown[fault.Err.Field] = true
		key := "draft.impossible." + fault.Err.Field
		if fault.Unclear {
			key = "draft.unclear." + fault.Err.Field
		}
		if remark, err := h.pages.Words().Say(key); err == nil { // the sentence does not speak of all fields
			remarks = append(remarks, remark)
		}
	}
	if d.missing != nil {
		unknown["projects"] = true
		remarks = append(remarks, h.say("draft.missing.confine"))
	} else if d.record.Exempt == "" && !unknown["confine"] && o.unconfined(d.record.Confine) {
		unknown["projects"] = true
		remarks = append(remarks, h.say("draft.missing.required"))
	}
	return strings.Join(append([]string{o.limited(*d.record).SentenceBut(unknown)}, remarks...), " ")
}

// mistake is what is wrong with what was typed into an input.
type mistake struct{ input, text string }

// mistakes returns all that is known to be wrong.
func (d draft) mistakes(h *Handler) []mistake {
	faults := d.faults
	if d.missing != nil {
		faults = append(slices.Clone(faults), token.Fault{Err: token.InvalidError{Field: "confine", Err: d.missing}})
	}
	found := make([]mistake, len(faults))
	for i, fault := range faults {
		found[i].input, found[i].text = d.typed.inputAbout(fault.Err.Field + ": " + fault.Err.Error())
		if empty, err := h.pages.Words().Say("draft.empty." + found[i].input); err == nil && d.typed.text(found[i].input) == "" {
			found[i].text = empty
		}
	}
	if d.namesNobody() {
		found = append(found, mistake{"owner", h.say("draft.empty.owner")})
	}
	return found
}

// namesNobody reports whether the name of the owner of a new token was removed.
func (d draft) namesNobody() bool { return d.before == nil && d.typed.namesNobody() }

// forbidden returns what the policy would refuse, by input, in the words of the refusal.
func (d draft) forbidden(v *visit) map[string]string {
	var old *token.Record
	if d.before != nil {
		old = d.before.Record
	}
	forbidden := make(map[string]string)
	for _, refused := range v.desk.Violations(old, d.record, d.edit.Has) {
		message := admin.MessageFor(v.visitor(), refused)
		if !v.desk.Manages() {
			message = withoutRules(message)
		}
		input, text := d.typed.inputAbout(message)
		forbidden[input] = text
	}
	return forbidden
}

// typedMistakes returns what is wrong with what was typed so far, by input. What was left
// empty may be typed later.
func (d draft) typedMistakes(h *Handler) map[string]string {
	wrong := make(map[string]string)
	for _, mistake := range d.mistakes(h) {
		if d.typed.text(mistake.input) != "" {
			wrong[mistake.input] = mistake.text
		}
	}
	return wrong
}

// described is what there is to say about a token while it is typed.
type described struct {
	Sentence string `json:"sentence"`
	// Wrong says what is wrong with what was typed into an input, or is empty.
	Wrong map[string]string `json:"wrong"`
}

// aboutJira are the inputs that Jira is asked about, too.
var aboutJira = []string{"projects", "jql", "hide"}

// describeToken answers with the sentence about what was typed, and says what is wrong, and
// what the policy would refuse. Nothing is created, and what was left empty may be typed later.
func (h *Handler) describeToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	typed := typed{values}
	var before *admin.Token
	if typed.text("id") != "" {
		t, err := h.tokenNamed(r, v, typed.text("id"))
		if err != nil {
			h.refused(w, r, v, err)
			return
		}
		before = &t
	}
	draft := h.draftOf(typed, v.person(), before)
	sentence := draft.sentence(h.offerFor(v, typed, before))
	answer, wrong, forbidden := described{sentence, make(map[string]string)}, draft.typedMistakes(h), draft.forbidden(v)
	for _, input := range formFields {
		if !typed.Has(input) || slices.Contains(aboutJira, input) {
			continue
		}
		answer.Wrong[input] = wrong[input]
		if wrong[input] == "" && typed.text(input) != "" {
			answer.Wrong[input] = forbidden[input]
		}
	}
	answer.Sentence, _ = token.CutSecrets(answer.Sentence)
	for input, text := range answer.Wrong {
		answer.Wrong[input], _ = token.CutSecrets(text)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the browser may be gone
}

// inputAbout returns the name of the input that an error is about, such as
// "expires_at: it is in the past", and what is wrong.
func (t typed) inputAbout(message string) (name, text string) {
	name, text = inputAbout(message)
	if name == "expires" && t.text("expires_on") != "" {
		name = "expires_on"
	}
	return name, sentence(text)
}

// mark puts what is wrong beside the inputs of a form.
func mark(form *page.TokenForm, wrong map[string]string) {
	for input, text := range wrong {
		if shown, ok := form.Fields[input]; ok {
			shown.Wrong = text
			form.Fields[input] = shown
		}
	}
}
