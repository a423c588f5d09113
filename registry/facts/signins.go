package facts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// KindSignIn is the kind of the documents about who has signed in. There is one for each
// owner and identity provider.
const KindSignIn = "owner_signin"

// actionSignInGroups is the action of the audit event for what a provider says about an
// owner, if that is new.
const actionSignInGroups = "owner_signed_in"

const (
	// maxSignInGroups and maxGroupLength bound what is kept of a provider's groups.
	maxSignInGroups = 1000
	maxGroupLength  = 255
	// renewSignIn is the part of keep after which a sign-in that says nothing new is
	// recorded again.
	renewSignIn = 20
)

// signIn is the JSON of a document.
type signIn struct {
	Name string `json:"name"`
	// Via names the provider, and Subject the owner's account there.
	Via     string    `json:"via"`
	Subject string    `json:"subject,omitempty"`
	Groups  []string  `json:"groups,omitempty"`
	At      time.Time `json:"at"`
}

// SignIns keeps which groups identity providers said that owners are in, and makes a
// directory learn that. It is safe for concurrent use.
type SignIns struct {
	store     storage.Documents
	mirror    *storage.Mirror
	directory *registry.Directory
	keep      time.Duration
	logger    *zap.Logger
	now       func() time.Time
	cancel    func() // ends the subscription
	changed   chan struct{}
	learning  sync.Mutex
}

// NewSignIns returns what is known at once. What providers said is believed for keep.
func NewSignIns(store storage.Documents, mirror *storage.Mirror, directory *registry.Directory, keep time.Duration, logger *zap.Logger) *SignIns {
	s := &SignIns{store: store, mirror: mirror, directory: directory, keep: keep, logger: logger, now: time.Now, changed: make(chan struct{}, 1)}
	s.cancel = mirror.Subscribe(func(storage.Mirrored) { background.Signal(s.changed) })
	s.learn()
	return s
}

// Close ends the subscription. Run must have ended.
func (s *SignIns) Close() { s.cancel() }

// Ready waits until what the store knows is known here, or until ctx is done.
func (s *SignIns) Ready(ctx context.Context) error {
	if err := s.mirror.Ready(ctx); err != nil {
		return err
	}
	s.learn()
	return nil
}

// Run keeps the directory current until ctx is done.
func (s *SignIns) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-timer.C:
		}
		began := time.Now()
		s.learn()
		timer.Reset(lookAtLeastEvery)
		background.Pause(ctx, max(learnAtMostEvery, 20*time.Since(began))) // use little of a processor
	}
}

// learn makes the directory learn what the mirror knows.
func (s *SignIns) learn() {
	s.learning.Lock()
	defer s.learning.Unlock()
	documents, _ := s.mirror.Documents()
	known := make(map[string][]registry.SignIn)
	for id, document := range documents {
		said, ok := decodeSignIn(document)
		if !ok || signInName(said.Name, said.Via).ID != id {
			continue // damaged, or of a later version: it gives no rights
		}
		name := token.Fold(said.Name)
		known[name] = append(known[name], registry.SignIn{Name: said.Name, Via: said.Via, Groups: said.Groups, At: said.At, Lapsed: !s.now().Before(said.At.Add(s.keep))})
	}
	s.directory.LearnSignIns(known)
}

func decodeSignIn(document storage.MirroredDocument) (said signIn, ok bool) {
	return said, document.Err == nil && json.Unmarshal(document.Data, &said) == nil
}

// signInName returns the name of the document about an owner's sign-ins with a provider.
func signInName(owner, via string) storage.DocumentName {
	// A hash, because names together can be longer than an ID.
	id := sha256.Sum256([]byte(token.Fold(owner) + "\x00" + via))
	return storage.DocumentName{Kind: KindSignIn, ID: hex.EncodeToString(id[:])}
}

// Record records that somebody has signed in with a provider, whose account there is
// subject, and which groups the provider says that the person is in. What says nothing new
// is recorded now and then only. The directory knows it when Record returns.
func (s *SignIns) Record(ctx context.Context, actor storage.Actor, name, via, subject string, groups []string) error {
	said := signIn{Name: name, Via: via, Subject: subject, Groups: usableGroups(groups), At: s.now().UTC().Truncate(time.Second)}
	document := signInName(name, via)
	if err := s.mirror.Ready(ctx); err != nil {
		return err
	}
	for range attempts {
		known, err := s.known(ctx, document)
		if err != nil {
			return err
		}
		before, usable := decodeSignIn(known)
		if usable && before.says(said) && said.At.Before(before.At.Add(s.keep/renewSignIn)) {
			return nil
		}
		err = s.write(ctx, actor, known, before, said)
		if errors.Is(err, storage.ErrConflict) {
			// Another node was faster, or the mirror is behind.
			if err := s.mirror.Refresh(ctx, document.ID); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("recording the groups of %s: %w", name, err)
		}
		if err := s.mirror.Refresh(ctx, document.ID); err != nil {
			return err
		}
		s.learn()
		return nil
	}
	return fmt.Errorf("recording the groups of %s: %w", name, storage.ErrConflict)
}

// known returns the document with this name as the mirror has it.
func (s *SignIns) known(ctx context.Context, name storage.DocumentName) (storage.MirroredDocument, error) {
	documents, _ := s.mirror.Documents()
	if known, ok := documents[name.ID]; ok {
		return known, nil
	}
	found, err := s.store.Document(ctx, name)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return storage.MirroredDocument{}, nil
	case errors.Is(err, storage.ErrDamaged):
		return storage.MirroredDocument{Document: found, Err: err}, nil
	}
	return storage.MirroredDocument{Document: found}, err
}

// says reports whether another sign-in says the same.
func (s signIn) says(other signIn) bool {
	return s.Name == other.Name && s.Subject == other.Subject && slices.Equal(s.Groups, other.Groups)
}

func (s *SignIns) write(ctx context.Context, actor storage.Actor, known storage.MirroredDocument, before, said signIn) error {
	data, err := json.Marshal(said)
	if err != nil {
		return err
	}
	event := storage.Event{At: said.At, Action: actionSignInGroups, Owner: said.Name, Name: said.Name, Actor: actor}
	if before.Subject != said.Subject {
		event.Changes = append(event.Changes, storage.FieldChange{Field: "account", Old: encode(before.Subject), New: encode(said.Subject)})
	}
	if !slices.Equal(before.Groups, said.Groups) {
		event.Changes = append(event.Changes, storage.FieldChange{Field: "groups", Old: encode(before.Groups), New: encode(said.Groups)})
	}
	return s.store.ApplyDocument(ctx, storage.DocumentChange{
		DocumentName: signInName(said.Name, said.Via), Version: known.Version, Damaged: known.Err != nil, Data: data, Event: event,
	})
}

// usableGroups returns the groups that can be names, in order.
func usableGroups(groups []string) (usable []string) {
	for _, group := range groups {
		if token.CheckText("group", group, maxGroupLength) == nil {
			usable = append(usable, group)
		}
	}
	slices.Sort(usable)
	usable = slices.Compact(usable)
	return usable[:min(len(usable), maxSignInGroups)]
}
