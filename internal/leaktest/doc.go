// Package leaktest tries to get at what is outside a token's confinement. It has a
// hostile stand-in for Jira, whose every answer holds as much of the outside as fits,
// and the requests to try: for every operation, its parameters inside, outside, moved,
// absent and in odd encodings. Tests in the process and over a socket share it.
package leaktest
