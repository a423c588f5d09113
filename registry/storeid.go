package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// storeKind is the kind of the document that identifies a store.
const storeKind = "store"

// thisStore is the document's name.
var thisStore = storage.DocumentName{Kind: storeKind, ID: "id"}

// storeIdentity is the document's JSON.
type storeIdentity struct {
	ID string `json:"id"`
}

// storeID returns the ID of the store, which it creates at first. It returns "" if that
// fails or the ID is damaged, since that is no reason not to export the store.
func (r *Registry) storeID(ctx context.Context) (string, error) {
	id, err := r.knownStoreID(ctx)
	if !errors.Is(err, storage.ErrNotFound) {
		return id, err
	}
	data, err := json.Marshal(storeIdentity{rand.Text()})
	if err != nil {
		return "", err
	}
	// Another gateway may have created it in the meantime.
	if err := r.store.ApplyQuietly(ctx, storage.DocumentChange{DocumentName: thisStore, Data: data}); err != nil && !errors.Is(err, storage.ErrConflict) {
		return "", nil //nolint:nilerr // the export just cannot be continued
	}
	return r.knownStoreID(ctx)
}

// knownStoreID returns the ID of the store, or storage.ErrNotFound if it has none.
func (r *Registry) knownStoreID(ctx context.Context) (string, error) {
	document, err := r.store.Document(ctx, thisStore)
	switch {
	case errors.Is(err, storage.ErrDamaged):
		return "", nil
	case err != nil:
		return "", err
	}
	var known storeIdentity
	err = json.Unmarshal(document.Data, &known)
	return known.ID, err
}
