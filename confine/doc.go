// Package confine decides what a token that sees only a part of Jira may reach. A
// View is that part: projects, a JQL condition, hidden fields. For each request a
// Guard checks that everything it names is inside, joins its queries with the
// condition, and refuses what would look outside. Whether an issue or another
// thing is inside is asked of Jira and remembered for a short time; nothing is
// ever guessed.
package confine
