// Package redact removes from Jira's responses what a confined token may not see,
// while they stream by.
package redact

// Inside says what a token may see of the things that a response names.
type Inside interface {
	// Project reports whether the project with this ID or key is inside; either
	// may be empty.
	Project(id, key string) bool
	// Issue reports whether the issue with this ID and key, as Jira returned
	// them, is known to be inside; either may be empty.
	Issue(id, key string) bool
	// Hides reports whether the field with this ID or name is hidden.
	Hides(field string) bool
	// HidesInternalComments reports whether internal comments of Jira Service
	// Management are hidden.
	HidesInternalComments() bool
}
