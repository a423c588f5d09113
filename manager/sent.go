package manager

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"regexp"

	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// formNumber is the form of rand.Text.
var formNumber = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// newID returns the ID of the token that a form makes, or "" if the form has no number. The
// store has each ID once, so a form that is sent again makes no other token: by a reload of
// the page that shows the first, by Back, by a double click, or from another tab. Rotations
// need no number: the version of the token has changed.
func newID(person string, values url.Values) string {
	number := values.Get("number")
	if !formNumber.MatchString(number) {
		return ""
	}
	// The person is part of it, so that nobody can take the ID of somebody else's form.
	return token.IDFrom(sha256.Sum256([]byte(token.Fold(person) + "\x00" + number)))
}

// wasSent reports whether there is a token with the ID that a form gives its token, or was
// one until it was deleted. It answers the request then.
func (h *Handler) wasSent(w http.ResponseWriter, r *http.Request, v *visit, id string, values url.Values) bool {
	if id == "" {
		return false
	}
	record, err := h.app.Registry().Show(r.Context(), id)
	if errors.Is(err, storage.ErrNotFound) {
		deleted, err := h.app.Registry().Deleted(r.Context(), id)
		if err == nil && deleted {
			values.Del("number") // what was typed is in another form now
			h.renderForm(w, r, v, http.StatusConflict, h.form(r, v, typed{values}, nil), &page.Notice{Tone: page.ToneWarn, Text: h.say("sent.deleted")})
		}
		return err == nil && deleted
	}
	if err != nil {
		return false // there is none; or creating one says what is wrong
	}
	content := page.Problem{Text: h.say("sent.text", record.Name), URL: mounted(r).base + "tokens", Button: h.say("sent.list")}
	if _, err := h.tokenNamed(r, v, id); err == nil { // those of others can be hidden from whoever made them
		content.URL, content.Button = mounted(r).base+"tokens/"+id, h.say("sent.token")
	}
	h.render(w, r, http.StatusConflict, "error", v, page.Frame{Title: h.say("sent.title"), Section: page.SectionMine, Content: content})
	return true
}
