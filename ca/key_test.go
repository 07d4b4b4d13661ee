package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"
)

// multipleOf gives a number of that many bits with both top bits set, divisible by q.
func multipleOf(bits int, q int64) *big.Int {
	n := must(rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-2))))
	n.SetBit(n.SetBit(n, bits-1, 1), bits-2, 1)
	return n.Sub(n, new(big.Int).Mod(n, big.NewInt(q)))
}

// rocaPrime makes a prime as the faulty generator did: k·M + (65537^a mod M).
func rocaPrime(bits int) *big.Int {
	m := big.NewInt(2)
	for _, q := range oddPrimes {
		if q <= 167 {
			m.Mul(m, big.NewInt(q))
		}
	}
	for {
		a := must(rand.Int(rand.Reader, m))
		p := multipleOf(bits, 1)
		p.Sub(p, new(big.Int).Mod(p, m))
		p.Add(p, new(big.Int).Exp(big.NewInt(65537), a, m))
		if p.BitLen() == bits && !smallFactor(p) && p.ProbablyPrime(5) {
			return p
		}
	}
}

// nextPrime is the first prime after n.
func nextPrime(n *big.Int) *big.Int {
	p := new(big.Int).Add(n, big.NewInt(1))
	for ; p.Bit(0) == 0 || smallFactor(p) || !p.ProbablyPrime(5); p.Add(p, big.NewInt(1)) {
	}
	return p
}

// Standards 1.46, 1.47.
func TestWeakKeys(t *testing.T) {
	t.Parallel()
	sound := rsaKey().Public().(*rsa.PublicKey)
	exponent := func(e int) crypto.PublicKey { return &rsa.PublicKey{N: sound.N, E: e} }
	modulus := func(n *big.Int) crypto.PublicKey { return &rsa.PublicKey{N: n, E: 65537} }
	product := func(a, b *big.Int) crypto.PublicKey { return modulus(new(big.Int).Mul(a, b)) }
	p := must(rand.Prime(rand.Reader, 1024))
	// Fermat's method takes (p-q)²/8√n steps: about 40 for 2^516, 10,000 for 2^520.
	apart := func(n uint) *big.Int { return nextPrime(new(big.Int).Add(p, new(big.Int).Lsh(big.NewInt(1), n))) }
	prime3 := must(rand.Prime(rand.Reader, 683))
	cube := new(big.Int).Exp(prime3, big.NewInt(3), nil)
	for ; cube.BitLen() != 2048; cube.Exp(prime3, big.NewInt(3), nil) {
		prime3 = must(rand.Prime(rand.Reader, 683))
	}
	cases := []struct {
		name string
		key  crypto.PublicKey
		want string
	}{
		{"sound RSA-2048", sound, ""},
		{"P-256", ecKey(elliptic.P256()).Public(), ""},
		{"P-384", ecKey(elliptic.P384()).Public(), ""},
		{"P-521", ecKey(elliptic.P521()).Public(), ""},
		{"P-224", ecKey(elliptic.P224()).Public(), "curve"},
		//lint:ignore SA1019 a point off the curve cannot be made in another way
		{"off the curve", &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, "not a point"},
		//lint:ignore SA1019 a point off the curve cannot be made in another way
		{"no point", &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}, "not a point"},
		{"another kind", "x", "neither"},
		{"2040 bits", modulus(multipleOf(2040, 1)), "2040 bits"},
		{"2047 bits", modulus(multipleOf(2047, 1)), "2047 bits"},
		{"2052 bits", modulus(multipleOf(2052, 1)), "2052 bits"},
		{"4104 bits", modulus(multipleOf(4104, 1)), "4104 bits"},
		{"negative", modulus(new(big.Int).Neg(sound.N)), "bits"},
		{"exponent 1", exponent(1), "exponent"},
		{"exponent 3", exponent(3), "exponent"},
		{"even exponent", exponent(65538), "exponent"},
		{"even modulus", modulus(multipleOf(2048, 2)), "small factor"},
		{"factor 3", modulus(new(big.Int).Add(multipleOf(2048, 6), big.NewInt(3))), "small factor"},
		{"factor 751", product(big.NewInt(751), must(rand.Prime(rand.Reader, 2038))), "small factor"},
		{"ROCA", product(rocaPrime(1024), rocaPrime(1024)), "ROCA"},
		{"neighbouring primes", product(p, nextPrime(p)), "close together"},
		{"primes 2^516 apart", product(p, apart(516)), "close together"},
		{"primes 2^520 apart", product(p, apart(520)), ""},
		{"square", product(p, p), "close together"},
		{"cube", modulus(cube), "power of one prime"},
		{"a prime", modulus(must(rand.Prime(rand.Reader, 2048))), "power of one prime"},
	}
	for _, c := range cases {
		if got := weakness(c.key); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestSoundKeysPass(t *testing.T) {
	t.Parallel()
	for range 3 {
		k := must(rsa.GenerateKey(rand.Reader, 2048))
		if got := weakness(k.Public()); got != "" {
			t.Errorf("a fresh key is refused: %s", got)
		}
	}
}

func BenchmarkWeakRSA2048(b *testing.B) {
	k := rsaKey().Public()
	for b.Loop() {
		if weakness(k) != "" {
			b.Fatal("refused")
		}
	}
}
