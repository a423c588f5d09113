package jiratokens

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// noticesConfig returns the configuration of notices, which it creates first if
// necessary.
func (a *App) noticesConfig() *Notices {
	if a.Notices == nil {
		a.Notices = new(Notices)
	}
	return a.Notices
}

// unmarshalNotify reads the option notify.
func (a *App) unmarshalNotify(d *caddyfile.Dispenser) error {
	if !d.NextArg() {
		return d.Err("notify: expected webhook <url> { … } or before <times…>")
	}
	switch d.Val() {
	case "webhook":
		return a.unmarshalWebhook(d)
	case "before":
		return a.unmarshalBefore(d)
	}
	return d.Errf("notify: unknown option %q: expected webhook <url> { … } or before <times…>", d.Val())
}

func (a *App) unmarshalBefore(d *caddyfile.Dispenser) error {
	config := a.noticesConfig()
	if len(config.Before) > 0 {
		return d.Err("notify before is given twice")
	}
	for _, text := range d.RemainingArgs() {
		before, err := caddy.ParseDuration(text)
		if err != nil || before <= 0 {
			return d.Errf("notify before: invalid time %q: expected one such as 30d or 12h", text)
		}
		config.Before = append(config.Before, caddy.Duration(before))
	}
	if len(config.Before) == 0 {
		return d.Err("notify before: missing argument: expected times before the end, such as 30d 14d 7d 1d")
	}
	if _, err := config.before(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func (a *App) unmarshalWebhook(d *caddyfile.Dispenser) error {
	if !d.NextArg() || d.Val() == "" {
		return d.Err("notify webhook: missing URL: expected one such as https://hooks.example.com/jira-tokens; is an environment variable empty?")
	}
	webhook := &Webhook{URL: d.Val()}
	config := a.noticesConfig()
	config.Webhooks = append(config.Webhooks, webhook)
	return option.Block{
		option.Text("name", &webhook.Name),
		option.Texts("secret", &webhook.Secrets),
		option.Texts("events", &webhook.Events),
		option.Func("header", func(d *caddyfile.Dispenser) error {
			var name, value string
			if err := option.Args(d, "a name and a value, quoted if it has spaces", &name, &value); err != nil {
				return err
			}
			if webhook.Headers == nil {
				webhook.Headers = make(http.Header)
			}
			webhook.Headers.Add(name, value)
			return nil
		}).Repeated(),
	}.Read(d, "notify webhook")
}
