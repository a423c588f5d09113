package manager

import (
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// sentCookie is the name of the cookie with the number of the last form that must not be
// sent twice. To reload the page that shows a token is to send its form again, which would
// create another token. Rotations need no number: the version of the token has changed.
const sentCookie = "jira_tokens_sent"

// sentLasts is how long a number is remembered.
const sentLasts = 12 * time.Hour

// formNumber is the form of rand.Text.
var formNumber = regexp.MustCompile(`^[A-Z2-7]{26}$`)

// wasSent reports whether the browser has sent the form before.
func wasSent(r *http.Request, values url.Values) bool {
	sent, err := r.Cookie(sentCookie)
	return err == nil && sent.Value == values.Get("number")
}

// markSent remembers, in the browser, that the form was sent.
func markSent(w http.ResponseWriter, r *http.Request, values url.Values) {
	number := values.Get("number")
	if !formNumber.MatchString(number) {
		return
	}
	scope := mounted(r).cookies()
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // not Secure only if browsers use plain HTTP, as on loopback
		Name: sentCookie, Value: number, Path: scope.Path, MaxAge: int(sentLasts / time.Second),
		HttpOnly: true, Secure: scope.Secure, SameSite: http.SameSiteStrictMode,
	})
}
