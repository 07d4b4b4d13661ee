package token

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"acmd/core"
)

// Keys are the secrets of one zone. They marshal to JSON, which holds them in
// plaintext: seal it before it is kept.
type Keys struct {
	Naming []byte     // 32 octets; never changes, or every customer's CNAME breaks
	Values []ValueKey // by rising Version and From; at least one
}

// ValueKey is one version of the key behind the served values. To rotate, append
// one with a From in the future. The key before it still counts in Accepted for
// up to 28 days; one that leaked is taken out of Keys instead.
type ValueKey struct {
	Version int       // 1 or more, never used twice in a zone
	From    time.Time // when it comes into force; the first key also serves before that
	Key     []byte    // 32 octets
}

// NewKeys makes the keys of a new zone from a cryptographic source of
// randomness. The value key is version 1, in force from now. The only error is
// that of rand.
func NewKeys(rand io.Reader, now time.Time) (Keys, error) {
	naming, value := make([]byte, keyLen), make([]byte, keyLen)
	for _, k := range [][]byte{naming, value} {
		if _, err := io.ReadFull(rand, k); err != nil {
			return Keys{}, fmt.Errorf("read randomness for zone keys: %w", err)
		}
	}
	return Keys{Naming: naming, Values: []ValueKey{{Version: 1, From: core.Millis(now), Key: value}}}, nil
}

var errKeys = errors.New("zone keys")

// check says what is wrong with the keys.
func (k Keys) check() error {
	if len(k.Naming) != keyLen {
		return fmt.Errorf("%w: the naming key has %d octets, not %d", errKeys, len(k.Naming), keyLen)
	}
	if len(k.Values) == 0 {
		return fmt.Errorf("%w: no value key", errKeys)
	}
	for i, v := range k.Values {
		switch {
		case len(v.Key) != keyLen:
			return fmt.Errorf("%w: value key %d has %d octets, not %d", errKeys, v.Version, len(v.Key), keyLen)
		case v.Version < 1:
			return fmt.Errorf("%w: value key version %d is below 1", errKeys, v.Version)
		case bytes.Equal(v.Key, k.Naming):
			return fmt.Errorf("%w: value key %d is the naming key", errKeys, v.Version)
		case i > 0 && (v.Version <= k.Values[i-1].Version || !v.From.After(k.Values[i-1].From)):
			return fmt.Errorf("%w: value key %d does not come after the one before it", errKeys, v.Version)
		}
	}
	return nil
}
