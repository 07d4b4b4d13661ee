package ca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
)

// Bounds of an RSA key. The upper one is ours: it bounds the work that a
// stranger's key may cost.
const (
	minRSABits     = 2048
	maxRSABits     = 4096
	minRSAExponent = 65537
	fermatRounds   = 100
)

// weakness says in a sentence why a subscriber's public key is refused; "" if it
// is not (standards 1.46, 1.47).
func weakness(pub any) string {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return weakRSA(k)
	case *ecdsa.PublicKey:
		if !slices.Contains([]elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()}, k.Curve) {
			return "The key's curve is none of P-256, P-384 and P-521."
		}
		if _, err := k.ECDH(); err != nil { // also refuses the point at infinity
			return "The public key is not a point on its curve."
		}
		return ""
	}
	return "The key is neither RSA nor ECDSA."
}

func weakRSA(k *rsa.PublicKey) string {
	bits := k.N.BitLen()
	switch {
	case k.N.Sign() <= 0 || bits < minRSABits || bits > maxRSABits || bits%8 != 0:
		return fmt.Sprintf("The RSA key has %d bits; %d to %d, divisible by 8, are possible.", bits, minRSABits, maxRSABits)
	case k.E < minRSAExponent || k.E%2 == 0:
		return fmt.Sprintf("The RSA key's exponent is %d; an odd one from %d is needed.", k.E, minRSAExponent)
	case k.N.Bit(0) == 0 || smallFactor(k.N):
		return "The RSA key's modulus has a small factor."
	case looksROCA(k.N):
		return "The RSA key was made by a faulty generator (ROCA, CVE-2017-15361)."
	case closePrimes(k.N):
		return "The RSA key's primes lie too close together."
	case primePower(k.N):
		return "The RSA key's modulus is a power of one prime."
	}
	return ""
}

// oddPrimes are the odd primes below 752, the bound of standards 1.46.
var oddPrimes = func() []int64 {
	var out []int64
	for n := int64(3); n < 752; n += 2 {
		if !slices.ContainsFunc(out, func(p int64) bool { return n%p == 0 }) {
			out = append(out, n)
		}
	}
	return out
}()

func smallFactor(n *big.Int) bool {
	var m, p big.Int
	return slices.ContainsFunc(oddPrimes, func(q int64) bool { return m.Mod(n, p.SetInt64(q)).Sign() == 0 })
}

// looksROCA tests for the fingerprint of the faulty generator: its primes are
// powers of 65537 modulo the product of the first primes, so the modulus is one
// modulo each. A sound modulus passes this for all primes to 167 about once in
// 2^27.
func looksROCA(n *big.Int) bool {
	var m, p big.Int
	for _, q := range oddPrimes {
		if q > 167 {
			break
		}
		want, power := m.Mod(n, p.SetInt64(q)).Int64(), int64(1)
		for power != want {
			if power = power * 65537 % q; power == 1 {
				return false // came round without meeting it
			}
		}
	}
	return true
}

// closePrimes searches for a factorisation by Fermat's method: n = a²-b² is
// found after few steps from the root of n if the primes are close.
func closePrimes(n *big.Int) bool {
	one := big.NewInt(1)
	a := new(big.Int).Sqrt(n)
	a.Add(a, one)
	var b2, b, sq big.Int
	b2.Sub(b2.Mul(a, a), n)
	if sq.Mul(b.Sqrt(n), &b); sq.Cmp(n) == 0 {
		return true // a square itself
	}
	for range fermatRounds {
		// A square is 0, 1, 4 or 9 modulo 16; asking first saves most of the roots.
		if low := b2.Bits(); len(low) == 0 || slices.Contains([]uint{0, 1, 4, 9}, uint(low[0]&15)) {
			if b.Sqrt(&b2); sq.Mul(&b, &b).Cmp(&b2) == 0 {
				return true
			}
		}
		b2.Add(&b2, sq.Lsh(a, 1)).Add(&b2, one) // (a+1)² = a² + 2a + 1
		a.Add(a, one)
	}
	return false
}

// primePower reports whether n is a prime or a power of one: for a power of p,
// 2^n = 2 modulo p, so p divides both; for a product of two different primes
// nothing of the kind is to be expected.
func primePower(n *big.Int) bool {
	two := big.NewInt(2)
	var x big.Int
	x.Sub(x.Exp(two, n, n), two)
	return x.GCD(nil, nil, x.Abs(&x), n).Cmp(big.NewInt(1)) != 0
}
