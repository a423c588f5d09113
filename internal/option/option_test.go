package option_test

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

type values struct {
	text, choice string
	texts, each  []string
	on           *bool
	flag         bool
	number       int
	above        caddy.Duration
	addr         netip.Addr
	a, b         string
}

func (v *values) block() option.Block {
	return option.Block{
		option.Text("text", &v.text),
		option.Texts("texts", &v.texts),
		option.Each("each", func(value string) error {
			v.each = append(v.each, value)
			if value == "bad" {
				return errors.New("each: bad")
			}
			return nil
		}),
		option.Choice("choice", &v.choice, "x", "y", "z"),
		option.OnOff("onoff", &v.on),
		option.Flag("flag", &v.flag),
		option.Number("number", &v.number, 2),
		option.Duration("above", &v.above),
		option.Value("value", &v.addr),
		option.Func("pair", func(d *caddyfile.Dispenser) error { return option.Args(d, "a and b", &v.a, &v.b) }),
	}
}

func read(text string, rest func(d *caddyfile.Dispenser) error) (*values, error) {
	v := new(values)
	d := caddyfile.NewTestDispenser(text)
	d.Next()
	if rest == nil {
		return v, v.block().Read(d, "owner")
	}
	return v, v.block().ReadOr(d, "owner", func() error { return rest(d) })
}

func TestValues(t *testing.T) {
	off := false
	got, err := read(`owner {
		text "a b"
		texts a b
		each a
		each b c
		choice z
		onoff off
		flag
		number 2
		above 1d
		value 10.0.0.1
		pair a b
	}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &values{
		text: "a b", choice: "z", texts: []string{"a", "b"}, each: []string{"a", "b", "c"}, on: &off, flag: true,
		number: 2, above: caddy.Duration(24 * time.Hour), addr: netip.MustParseAddr("10.0.0.1"), a: "a", b: "b",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got, err := read("owner", nil); err != nil || !reflect.DeepEqual(got, new(values)) {
		t.Errorf("without a block: got %+v, %v", got, err)
	}
}

func TestOptionsOfSomebodyElse(t *testing.T) {
	var rest []string
	got, err := read("owner {\n text a\n other {\n text b\n }\n flag\n}", func(d *caddyfile.Dispenser) error {
		for _, token := range d.NextSegment() {
			rest = append(rest, token.Text)
		}
		return nil
	})
	if err != nil || got.text != "a" || !got.flag || strings.Join(rest, " ") != "other { text b }" {
		t.Errorf("got %+v and %q, %v", got, rest, err)
	}
}

// TestErrors checks that every error names the option's line, says what to write, and
// does not show surplus arguments.
func TestErrors(t *testing.T) {
	const secret = "hunter2"
	for in, want := range map[string]string{
		"owner hunter2 {\n}":            "owner: too many arguments: options belong in a block { … }",
		"\ntxt a":                       `unknown option "txt" of owner: expected text, texts, each, choice, onoff, flag, number, above, value or pair`,
		"\ntext":                        "text: missing argument: expected one value, quoted if it has spaces; is an environment variable empty?",
		"\ntext \"\"":                   "text: empty argument: expected one value, quoted if it has spaces; is an environment variable empty?",
		"\ntext a hunter2":              "text: too many arguments: expected one value, quoted if it has spaces",
		"text a\ntext hunter2":          "text is given twice",
		"\ntexts":                       "texts: missing argument: expected at least one value",
		"texts a\ntexts b":              "texts is given twice",
		"\neach":                        "each: missing argument: expected at least one value",
		"each a\neach b bad":            "each: bad",
		"\nchoice w":                    `invalid choice "w": expected x, y or z`,
		"\nchoice x hunter2":            "choice: too many arguments: expected one value, quoted if it has spaces",
		"\nonoff maybe":                 `invalid onoff "maybe": expected on or off`,
		"\nflag hunter2":                "flag: too many arguments: expected none",
		"\nnumber many":                 `invalid number "many": expected a number of at least 2`,
		"\nnumber 1":                    `invalid number "1": expected a number of at least 2`,
		"\nnumber 99999999999999999999": `invalid number "99999999999999999999": expected a number of at least 2`,
		"\nabove 0s":                    `invalid above "0s": expected a duration above 0, such as 500ms or 10m`,
		"\nabove 5":                     `invalid above "5": expected a duration above 0, such as 500ms or 10m`,
		"\nvalue 10.0.0":                `value: ParseAddr("10.0.0"): IPv4 address too short`,
		"\npair a":                      "pair: missing argument: expected a and b; is an environment variable empty?",
		"\npair a \"\"":                 "pair: empty argument: expected a and b; is an environment variable empty?",
		"\npair a b hunter2":            "pair: too many arguments: expected a and b",
	} {
		line := "1"
		if !strings.HasPrefix(in, "owner") {
			in, line = "owner {\n"+in+"\n}", "3"
		}
		_, err := read(in, nil)
		if err == nil || err.Error() != want+", at Testfile:"+line {
			t.Errorf("%s: got %v, want %s, at Testfile:%s", in, err, want, line)
		}
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v shows a surplus argument, which may be a secret", in, err)
		}
	}
}
