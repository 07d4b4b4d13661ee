// Package keyring makes, seals and opens the private keys of subscribers, and
// the few other secrets that must rest on disk.
//
// It stands on the subscriber's side (standards 1.49): a CA that uses its keys
// sees a certificate request only, made by Request. It trusts its caller to say
// what a blob is bound to, and the operator to keep the master key. It never
// signs certificates, never stores anything, and never puts a key, or a part of
// one, into an error or a metric.
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// The layout of a sealed blob, version 1:
//
//	format 1 | id of the KEK 8 | wrapped 28+32+16 | payload 28+len(plaintext)
//
// wrapped holds the data key and a tag of what the blob is bound to, under the
// KEK. The header (format and KEK id) is authenticated with it, the bind is
// not: so a new master key re-wraps this part without knowing the binds.
// payload is the plaintext under the data key; header and bind are
// authenticated with it.
const (
	format1     = 1
	kekIDSize   = 8
	headerSize  = 1 + kekIDSize
	keySize     = 32
	bindTagSize = 16
	gcmOverhead = 12 + 16
	wrappedSize = gcmOverhead + keySize + bindTagSize
	blobMinimum = headerSize + wrappedSize + gcmOverhead
)

// MasterSize is the length of a master key in octets.
const MasterSize = 32

// Why a blob does not open. None of them says anything of what is inside.
var (
	// ErrFormat: not a blob of this package, or one of a newer version.
	ErrFormat = errors.New("not a sealed blob of a known format")
	// ErrMaster: sealed under another master key.
	ErrMaster = errors.New("sealed under another master key")
	// ErrBind: intact, but sealed for another object.
	ErrBind = errors.New("sealed for another object")
	// ErrTampered: the blob was altered or cut since it was sealed.
	ErrTampered = errors.New("sealed blob was altered")
)

// Ring seals and opens. It is safe for concurrent use.
type Ring struct {
	kek    cipher.AEAD // wraps data keys; random nonces, so good for 2^32 of them
	header [headerSize]byte
}

// New derives the key-encryption key from the master key, which must have
// MasterSize octets. The caller may wipe master afterwards.
func New(master []byte) (*Ring, error) {
	if len(master) != MasterSize {
		return nil, fmt.Errorf("master key has %d octets, want %d", len(master), MasterSize)
	}
	kek, err := hkdf.Key(sha256.New, master, nil, "acmd keyring: key-encryption key 1", keySize)
	if err != nil {
		return nil, fmt.Errorf("derive key-encryption key: %w", err)
	}
	defer clear(kek)
	id, err := hkdf.Key(sha256.New, master, nil, "acmd keyring: id of key-encryption key 1", kekIDSize)
	if err != nil {
		return nil, fmt.Errorf("derive key id: %w", err)
	}
	r := &Ring{}
	r.header[0] = format1
	copy(r.header[1:], id)
	if r.kek, err = newAEAD(kek); err != nil {
		return nil, err
	}
	return r, nil
}

// Seal encrypts plaintext with AES-256-GCM under a fresh data key, which is
// wrapped under the ring's. The blob opens only with the same bind: the ARN, row
// or purpose it belongs to. A blob is 113 octets longer than its plaintext.
func (r *Ring) Seal(bind string, plaintext []byte) ([]byte, error) {
	var secret [keySize + bindTagSize]byte
	defer clear(secret[:])
	rand.Read(secret[:keySize]) // never fails: crypto/rand ends the process instead
	tag := bindTag(bind)
	copy(secret[keySize:], tag[:])
	data, err := newAEAD(secret[:keySize])
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, blobMinimum+len(plaintext))
	out = append(out, r.header[:]...)
	out = r.kek.Seal(out, nil, secret[:], r.header[:])
	return data.Seal(out, nil, plaintext, r.payloadAAD(bind)), nil
}

// Open gives back what Seal sealed under the same bind. The caller wipes the
// plaintext once it is used. Errors: ErrFormat, ErrMaster, ErrBind, ErrTampered.
func (r *Ring) Open(bind string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != format1 {
		return nil, ErrFormat
	}
	if len(sealed) < blobMinimum {
		return nil, ErrTampered
	}
	// The id only tells the two errors apart; what protects is the KEK itself.
	if [headerSize]byte(sealed[:headerSize]) != r.header {
		return nil, ErrMaster
	}
	secret, err := r.kek.Open(nil, nil, sealed[headerSize:headerSize+wrappedSize], r.header[:])
	if err != nil {
		return nil, ErrTampered
	}
	defer clear(secret)
	tag := bindTag(bind)
	if subtle.ConstantTimeCompare(tag[:], secret[keySize:]) != 1 {
		return nil, ErrBind
	}
	data, err := newAEAD(secret[:keySize])
	if err != nil {
		return nil, err
	}
	plaintext, err := data.Open(nil, nil, sealed[headerSize+wrappedSize:], r.payloadAAD(bind))
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

// payloadAAD is what is authenticated beside the plaintext. The header has a
// fixed length, so header and bind cannot run into each other.
func (r *Ring) payloadAAD(bind string) []byte {
	return append(r.header[:len(r.header):len(r.header)], bind...)
}

// bindTag lets Open tell a blob of another object from an altered one. It lies
// encrypted in the wrapped part.
func bindTag(bind string) [bindTagSize]byte {
	h := sha256.Sum256([]byte(bind))
	return [bindTagSize]byte(h[:bindTagSize])
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return aead, nil
}
