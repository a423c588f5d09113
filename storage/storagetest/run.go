// Package storagetest is the conformance suite that every token store must pass.
package storagetest

import (
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Run tests the stores that open returns. Each call of open must return a new, empty
// store and close it at the end of the test.
func Run(t *testing.T, open func(t *testing.T) storage.Store) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, s storage.Store)
	}{
		{"Open", testOpen},
		{"RoundTrip", testRoundTrip},
		{"Lifecycle", testLifecycle},
		{"Conflicts", testConflicts},
		{"ConcurrentChanges", testConcurrentChanges},
		{"ConcurrentCreates", testConcurrentCreates},
		{"ListOrderAndPages", testListPages},
		{"ListCursorSurvivesChanges", testListCursorSurvivesChanges},
		{"ListFilters", testListFilters},
		{"ListExpiring", testListExpiring},
		{"ListUnused", testListUnused},
		{"ListMoreFilters", testListMoreFilters},
		{"ListFollowsUpdates", testListFollowsUpdates},
		{"ListLimits", testListLimits},
		{"BadCursors", testBadCursors},
		{"Events", testEvents},
		{"EventsFollowed", testEventsFollowed},
		{"EventOfNoToken", testEventOfNoToken},
		{"EventBatches", testEventBatches},
		{"FewEventsMatch", testFewEventsMatch},
		{"RawEvents", testRawEvents},
		{"EventNumbers", testEventNumbers},
		{"Tree", testTree},
		{"RemoveEvents", testRemoveEvents},
		{"Sweep", testSweep},
		{"Uses", testUses},
		{"ManyUses", testManyUses},
		{"Activity", testActivity},
		{"OldActivity", testOldActivity},
		{"ManyActivity", testManyActivity},
		{"Denials", testDenials},
		{"Vet", testVet},
		{"Watch", testWatch},
		{"Documents", testDocuments},
		{"DocumentNames", testDocumentNames},
		{"DocumentPages", testDocumentPages},
		{"ConcurrentDocuments", testConcurrentDocuments},
		{"QuietDocuments", testQuietDocuments},
		{"ConcurrentQuietDocuments", testConcurrentQuietDocuments},
		{"WatchDocuments", testWatchDocuments},
		{"Mirror", testMirror},
		{"CancelledContext", testCancelledContext},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
	t.Run("Model", func(t *testing.T) { testModel(t, open) })
}
