// Package jira holds what is known about Jira itself: which operation reads,
// writes, administrates or is for nobody ([Operations]), which paths and query
// strings two servers could read differently ([CheckPath], [CleanQuery]), and
// which paths tokens reach ([Paths]).
//
// A request is looked at in this order:
//
//	CheckPath(rawPath)          refuse what is ambiguous
//	Paths.Match(rawPath)        is it reachable at all
//	Operations.Access(…)        what must the token be allowed
//	CleanQuery(rawQuery, …)     drop what must not reach Jira
//
// All of it works on the path as it was sent, still percent-encoded and
// relative to Jira's context path: it is the spelling that is forwarded, so it
// is the spelling that must be judged.
package jira
