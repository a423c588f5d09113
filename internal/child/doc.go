// Package child stops child processes, also when their parent is killed.
package child
