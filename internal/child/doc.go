// Package child makes child processes end with their parent.
package child
