package manager

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// editToken shows the form for changing a token.
func (h *Handler) editToken(w http.ResponseWriter, r *http.Request, v *visit) {
	t, err := h.token(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	h.renderForm(w, r, v, http.StatusOK, h.form(r, v, typedOf(t), &t), nil)
}

// changeToken changes a token as was typed, unless it has changed since the form was shown.
func (h *Handler) changeToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	typed := typed{values}
	before, err := h.token(r, v)
	if unavailable(err) {
		h.keepTyped(w, r, v, typed)
		return
	}
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	if typed.updates() {
		h.updateForm(w, r, v, typed, &before)
		return
	}
	version, err := typed.version()
	if err != nil || version != 0 && version != before.Version {
		h.showStale(w, r, v, typed, before, err)
		return
	}
	edit := typed.changes(before)
	edit["version"] = []byte(strconv.FormatUint(before.Version, 10))
	if typed.ticked("without_asking") {
		edit["check"] = []byte("false")
	}
	err = h.as(r, v).call(http.MethodPatch, "tokens/"+url.PathEscape(before.ID), nil, edit, nil)
	if failed, ok := errors.AsType[answerError](err); ok && failed.Status == http.StatusConflict {
		if now, err := h.token(r, v); err == nil && now.Version != before.Version {
			h.showStale(w, r, v, typed, now, nil)
			return
		}
	}
	if err != nil {
		h.refuseForm(w, r, v, typed, &before, err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"tokens/"+url.PathEscape(before.ID)+"?done=change", http.StatusSeeOther)
}

// updates reports whether the button "Update" was pressed.
func (t typed) updates() bool { return t.text("do") == "update" }

// version returns the version of the token that the form was shown with; 0 if the form has
// none, which means the current one.
func (t typed) version() (uint64, error) {
	if !t.Has("version") {
		return 0, nil
	}
	version, err := strconv.ParseUint(t.Get("version"), 10, 64)
	if err == nil && (version == 0 || len(t.Values["version"]) > 1) {
		err = strconv.ErrRange
	}
	return version, err
}

func unavailable(err error) bool {
	failed, ok := errors.AsType[answerError](err)
	return ok && failed.Status == http.StatusServiceUnavailable
}

// keepTyped shows the form again while the store is away, so that nothing that was typed
// is lost.
func (h *Handler) keepTyped(w http.ResponseWriter, r *http.Request, v *visit, typed typed) {
	form := h.form(r, v, typed, nil)
	form.ID, form.Name, form.OnBehalf, form.Templates = r.PathValue("id"), typed.text("name"), false, nil
	form.Version, _ = typed.version() // 0 is none that a token has
	h.renderForm(w, r, v, http.StatusServiceUnavailable, form, &page.Notice{Tone: page.ToneBad, Text: h.say("form.store")})
}

// showStale shows the form with what was typed, and says what somebody else has changed, or,
// if the version that it was opened on is not known, what the token is now.
func (h *Handler) showStale(w http.ResponseWriter, r *http.Request, v *visit, typed typed, now admin.Token, unknown error) {
	notice := &page.Notice{Tone: page.ToneWarn, Text: h.say("form.stale", h.moment(now.UpdatedAt).Words)}
	if events, err := h.trailOf(r, v, now.ID); err == nil && len(events) > 0 {
		last := h.event(events[0])
		notice.Text = h.say("form.stale.by", last.Text, last.Actor, last.At.Words)
	}
	if unknown != nil {
		notice.Text = h.say("form.unversioned")
	}
	is := typedOf(now)
	for field := range typed.changes(now) {
		name := field
		if other, ok := inputOf[field]; ok {
			name = other
		}
		notice.More = append(notice.More, h.say("form.stale.field", h.say("field."+name), h.shownValue(now, is, field)))
	}
	slices.Sort(notice.More)
	h.renderForm(w, r, v, http.StatusConflict, h.form(r, v, typed, &now), notice)
}

// shownValue returns the value that a field of a token has now.
func (h *Handler) shownValue(now admin.Token, is typed, field string) string {
	text := is.text(field)
	switch field {
	case "expires_at":
		text = h.endsText(now)
	case "confine":
		text = now.Confine.String()
	case "hold_writes":
		text = h.say("yes")
		if !now.HoldWrites {
			text = h.say("no")
		}
	}
	if strings.TrimSpace(text) == "" {
		return h.say("nothing")
	}
	return text
}

func (h *Handler) endsText(t admin.Token) string {
	if t.ExpiresAt.IsZero() {
		return h.say("expires.never")
	}
	return h.moment(t.ExpiresAt).Words
}
