// Package freeport finds ports for servers of tests.
package freeport

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports are below those that Linux gives to connections and to who asks for
// any port: one of these could be taken before the server begins to listen.
const lowest, highest = 10_000, 22_000

// Find returns a port of 127.0.0.1 that nothing listens on, and of which the
// same is true for each of the ports so much above it.
func Find(above ...int) (string, error) {
	for range 1000 {
		port := lowest + rand.IntN(highest-lowest)
		if free(port, above) {
			return strconv.Itoa(port), nil
		}
	}
	return "", errors.New("no free port from 10000 to 22000")
}

func free(port int, above []int) bool {
	for _, offset := range append([]int{0}, above...) {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port+offset)))
		if err != nil {
			return false
		}
		defer l.Close()
	}
	return true
}
