package keyring

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"
)

// newRing makes a ring under a master key of its own.
func newRing(t *testing.T) *Ring {
	t.Helper()
	master, err := NewMaster(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r, err := New(master)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seal(t *testing.T, r *Ring, bind string, plaintext []byte) []byte {
	t.Helper()
	b, err := r.Seal(bind, plaintext)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNewWantsAMasterOf32Octets(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33, 64} {
		if _, err := New(make([]byte, n)); err == nil {
			t.Errorf("a master key of %d octets was taken", n)
		}
	}
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	for _, plaintext := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("secret"), 500)} {
		blob := seal(t, r, "arn:1", plaintext)
		if want := 113 + len(plaintext); len(blob) != want {
			t.Errorf("blob of %d octets, want %d", len(blob), want)
		}
		got, err := r.Open("arn:1", blob)
		if err != nil || !bytes.Equal(got, plaintext) {
			t.Errorf("opened %d octets, %v; want %d", len(got), err, len(plaintext))
		}
	}
}

func TestSealIsFreshEachTime(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	a, b := seal(t, r, "arn:1", []byte("same")), seal(t, r, "arn:1", []byte("same"))
	if !bytes.Equal(a[:headerSize], b[:headerSize]) {
		t.Error("two blobs of one ring have different headers")
	}
	// Data key, both nonces and so every octet after the header are new.
	for i := headerSize; i+16 <= len(a); i += 16 {
		if bytes.Equal(a[i:i+16], b[i:i+16]) {
			t.Fatalf("octets %d to %d are the same in two blobs", i, i+16)
		}
	}
}

func TestMasterSurvivesARestart(t *testing.T) {
	t.Parallel()
	master := bytes.Repeat([]byte{7}, MasterSize)
	before, err := New(bytes.Clone(master))
	if err != nil {
		t.Fatal(err)
	}
	blob := seal(t, before, "arn:1", []byte("kept"))
	after, err := New(master)
	if err != nil {
		t.Fatal(err)
	}
	clear(master) // the ring keeps no reference
	if got, err := after.Open("arn:1", blob); err != nil || string(got) != "kept" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOpenTellsWhyNot(t *testing.T) {
	t.Parallel()
	r, other := newRing(t), newRing(t)
	blob := seal(t, r, "arn:1", []byte("plaintext"))
	flip := func(i int) []byte { b := bytes.Clone(blob); b[i] ^= 1; return b }
	cases := []struct {
		name, bind string
		ring       *Ring
		blob       []byte
		want       error
	}{
		{"wrong bind", "arn:2", r, blob, ErrBind},
		{"bind cut", "arn:", r, blob, ErrBind},
		{"other master", "arn:1", other, blob, ErrMaster},
		{"empty", "arn:1", r, nil, ErrFormat},
		{"newer format", "arn:1", r, flip(0), ErrFormat},
		{"other key id", "arn:1", r, flip(1), ErrMaster},
		{"cut in the wrapped key", "arn:1", r, blob[:40], ErrTampered},
		{"cut in the payload", "arn:1", r, blob[:len(blob)-1], ErrTampered},
		{"longer", "arn:1", r, append(bytes.Clone(blob), 0), ErrTampered},
	}
	for _, c := range cases {
		got, err := c.ring.Open(c.bind, c.blob)
		if !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %q, %v; want %v", c.name, got, err, c.want)
		}
	}
	for i := headerSize; i < len(blob); i++ {
		if got, err := r.Open("arn:1", flip(i)); !errors.Is(err, ErrTampered) || got != nil {
			t.Fatalf("octet %d flipped: got %q, %v", i, got, err)
		}
	}
}

// A blob made of the wrapped key of one and the payload of another does not open.
func TestOpenRefusesASplice(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	a, b := seal(t, r, "arn:1", []byte("one")), seal(t, r, "arn:1", []byte("two"))
	mixed := append(bytes.Clone(a[:headerSize+wrappedSize]), b[headerSize+wrappedSize:]...)
	if _, err := r.Open("arn:1", mixed); !errors.Is(err, ErrTampered) {
		t.Errorf("got %v, want %v", err, ErrTampered)
	}
}

func TestErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	secret := []byte("do-not-show-me")
	blob := seal(t, r, "arn:1", secret)
	blob[len(blob)-1] ^= 1
	_, err := r.Open("arn:1", blob)
	if err == nil || bytes.Contains([]byte(err.Error()), secret) || bytes.Contains([]byte(err.Error()), []byte("arn:1")) {
		t.Errorf("error %q", err)
	}
}

func BenchmarkSealOpen(b *testing.B) {
	r, err := New(make([]byte, MasterSize))
	if err != nil {
		b.Fatal(err)
	}
	plaintext := make([]byte, 138) // a P-256 key in PKCS #8
	for b.Loop() {
		blob, err := r.Seal("arn:1", plaintext)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Open("arn:1", blob); err != nil {
			b.Fatal(err)
		}
	}
}
