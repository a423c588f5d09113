package accounts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The kinds of the documents that hold accounts. The ID of an account's document is its
// name. Owners' own accounts have an ID that is made of the owner and the Jira.
const (
	DocumentKind    = "account"
	OwnDocumentKind = "own_account"
)

// Ref identifies a stored account: by its name, or, if that is token.OwnAccount, by its
// owner and its Jira.
type Ref struct {
	Name        string
	Owner, Jira string
}

// Own returns the reference to an owner's own account at the Jira with this base URL.
func Own(owner, jira string) Ref { return Ref{token.OwnAccount, owner, jira} }

func (r Ref) isOwn() bool { return r.Name == token.OwnAccount }

// document returns the name of the account's document.
func (r Ref) document() storage.DocumentName {
	if !r.isOwn() {
		return storage.DocumentName{Kind: DocumentKind, ID: r.Name}
	}
	key := r.key()
	// A hash, because an owner's name and a URL can be longer than an ID.
	id := sha256.Sum256([]byte(key.owner + "\x00" + key.jira))
	return storage.DocumentName{Kind: OwnDocumentKind, ID: hex.EncodeToString(id[:])}
}

// ownKey is an owner and a Jira, as they are compared: without case.
type ownKey struct{ owner, jira string }

func (r Ref) key() ownKey {
	return ownKey{token.Fold(r.Owner), token.Fold(strings.TrimSuffix(r.Jira, "/"))}
}

// String describes the account in messages.
func (r Ref) String() string {
	if r.isOwn() {
		return fmt.Sprintf("%s's own account at %s", token.Printable(r.Owner, maxUser), token.Printable(r.Jira, maxURL))
	}
	return fmt.Sprintf("account %q", r.Name)
}

// label is the account's name in the log, the audit trail and elsewhere.
func (r Ref) label() string {
	if r.isOwn() {
		return token.OwnAccount + " (" + r.Owner + ")"
	}
	return r.Name
}

// flags returns the arguments with which the command identifies the account.
func (r Ref) flags() string {
	if r.isOwn() {
		return "--owner " + shellWord(r.Owner)
	}
	return shellWord(r.Name)
}

// listed returns the arguments with which the command lists the account's tokens.
func (r Ref) listed() string {
	if r.isOwn() {
		return token.OwnAccount + " --owner " + shellWord(r.Owner)
	}
	return shellWord(r.Name)
}

// check returns an error if there cannot be a stored account with this reference.
func (r Ref) check() error {
	if r.isOwn() {
		if r.Owner == "" {
			return token.InvalidError{Field: "account_name", Err: fmt.Errorf("the name %s has a meaning of its own: choose another one, or name an owner with --owner (\"owner\" in JSON)", r.Name)}
		}
		if err := token.CheckOwner(r.Owner); err != nil {
			return token.InvalidError{Field: "owner", Err: err}
		}
		return nil
	}
	if r.Owner != "" {
		return token.InvalidError{Field: "owner", Err: errors.New("an owner's own account has no name: leave one of them out")}
	}
	return checkName(r.Name)
}

// checkName returns an error if a stored account cannot have this name.
func checkName(name string) error {
	err := token.CheckText("name", name, maxName)
	switch {
	case err != nil:
	case strings.ContainsAny(name, `/\`), strings.HasPrefix(name, "."), strings.HasPrefix(name, "-"):
		err = fmt.Errorf("invalid name %q: it must not contain a slash, or begin with a dot or a hyphen", name)
	case name == "reencrypt":
		err = fmt.Errorf("the name %s has a meaning of its own: choose another one", name)
	}
	if err != nil {
		return token.InvalidError{Field: "account_name", Err: err}
	}
	return nil
}

// shellWord quotes a name for a shell if it may need that.
func shellWord(name string) string {
	for _, c := range name {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && !strings.ContainsRune("._-@", c) {
			return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
		}
	}
	return name
}
