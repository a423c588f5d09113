package filestore

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// Where a meta page has what this file knows of it. See type Meta of bbolt.
const (
	magic      = 0xED0CDAED
	magicAt    = 16 // after the page's header
	pageSizeAt = magicAt + 8
	pagesAt    = magicAt + 40
	txAt       = magicAt + 48
	checksumAt = magicAt + 56
	metaEnd    = magicAt + 64
)

// checkSize returns an error if the file is shorter than its own pages, for example
// because it was copied to a full disk. bbolt maps the file into memory, so reading
// a missing page would kill the process with SIGBUS instead of failing.
//
// It knows nothing about the format but where a meta page stores the page size and
// the number of pages. Anything that it does not understand passes, since bbolt has
// better error messages.
func checkSize(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil // bbolt creates it, or reports why it cannot
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	var needed, newest uint64
	pageSize := int64(os.Getpagesize())
	for page := range int64(2) {
		var meta [metaEnd]byte
		if _, err := f.ReadAt(meta[:], page*pageSize); err == io.EOF {
			break
		} else if err != nil {
			return nil
		}
		if binary.NativeEndian.Uint32(meta[magicAt:]) != magic {
			continue
		}
		size := binary.NativeEndian.Uint32(meta[pageSizeAt:])
		if tx := binary.NativeEndian.Uint64(meta[txAt:]); tx >= newest {
			newest = tx
			needed = binary.NativeEndian.Uint64(meta[pagesAt:]) * uint64(size)
		}
		pageSize = int64(size)
	}
	if have := uint64(info.Size()); have > 0 && have < needed {
		return fmt.Errorf("the token store file %s is damaged: it has %d of %d bytes: restore a backup; the file was not changed", path, have, needed)
	}
	return nil
}

// isTorn reports whether one of the two meta pages is damaged: the machine stopped while
// the page was written. bbolt then goes on with the other one, which is that of the
// transaction before. Nobody has been told that the later one was complete.
func isTorn(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	valid := 0
	pageSize := int64(os.Getpagesize())
	for page := range int64(2) {
		var meta [metaEnd]byte
		if _, err := f.ReadAt(meta[:], page*pageSize); err != nil {
			return false
		}
		sum := fnv.New64a()
		sum.Write(meta[magicAt:checksumAt])
		if binary.NativeEndian.Uint32(meta[magicAt:]) == magic && binary.NativeEndian.Uint64(meta[checksumAt:]) == sum.Sum64() {
			valid++
			pageSize = int64(binary.NativeEndian.Uint32(meta[pageSizeAt:]))
		}
	}
	return valid == 1
}
