package manager

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// updateForm shows the form again, with what Jira says about what was typed.
func (h *Handler) updateForm(w http.ResponseWriter, r *http.Request, v *visit, typed typed, before *admin.Token) {
	form := h.form(r, v, typed, before)
	form.FindProject = typed.text("find_project")
	about := url.Values{"owner": {typed.owner(v.person())}}
	pass(typed.Values, about, "kind", "account")
	if before != nil {
		about.Set("owner", before.Owner)
		about.Set("kind", before.Kind.String())
	}
	// Each of them fills in other parts of the form.
	var known sync.WaitGroup
	known.Go(func() { h.findProjects(r, v, typed, about, &form) })
	known.Go(func() { h.findFields(r, v, about, &form) })
	var wrong answerError
	known.Go(func() { wrong = h.countMatches(r, v, typed, about, &form) })
	known.Wait()
	mark(&form, h.draftOf(typed, v.person(), before).typedMistakes(h))
	if wrong.Status != 0 {
		name, text := inputAbout(strings.TrimSuffix(wrong.Message, admin.WithoutAsking))
		if shown, ok := form.Fields[name]; ok && wrong.Status == http.StatusBadRequest {
			shown.Wrong = text
			form.Fields[name] = shown
		} else {
			form.Matches = h.say("known.unasked", text)
		}
	}
	h.renderForm(w, r, v, http.StatusOK, form, nil)
}

// findProjects finds the projects that can be added.
func (h *Handler) findProjects(r *http.Request, v *visit, typed typed, about url.Values, form *page.TokenForm) {
	query := url.Values{"search": {form.FindProject}}
	pass(about, query, "owner", "kind", "account")
	var found admin.KnownProjects
	if err := h.as(r, v).call(http.MethodGet, "jira/projects", query, nil, &found); err != nil {
		form.FoundNote = h.unknown(err)
		return
	}
	taken := make(map[string]bool)
	for _, key := range typed.projects() {
		taken[key] = true
	}
	for _, project := range found.Projects {
		if !taken[project.Key] {
			form.Found = append(form.Found, page.Choice{Value: project.Key, Text: project.Name})
		}
	}
	switch {
	case found.More:
		form.FoundNote = h.say("known.more")
	case len(form.Found) == 0:
		form.FoundNote = h.say("known.none")
	}
}

// findFields finds the fields that can be hidden.
func (h *Handler) findFields(r *http.Request, v *visit, about url.Values, form *page.TokenForm) {
	var found admin.KnownFields
	if h.as(r, v).call(http.MethodGet, "jira/fields", about, nil, &found) != nil {
		return // what keeps Jira from being asked is said about the projects
	}
	for _, field := range found.Fields {
		form.KnownFields = append(form.KnownFields, page.Choice{Value: field.ID, Text: field.Name})
	}
}

// countMatches counts the issues that the token would see. The error is about what was
// typed; its Status is 0 if there is none.
func (h *Handler) countMatches(r *http.Request, v *visit, typed typed, about url.Values, form *page.TokenForm) answerError {
	confine := typed.confinement()
	if len(confine) == 0 {
		return answerError{}
	}
	fields := map[string]any{"confine": confine}
	for name, values := range about {
		fields[name] = values[0]
	}
	var count admin.ConfineCheck
	if err := h.as(r, v).call(http.MethodPost, "jira/matches", nil, encoded(fields), &count); err != nil {
		failed, ok := errors.AsType[answerError](err)
		if !ok {
			failed = answerError{Status: http.StatusBadGateway, Message: h.say("problem.failed")}
		}
		return failed
	}
	if count.Issues != nil {
		form.Matches = h.count("known.matches", *count.Issues)
	}
	return answerError{}
}

// unknown says why Jira was not asked, or has not answered.
func (h *Handler) unknown(err error) string {
	if failed, ok := errors.AsType[answerError](err); ok {
		return h.say("known.unasked", strings.TrimSuffix(failed.Message, admin.WithoutAsking))
	}
	return h.say("problem.failed")
}
