package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// NewMaster makes a master key of MasterSize octets from rand.
func NewMaster(rand io.Reader) ([]byte, error) {
	m := make([]byte, MasterSize)
	if _, err := io.ReadFull(rand, m); err != nil {
		return nil, fmt.Errorf("make master key: %w", err)
	}
	return m, nil
}

// maxSecretFile bounds a file that holds a secret.
const maxSecretFile = 64 << 10

// ReadMaster reads a master key from a file: 32 raw octets, or 64 hex digits or
// base64 with an optional line end. The file is held to ReadSecret's rules. No
// error tells anything of the content.
func ReadMaster(path string) ([]byte, error) {
	b, err := ReadSecret(path)
	if err != nil {
		return nil, fmt.Errorf("read master key: %w", err)
	}
	defer clear(b)
	master, err := parseMaster(b)
	if err != nil {
		return nil, fmt.Errorf("read master key: %s: %w", path, err)
	}
	return master, nil
}

// ReadSecret reads a regular file of at most 64 KiB that holds a secret. A file
// that its group or others may read is refused, unless it lies below
// $CREDENTIALS_DIRECTORY: systemd grants access there by an ACL, whose mask shows
// as group bits. The caller clears the result when it is done with it.
func ReadSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if mode := st.Mode().Perm(); mode&0o077 != 0 && !isCredential(path, os.Getenv("CREDENTIALS_DIRECTORY")) {
		return nil, fmt.Errorf("%s has mode %04o; it must be readable by its owner only (0600 or 0400)", path, mode)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecretFile+1))
	if err == nil && len(b) > maxSecretFile {
		clear(b)
		err = fmt.Errorf("%s is longer than a secret", path)
	}
	return b, err
}

// isCredential reports whether path lies below dir, the folder that systemd
// puts a unit's credentials in; false when there is none.
func isCredential(path, dir string) bool {
	if !filepath.IsAbs(dir) || !filepath.IsAbs(path) {
		return false
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != "." && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func parseMaster(b []byte) ([]byte, error) {
	if len(b) == MasterSize {
		return bytes.Clone(b), nil
	}
	text := bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
	out := make([]byte, 2*MasterSize)
	var n int
	var err error
	switch len(text) {
	case hex.EncodedLen(MasterSize):
		n, err = hex.Decode(out, text)
	case base64.StdEncoding.EncodedLen(MasterSize):
		n, err = base64.StdEncoding.Strict().Decode(out, text)
	default:
		err = io.ErrUnexpectedEOF
	}
	if err != nil || n != MasterSize {
		clear(out) // the decoders' errors quote the text, so they go no further
		return nil, errors.New("want 32 octets raw, as 64 hex digits or in base64")
	}
	return out[:MasterSize:MasterSize], nil
}
