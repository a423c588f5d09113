package trust

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// claims are the members of a JSON object, with numbers as json.Number.
type claims map[string]any

// parseObject decodes a JSON object. Unlike encoding/json, it rejects duplicate members
// and distinguishes names by case: other programs could take the other one.
func parseObject(data []byte) (claims, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not valid UTF-8")
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.SetNumberType(json.UnmarshalJSONNumber)
	var object map[string]any
	// The library's errors can quote the input.
	if err := decoder.Decode(&object); err != nil || object == nil {
		return nil, errors.New("not a JSON object, or one with duplicate members")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return object, nil
}

// at returns the claim with this name, or the nested one to which a JSON Pointer leads
// (RFC 6901).
func (c claims) at(path string) (any, bool) {
	names, isPointer := strings.CutPrefix(path, "/")
	if !isPointer {
		value, ok := c[path]
		return value, ok
	}
	var value any = map[string]any(c)
	for name := range strings.SplitSeq(names, "/") {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[unescapePointer.Replace(name)]; !ok {
			return nil, false
		}
	}
	return value, true
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

// plain returns the text of a string, an integer or a boolean.
func plain(value any) (string, bool) {
	switch value := value.(type) {
	case string:
		return value, true
	case bool:
		return strconv.FormatBool(value), true
	case json.Number:
		_, err := strconv.ParseInt(value.String(), 10, 64)
		return value.String(), err == nil
	}
	return "", false
}

// subject returns the claim sub in a form that can be shown.
func (c claims) subject() string {
	subject, _ := c["sub"].(string)
	return token.Printable(subject, maxSubject)
}

// maxSubject is the maximum length of a subject that is kept, in bytes.
const maxSubject = 300

// leeway is how far the clocks of an issuer and of the gateway may differ.
const leeway = 30 * time.Second

// time returns a claim that is a NumericDate (RFC 7519, section 2). It reports false if
// there is no such claim or if it is invalid.
func (c claims) time(name string) (time.Time, bool) {
	number, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > maxSeconds {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

// maxSeconds is in the year 5138.
const maxSeconds = 1e11

// checkClaims checks the registered claims of a genuine JWT.
func (i *issuer) checkClaims(c claims, now time.Time) error {
	if err := i.checkAudience(c); err != nil {
		return err
	}
	if _, ok := c["events"]; ok {
		return refuse(notJWT, "the JWT reports a security event, such as a logout (RFC 8417)")
	}
	subject, ok := c["sub"].(string)
	if !ok || subject == "" {
		return refuse(notJWT, "the JWT has no claim sub")
	}
	if strings.HasPrefix(i.name, spiffe) && !strings.HasPrefix(subject, i.name+"/") {
		return refuse(notTrusted, "the subject %q is not in the trust domain %s", shown(subject), i.name)
	}
	return checkTimes(c, now)
}

func (i *issuer) checkAudience(c claims) error {
	var audiences []string
	switch value := c["aud"].(type) {
	case string:
		audiences = []string{value}
	case []any:
		for _, one := range value {
			if text, ok := one.(string); ok {
				audiences = append(audiences, text)
			}
		}
	}
	if slices.ContainsFunc(audiences, func(audience string) bool { return slices.Contains(i.audiences, audience) }) {
		return nil
	}
	return refuse("The JWT is for another audience: ask its issuer for one for this gateway.",
		"the JWT's audience is %s: expected one of %q", token.Printable(fmt.Sprintf("%q", audiences), maxShown), i.audiences)
}

func checkTimes(c claims, now time.Time) error {
	expires, ok := c.time("exp")
	if !ok {
		return refuse(notJWT, "the JWT has no valid claim exp")
	}
	if !now.Before(expires.Add(leeway)) {
		return refuse("The JWT has expired.", "the JWT expired on %s, and it is %s", expires.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	for _, name := range []string{"nbf", "iat"} {
		if _, ok := c[name]; !ok {
			continue
		}
		begins, ok := c.time(name)
		if !ok {
			return refuse(notJWT, "the JWT's claim %s is not a time", name)
		}
		if begins.After(now.Add(leeway)) {
			return refuse("The JWT is not valid yet.", "the JWT's %s is %s, and it is %s: is one of the clocks wrong?", name, begins.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
		}
	}
	return nil
}
