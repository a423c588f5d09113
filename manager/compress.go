package manager

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/encode"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/encode/gzip" // the encoder that newCompression loads
)

// newCompression returns Caddy's own encode handler, for pages, style and script. It leaves
// alone what an encode handler in front has compressed or will compress.
func newCompression(ctx caddy.Context) (*encode.Encode, error) {
	compression := &encode.Encode{
		EncodingsRaw: caddy.ModuleMap{"gzip": json.RawMessage("{}")},
		Matcher: &caddyhttp.ResponseMatcher{Headers: http.Header{
			"Content-Type": {"text/html*", "text/css*", "text/javascript*", "application/javascript*"},
		}},
	}
	return compression, compression.Provision(ctx)
}

// keepSize keeps a page from being compressed, here and by whatever is in front (RFC 9111,
// section 5.2.2.6), where its size could give something away. In the attack BREACH, another
// site makes the browser ask for a page that contains both a secret and text of the
// attacker's choice, and somebody who watches the network sees by the size when the text
// resembles the secret. So neither a page with a token is compressed, nor any page that
// another site asks for. A browser that does not say which site asks sends our session's
// cookie, which is SameSite=Lax, only when it shows the page itself.
func keepSize(header http.Header, r *http.Request, pageName string) {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		if pageName != "shown" {
			return
		}
	}
	header.Set("Cache-Control", "no-store, no-transform")
}
