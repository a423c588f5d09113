package filestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// checkNew returns an error if the file does not exist, but that of another store does in
// the same directory: the name is probably misspelled, and with a new file every token
// would stop working.
func (s *store) checkNew() error {
	if _, err := os.Stat(s.path); s.besideOthers || !errors.Is(err, fs.ErrNotExist) {
		return nil // opening the file reports any other error
	}
	entries, err := os.ReadDir(filepath.Dir(s.path))
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		other := filepath.Join(filepath.Dir(s.path), entry.Name())
		if entry.Type().IsRegular() && isDatabase(other) {
			return fmt.Errorf("there is no token store file %s, but there is %s: is the name right? To create a new file, add the option create: store file … { create }", s.path, other)
		}
	}
	return nil
}

// isDatabase reports whether a file is one of bbolt's. Its first page has a header of 16
// bytes, and then this number (bbolt's internal/common/meta.go), in the machine's byte
// order.
func isDatabase(path string) bool {
	const headerSize, magic = 16, 0xED0CDAED
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	var page [headerSize + 4]byte
	_, err = io.ReadFull(file, page[:])
	return err == nil && binary.NativeEndian.Uint32(page[headerSize:]) == magic
}
