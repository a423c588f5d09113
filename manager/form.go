package manager

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// templates are the kinds of tokens to start from, and what they choose.
var templates = []struct {
	name  string
	chose url.Values
}{
	{"bi", url.Values{"scope": {"read"}, "expires": {"90d"}, "hide_comments": {"true"}}},
	{"script", url.Values{"scope": {"write"}, "expires": {"90d"}}},
	{"service", url.Values{"scope": {"write"}, "expires": {"90d"}, "kind": {"service"}}},
	{"agent", url.Values{"scope": {"read"}, "expires": {"30d"}, "hide_comments": {"true"}, "limit": {"60/m"}}},
}

// fieldNames maps the JSON names of fields to the inputs of the form.
var fieldNames = map[string]string{"confine": "projects", "expires_at": "expires", "hold_writes": "scope", "kind": "owner"}

func (h *Handler) newToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values := url.Values{"scope": {"read"}, "expires": {"30d"}, "owner": {v.person()}, "kind": {"user"}}
	for _, template := range templates {
		if template.name == r.URL.Query().Get("template") {
			maps.Copy(values, template.chose)
		}
	}
	if !v.desk.Rights().OnBehalf() {
		values.Set("kind", "user")
	}
	h.showForm(w, r, v, http.StatusOK, h.form(r, v, values), nil)
}

// form returns the form with what was typed.
func (h *Handler) form(r *http.Request, v *visit, values url.Values) page.TokenForm {
	owner := v.person()
	rights := v.desk.Rights()
	scope, err := token.ParseScope(values.Get("scope"))
	if err != nil {
		scope = token.ScopeRead
	}
	typed := func(name string) page.Field { return page.Field{Value: values.Get(name)} }
	form := page.TokenForm{
		OnBehalf: rights.OnBehalf(), Template: r.URL.Query().Get("template"),
		Owner: typed("owner"), Name: typed("name"), Purpose: typed("purpose"), Responsible: typed("responsible"),
		Scopes:   h.offerScopes(rights, owner, scope.String()),
		Accounts: h.offerAccounts(h.app, rights, owner, scope, values.Get("account")),
		Projects: typed("projects"), JQL: typed("jql"), Hide: typed("hide"), HideComments: values.Get("hide_comments") != "",
		AllowIP: typed("allow_ip"), DenyIP: typed("deny_ip"), Limit: typed("limit"),
	}
	form.Expiries, form.ExpiryRule = h.offerExpiries(rights, owner, scope, values.Get("expires"))
	for _, kind := range []token.Kind{token.KindUser, token.KindService, token.KindExternal} {
		form.Kinds = append(form.Kinds, page.Choice{Value: kind.String(), Text: h.say("kind." + kind.String()), Hint: h.say("kind." + kind.String() + ".hint"), Chosen: kind.String() == values.Get("kind")})
	}
	for _, template := range templates {
		form.Templates = append(form.Templates, page.Template{
			Name: template.name, Title: h.say("template." + template.name), Text: h.say("template." + template.name + ".text"),
			URL: mounted(r).base + "tokens/new?template=" + template.name,
		})
	}
	if address, ok := handler.ClientAddress(r); ok {
		form.Address = address.String()
	}
	if networks := rights.Networks(); networks != "" {
		form.NetworksRule = h.say("offer.networks", networks)
	}
	form.Sentence = h.sentenceOf(values, owner)
	return form
}

// sentenceOf says what a token with these values could do, as far as they are valid.
func (h *Handler) sentenceOf(values url.Values, owner string) string {
	record := &token.Record{Scope: token.ScopeRead, Status: token.StatusActive}
	for name, value := range edit(values, owner) {
		for _, field := range token.Fields() {
			if field.Name == name {
				_ = field.Set(record, value, h.now()) // what is invalid is left out
			}
		}
	}
	return h.sentence(record)
}

func (h *Handler) describeToken(w http.ResponseWriter, r *http.Request, v *visit) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		h.problem(w, r, http.StatusBadRequest, "problem.form")
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(h.sentenceOf(r.PostForm, v.person()))) // the browser may be gone
}

// edit returns the JSON of what was typed.
func edit(values url.Values, person string) token.Edit {
	e := make(token.Edit)
	set := func(name string, value any) {
		text, err := json.Marshal(value)
		if err == nil { // strings and lists of strings can always be encoded
			e[name] = text
		}
	}
	text := func(name string) string { return strings.TrimSpace(values.Get(name)) }
	set("owner", person)
	if owner := text("owner"); owner != "" {
		set("owner", owner)
	}
	if kind := text("kind"); kind != "" {
		set("kind", kind)
	}
	set("name", text("name"))
	set("scope", text("scope"))
	for form, name := range map[string]string{"purpose": "purpose", "responsible": "responsible", "account": "account", "expires": "expires_at", "limit": "limit"} {
		if text(form) != "" {
			set(name, text(form))
		}
	}
	set("allow_ip", append([]string{}, strings.Fields(strings.ReplaceAll(text("allow_ip"), ",", " "))...))
	set("deny_ip", append([]string{}, strings.Fields(strings.ReplaceAll(text("deny_ip"), ",", " "))...))
	if confine := confinement(values); len(confine) > 0 {
		set("confine", confine)
	}
	return e
}

// confinement returns the JSON of what was typed about what a token sees.
func confinement(values url.Values) map[string]any {
	confine := make(map[string]any)
	if keys := strings.Fields(strings.ReplaceAll(values.Get("projects"), ",", " ")); len(keys) > 0 {
		confine["projects"] = keys
	}
	if jql := strings.TrimSpace(values.Get("jql")); jql != "" {
		confine["jql"] = jql
	}
	var hide []string
	if values.Get("hide_comments") != "" {
		hide = append(hide, token.HideInternalComments)
	}
	for field := range strings.SplitSeq(values.Get("hide"), ",") {
		if field = strings.TrimSpace(field); field != "" && !slices.Contains(hide, field) {
			hide = append(hide, field)
		}
	}
	if hide != nil {
		confine["hide"] = hide
	}
	return confine
}

func (h *Handler) createToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	var created admin.Token
	err := h.as(r, v).call(http.MethodPost, "tokens", nil, edit(values, v.person()), &created)
	if err != nil {
		h.showForm(w, r, v, http.StatusBadRequest, h.form(r, v, values), err)
		return
	}
	h.showSecret(w, r, v, created, false)
}

// typed returns the values of a form.
func (h *Handler) typed(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		h.problem(w, r, http.StatusBadRequest, "problem.form")
		return nil, false
	}
	return r.PostForm, true
}

// showForm shows the form, with an error beside the field that it is about.
func (h *Handler) showForm(w http.ResponseWriter, r *http.Request, v *visit, status int, form page.TokenForm, err error) {
	frame := page.Frame{Title: h.say("new.title"), Section: page.SectionMine}
	if form.ID != "" {
		frame.Title = h.say("edit.title", form.Name.Value)
	}
	if failed, ok := errors.AsType[answerError](err); ok {
		status = failed.Status
		field, text, ok := strings.Cut(failed.Message, ": ")
		if to := fieldOf(&form, field); ok && to != nil {
			to.Wrong = text
			frame.Notice = &page.Notice{Tone: page.ToneBad, Text: h.say("form.wrong")}
		} else {
			frame.Notice = &page.Notice{Tone: page.ToneBad, Text: failed.Message}
		}
	} else if err != nil {
		h.failed(w, r, err)
		return
	}
	frame.Content = form
	h.render(w, r, status, "new", v, frame)
}

// fieldOf returns the input that an error about a field belongs to, or nil.
func fieldOf(form *page.TokenForm, field string) *page.Field {
	if name, ok := fieldNames[field]; ok {
		field = name
	}
	switch field {
	case "name":
		return &form.Name
	case "owner":
		if form.OnBehalf {
			return &form.Owner
		}
	case "purpose":
		return &form.Purpose
	case "responsible":
		return &form.Responsible
	case "projects":
		return &form.Projects
	case "expires":
		return &form.Expires
	case "allow_ip":
		return &form.AllowIP
	case "deny_ip":
		return &form.DenyIP
	case "limit":
		return &form.Limit
	}
	return nil
}

func (h *Handler) editToken(w http.ResponseWriter, r *http.Request, v *visit) {
	t, err := h.token(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	h.showForm(w, r, v, http.StatusOK, h.editForm(r, v, t, h.valuesOf(t)), nil)
}

func (h *Handler) editForm(r *http.Request, v *visit, t admin.Token, values url.Values) page.TokenForm {
	form := h.form(r, v, values)
	form.ID, form.Version, form.OnBehalf = t.ID, t.Version, false
	keep := page.Choice{Value: "", Text: h.say("expires.keep", h.endsText(t)), Chosen: values.Get("expires") == ""}
	form.Expiries = append([]page.Choice{keep}, form.Expiries...)
	return form
}

func (h *Handler) endsText(t admin.Token) string {
	if t.ExpiresAt.IsZero() {
		return h.say("expires.never")
	}
	return h.moment(t.ExpiresAt).Words
}

// valuesOf returns the fields of a token as they are typed.
func (h *Handler) valuesOf(t admin.Token) url.Values {
	values := url.Values{
		"name": {t.Name}, "purpose": {t.Purpose}, "responsible": {t.Responsible}, "scope": {t.Scope.String()}, "account": {t.Account},
		"jql": {t.Confine.JQL}, "limit": {t.Limit.String()}, "owner": {t.Owner}, "kind": {t.Kind.String()},
		"allow_ip": {strings.Join(networkTexts(t.Record), " ")},
	}
	var keys, hide, denied []string
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
	for _, network := range t.Networks.Deny {
		denied = append(denied, network.String())
	}
	values.Set("projects", strings.Join(keys, " "))
	values.Set("hide", strings.Join(hide, ", "))
	values.Set("deny_ip", strings.Join(denied, " "))
	return values
}

func (h *Handler) changeToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	before, err := h.token(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	changes := edit(values, v.person())
	for _, fixed := range []string{"owner", "kind"} {
		delete(changes, fixed)
	}
	for _, emptied := range []string{"purpose", "responsible", "limit"} {
		if _, ok := changes[emptied]; !ok {
			changes[emptied] = json.RawMessage(`""`)
		}
	}
	confine, err := json.Marshal(emptied(confinement(values)))
	if err != nil {
		h.failed(w, r, err)
		return
	}
	changes["confine"] = confine
	if version, err := strconv.ParseUint(values.Get("version"), 10, 64); err == nil {
		changes["version"] = json.RawMessage(strconv.FormatUint(version, 10))
	}
	var changed admin.Token
	if err := h.as(r, v).call(http.MethodPatch, "tokens/"+before.ID, nil, changes, &changed); err != nil {
		h.showForm(w, r, v, http.StatusBadRequest, h.editForm(r, v, before, values), err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"tokens/"+before.ID+"?done=change", http.StatusSeeOther)
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
