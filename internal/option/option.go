// Package option reads the options of Caddyfile blocks. Its errors name the file and
// the line, and never show surplus arguments, since they may be secrets.
package option

import (
	"encoding"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Option is an option of a block. It can be set only once, unless it is Repeated.
type Option struct {
	name     string
	repeated bool
	// read reads the option's arguments, with d at its name.
	read func(d *caddyfile.Dispenser) error
}

// Repeated returns the option changed so that it can be set several times.
func (o Option) Repeated() Option {
	o.repeated = true
	return o
}

// Then returns the option changed so that do is called once its value has been read.
// An error from do is returned with the file and the line.
func (o Option) Then(do func() error) Option {
	read := o.read
	o.read = func(d *caddyfile.Dispenser) error {
		if err := read(d); err != nil {
			return err
		}
		if err := do(); err != nil {
			return d.WrapErr(err)
		}
		return nil
	}
	return o
}

// Func is an option that is read by a function. The dispenser is at the option's name.
func Func(name string, read func(d *caddyfile.Dispenser) error) Option {
	return Option{name: name, read: read}
}

// Text is an option with one value.
func Text(name string, to *string) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		return Args(d, "one value, quoted if it has spaces", to)
	})
}

// Texts is an option with one or more values.
func Texts(name string, to *[]string) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		if *to = d.RemainingArgs(); len(*to) == 0 {
			return d.Errf("%s: missing argument: expected at least one value", name)
		}
		return nil
	})
}

// Each is a repeated option with one or more values, each of which is passed to add.
func Each(name string, add func(value string) error) Option {
	var values []string
	return Texts(name, &values).Repeated().Then(func() error {
		for _, value := range values {
			if err := add(value); err != nil {
				return err
			}
		}
		return nil
	})
}

// Choice is an option with one of several values.
func Choice(name string, to *string, choices ...string) Option {
	return Text(name, to).Then(func() error { return OneOf(name, *to, choices...) })
}

// OneOf returns an error if value is not one of the choices for the named
// option.
func OneOf(name, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return fmt.Errorf("invalid %s %q: expected %s", name, value, either(choices))
}

// OnOff is an option that is on or off.
func OnOff(name string, to **bool) Option {
	var value string
	return Choice(name, &value, "on", "off").Then(func() error {
		on := value == "on"
		*to = &on
		return nil
	})
}

// Flag is an option without a value: if it is present, to becomes true.
func Flag(name string, to *bool) Option {
	return Func(name, func(d *caddyfile.Dispenser) error {
		*to = true
		if d.NextArg() {
			return d.Errf("%s: too many arguments: expected none", name)
		}
		return nil
	})
}

// Value is an option with one value, which to unmarshals.
func Value(name string, to encoding.TextUnmarshaler) Option {
	var text string
	return Text(name, &text).Then(func() error {
		if err := to.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
}

// Number is an option with an integer of at least minimum.
func Number(name string, to *int, minimum int) Option {
	var value string
	return Text(name, &value).Then(func() (err error) {
		if *to, err = strconv.Atoi(value); err != nil || *to < minimum {
			return fmt.Errorf("invalid %s %q: expected a number of at least %d", name, value, minimum)
		}
		return nil
	})
}

// Duration is an option with a duration above 0.
func Duration(name string, to *caddy.Duration) Option {
	var value string
	return Text(name, &value).Then(func() error {
		parsed, err := caddy.ParseDuration(value)
		if err != nil || parsed <= 0 {
			return fmt.Errorf("invalid %s %q: expected a duration above 0, such as 500ms or 10m", name, value)
		}
		*to = caddy.Duration(parsed)
		return nil
	})
}

// Args reads the arguments of an option, with d at its name: exactly one per target.
// expected describes the arguments in errors.
func Args(d *caddyfile.Dispenser, expected string, targets ...*string) error {
	name := d.Val()
	for _, target := range targets {
		switch {
		case !d.NextArg():
			return d.Errf("%s: missing argument: expected %s; is an environment variable empty?", name, expected)
		case d.Val() == "":
			return d.Errf("%s: empty argument: expected %s; is an environment variable empty?", name, expected)
		}
		*target = d.Val()
	}
	if d.NextArg() {
		return d.Errf("%s: too many arguments: expected %s", name, expected)
	}
	return nil
}

// either lists names as "a, b or c".
func either(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
