package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// connection is a minimal HTTP client: it sends prepared bytes and parses only
// enough of a response to find its end, because it shares the machine with the
// process under test.
type connection struct {
	net.Conn
	buffer     []byte
	start, end int // of the bytes read but not consumed
}

func dial(address string) (*connection, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, buffer: make([]byte, 16<<10)}, nil
}

// exchange sends a request and returns the response's status.
func (c *connection) exchange(request []byte) (status int, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	return c.skip()
}

// skip consumes a response and returns its status.
func (c *connection) skip() (status int, err error) {
	head, err := c.head()
	if err != nil {
		return 0, err
	}
	if len(head) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("malformed response %q", head)
	}
	if status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return 0, fmt.Errorf("malformed status line %q", head[:12])
	}
	// Header names are spelled the way Go's server writes them.
	if _, value, ok := bytes.Cut(head, []byte("\r\nContent-Length: ")); ok {
		text, _, _ := bytes.Cut(value, []byte("\r\n"))
		length, err := strconv.Atoi(string(text))
		if err != nil {
			return 0, fmt.Errorf("malformed Content-Length %q", text)
		}
		return status, c.discard(length)
	}
	if bytes.Contains(head, []byte("\r\nTransfer-Encoding: chunked\r\n")) {
		return status, c.discardChunks()
	}
	return 0, errors.New("response has neither Content-Length nor chunked encoding")
}

// head returns the status line and headers. They are valid until the next read.
func (c *connection) head() ([]byte, error) {
	for {
		if i := bytes.Index(c.buffer[c.start:c.end], []byte("\r\n\r\n")); i >= 0 {
			head := c.buffer[c.start : c.start+i+4]
			c.start += i + 4
			return head, nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

func (c *connection) fill() error {
	if c.start > 0 {
		c.end = copy(c.buffer, c.buffer[c.start:c.end])
		c.start = 0
	}
	if c.end == len(c.buffer) {
		return errors.New("response headers do not fit the buffer")
	}
	n, err := c.Read(c.buffer[c.end:])
	c.end += n
	return err
}

func (c *connection) discard(n int) error {
	for n > c.end-c.start {
		n -= c.end - c.start
		c.start, c.end = 0, 0
		if err := c.fill(); err != nil {
			return err
		}
	}
	c.start += n
	return nil
}

func (c *connection) discardChunks() error {
	for {
		size, err := c.chunkSize()
		if err != nil {
			return err
		}
		if err := c.discard(size + len("\r\n")); err != nil {
			return err
		}
		if size == 0 {
			return nil // none of the processes under test sends trailers
		}
	}
}

func (c *connection) chunkSize() (int, error) {
	for {
		if i := bytes.IndexByte(c.buffer[c.start:c.end], '\n'); i >= 0 {
			line := c.buffer[c.start : c.start+i]
			c.start += i + 1
			size, err := strconv.ParseUint(string(bytes.TrimSuffix(line, []byte("\r"))), 16, 31)
			return int(size), err
		}
		if err := c.fill(); err != nil {
			return 0, err
		}
	}
}
