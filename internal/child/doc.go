// Package child stops child processes, even if their parent is killed.
package child
