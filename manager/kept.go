package manager

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// maxForm is the maximum size of a form, in bytes.
	maxForm = 256 << 10
	// maxDrain is how much more of a form is read, so that the browser shows the answer and
	// not that the connection was closed.
	maxDrain = 8 << 20
	// maxShown is how much of a value is shown if its form was not accepted, in bytes.
	maxShown = 8 << 10
)

// errNoForm means that what was sent is not in the encoding of a page's forms. net/http would
// take it for an empty form, and leave out what is in it.
var errNoForm = errors.New("expected application/x-www-form-urlencoded")

// isForm reports whether a request says that it has a form in the encoding of the page's own.
func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// parse reads the form of a request, as far as the maximum. It reports false if there is
// more.
func parse(r *http.Request) (whole bool, err error) {
	if r.PostForm != nil {
		return true, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return true, err
	}
	if len(body) > 0 && !isForm(r) {
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain))
		r.Body = http.NoBody
		return true, errNoForm
	}
	if len(body) > maxForm {
		body = body[:maxForm]
		if escape := bytes.LastIndexByte(body, '%'); escape > maxForm-3 {
			body = body[:escape] // it is cut off, which would make the whole value invalid
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxDrain)) // the browser may be gone
		r.Body = io.NopCloser(bytes.NewReader(body))
		_ = r.ParseForm() // the rest is shown
		return false, nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return true, r.ParseForm()
}

// typed returns the values of a form.
func (h *Handler) typed(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	whole, err := parse(r)
	switch {
	case errors.Is(err, errNoForm):
		h.problem(w, r, http.StatusUnsupportedMediaType, "problem.encoding")
	case err != nil:
		h.problem(w, r, http.StatusBadRequest, "problem.form")
	case !whole:
		h.problem(w, r, http.StatusRequestEntityTooLarge, "problem.long")
	default:
		return r.PostForm, true
	}
	return nil, false
}

// unkept are the inputs that are not kept: secrets, and what belongs to signing in.
var unkept = []string{"secret", "token", "kept", "kept_to", "next"}

// typedLabels maps the inputs that people type to the keys of their labels.
var typedLabels = map[string]string{
	"name": "field.name", "owner": "field.owner", "responsible": "field.responsible", "purpose": "field.purpose", "exempt": "field.exempt",
	"projects": "field.projects", "jql": "field.jql", "hide": "field.hide", "expires_on": "field.expires_on", "not_before": "field.not_before",
	"allow_ip": "field.allow_ip", "deny_ip": "field.deny_ip", "limit": "field.limit", "limit_writes": "field.limit_writes", "max_concurrent": "field.max_concurrent",
	"reason": "held.reason", "to": "owner.transfer.to", "user": "field.user", "expires_at": "field.expires_at",
}

// kept returns the form of a request that was not accepted, so that nothing that was typed
// is lost but secrets; nil if nothing was sent. Where again is set, the form can be sent
// again.
func (h *Handler) kept(r *http.Request, again bool) *page.Kept {
	if r.Method != http.MethodPost || strings.HasPrefix(r.URL.Path, "/signin") || strings.HasPrefix(r.URL.Path, "/signout") {
		return nil
	}
	if _, err := parse(r); err != nil {
		return nil
	}
	if r.URL.Path == "/tokens/try" && again {
		return h.keptToken(r)
	}
	to := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if r.URL.RawQuery != "" {
		to += "?" + r.URL.RawQuery
	}
	return h.keptForm(r, r.PostForm, to, again)
}

// keptToken keeps a token that was shown once and was to be tried: whoever has sent it has it
// on no other page. It is not carried through signing in.
func (h *Handler) keptToken(r *http.Request) *page.Kept {
	presented, err := token.Parse(r.PostForm.Get("token"))
	if err != nil {
		return nil
	}
	kept := &page.Kept{Token: presented.Reveal()}
	if v := visitIn(r); v != nil {
		kept.Button, kept.Action = h.say("kept.again"), mounted(r).base+"tokens/try"
		for _, name := range []string{"holder", "token"} {
			kept.Fields = append(kept.Fields, page.KeptField{Name: name, Value: r.PostForm.Get(name)})
		}
	}
	return kept
}

// keptForm returns a form that was sent to a path below the mount.
func (h *Handler) keptForm(r *http.Request, values url.Values, to string, again bool) *page.Kept {
	sent := url.Values{}
	for name, texts := range values {
		if slices.Contains(unkept, name) {
			continue
		}
		for _, text := range texts {
			text, _ = token.CutSecrets(text)
			sent.Add(name, text)
		}
	}
	if len(sent) == 0 {
		return nil
	}
	kept := &page.Kept{Button: h.say("kept.again")}
	for _, name := range formOrder(sent) {
		if text := strings.TrimSpace(sent.Get(name)); text != "" && typedLabels[name] != "" {
			if len(text) > maxShown {
				text = strings.ToValidUTF8(text[:maxShown], "") + "…"
			}
			kept.Typed = append(kept.Typed, page.Fact{Name: h.say(typedLabels[name]), Text: text})
		}
	}
	to = safeNext(to)
	if !again || to == "" {
		return kept
	}
	if to == "tokens/new" || strings.HasPrefix(to, "tokens/new?") || strings.HasSuffix(to, "/edit") {
		sent.Set("do", "update") // shows the form, and nothing else
		kept.Button = h.say("kept.form")
	}
	kept.Action, kept.To, kept.Encoded = mounted(r).base+to, to, sent.Encode()
	for _, name := range formOrder(sent) {
		for _, text := range sent[name] {
			kept.Fields = append(kept.Fields, page.KeptField{Name: name, Value: text})
		}
	}
	return kept
}

// formOrder returns the names of inputs, those of the form of a token in its order.
func formOrder(values url.Values) []string {
	names := slices.Collect(maps.Keys(values))
	slices.SortFunc(names, func(a, b string) int {
		i, j := slices.Index(formFields, a), slices.Index(formFields, b)
		if i != j {
			return i - j
		}
		return strings.Compare(a, b)
	})
	return names
}

// signInFirst answers a form that was sent after its session had ended: it can be sent
// again once its sender has signed in.
func (h *Handler) signInFirst(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.typed(w, r); !ok {
		return
	}
	content := page.SignIn{Kept: h.kept(r, true)}
	h.showSignIn(w, r, http.StatusUnauthorized, content, h.say("problem.signin"))
}

// carried returns the form that was sent along with a credential; nil if there is none.
func (h *Handler) carried(r *http.Request) *page.Kept {
	values, err := url.ParseQuery(r.PostFormValue("kept"))
	if err != nil || len(values) == 0 {
		return nil
	}
	return h.keptForm(r, values, r.PostFormValue("kept_to"), true)
}
