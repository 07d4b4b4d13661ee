package token

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"
)

const (
	keyLen = 32
	sumLen = sha256.Size
)

// mac is HMAC-SHA256 under one key, for many goroutines. It keeps used states:
// the zone is asked a great many times a second, and a fresh HMAC hashes two
// more blocks and allocates half a kilobyte.
type mac struct{ states sync.Pool }

// state is one HMAC with the room for its input and output, which would
// otherwise escape to the heap through the hash.Hash interface.
type state struct {
	hash hash.Hash
	in   []byte
	out  [sumLen]byte
}

func newMAC(key []byte) *mac {
	own := bytes.Clone(key)
	return &mac{sync.Pool{New: func() any {
		return &state{hash: hmac.New(sha256.New, own), in: make([]byte, 0, 128)}
	}}}
}

// sum is the MAC over a purpose and two fields. Each goes in behind its length,
// so that no two lists of fields make the same input.
func sum[T string | []byte](m *mac, purpose string, a T, b string) [sumLen]byte {
	s := m.states.Get().(*state)
	s.in = field(field(field(s.in[:0], purpose), a), b)
	s.hash.Reset()
	s.hash.Write(s.in)
	s.hash.Sum(s.out[:0])
	out := s.out
	m.states.Put(s)
	return out
}

func field[T string | []byte](dst []byte, v T) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(v)))
	return append(dst, v...)
}
