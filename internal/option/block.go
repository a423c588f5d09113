package option

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Block lists the options of a Caddyfile block.
type Block []Option

// Read reads the block that begins at d, if there is one. owner is what the block
// belongs to, for errors.
func (b Block) Read(d *caddyfile.Dispenser, owner string) error {
	return b.ReadOr(d, owner, func() error {
		return d.Errf("unknown option %q of %s: expected %s", d.Val(), owner, b.Names())
	})
}

// ReadOr is like Read, but calls other for options that are not in b, with d at the
// option's name.
func (b Block) ReadOr(d *caddyfile.Dispenser, owner string, other func() error) error {
	if d.NextArg() {
		return d.Errf("%s: too many arguments: options belong in a block { … }", owner)
	}
	seen := make(map[string]bool)
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := b.find(d.Val())
		switch {
		case option == nil:
			if err := other(); err != nil {
				return err
			}
			continue
		case seen[option.name] && !option.repeated:
			return d.Errf("%s is given twice", option.name)
		}
		seen[option.name] = true
		if err := option.read(d); err != nil {
			return err
		}
	}
	return nil
}

// Names lists the options as "a, b or c".
func (b Block) Names() string {
	names := make([]string, len(b))
	for i, option := range b {
		names[i] = option.name
	}
	return either(names)
}

func (b Block) find(name string) *Option {
	for i := range b {
		if b[i].name == name {
			return &b[i]
		}
	}
	return nil
}
