// Package jira holds what is known about Jira itself: which operations read,
// write, administer, or are closed to tokens ([Operations]), which paths and
// query strings two servers could read differently ([CheckPath], [CleanQuery]),
// and which paths tokens can reach ([Paths]).
//
// A request is checked in this order:
//
//	CheckPath(rawPath)          reject ambiguous paths
//	Paths.Match(rawPath)        is the path reachable at all?
//	Operations.Access(…)        what must the token be allowed to do?
//	CleanQuery(rawQuery, …)     drop what must not reach Jira
//
// All of these work on the path as sent, still percent-encoded and relative to
// Jira's context path: that spelling is what is forwarded, so that spelling is
// what must be judged.
package jira
