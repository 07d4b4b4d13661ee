package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"acmd/core"
	"acmd/manager"
	"acmd/token"
)

const (
	testKey     = "AKIAIOSFODNN7EXAMPLE"
	testSecret  = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testAccount = "111122223333"
	testRegion  = "us-east-1"
	testUser    = "arn:aws:iam::111122223333:user/alice"
	foreignArn  = "arn:aws:acm:us-east-1:999999999999:certificate/12345678-1234-1234-1234-123456789012"
	unknownArn  = "arn:aws:acm:us-east-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
)

// instant is the fixed time of tests that sign with it.
var instant = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// fake is a Service in memory. It is no model of the manager: it keeps just
// enough to answer what was put in.
type fake struct {
	mu      sync.Mutex
	views   []manager.View // in order of creation
	tags    map[string][]core.Tag
	fail    error // answer of every operation but Credential
	panics  bool
	request manager.Request // the last
	query   manager.Query   // the last
	caller  manager.Caller  // the last
	ctx     context.Context // of the last List
}

func newFake() *fake { return &fake{tags: map[string][]core.Tag{}} }

func (f *fake) Credential(_ context.Context, id string) (core.Principal, string, error) {
	switch id {
	case testKey, "AKIDEXAMPLE":
		return core.Principal{Arn: testUser, Account: testAccount, Name: "alice"}, testSecret, nil
	case "AKIABROKENSTORE00000":
		return core.Principal{}, "", fmt.Errorf("disk on fire")
	}
	return core.Principal{}, "", fmt.Errorf("find access key: %w", &core.Error{Kind: core.NotFound, Detail: "no such key"})
}

// enter records the caller and gives the failure that the test asked for.
func (f *fake) enter(c manager.Caller) error {
	f.caller = c
	if f.panics {
		panic("boom")
	}
	return f.fail
}

func (f *fake) find(c manager.Caller, arn string) (*manager.View, error) {
	for i := range f.views {
		if v := &f.views[i]; v.Certificate.Arn == arn && v.Certificate.Account == c.Account && v.Certificate.Region == c.Region {
			return v, nil
		}
	}
	return nil, fmt.Errorf("read certificate: %w", core.NotFound)
}

func (f *fake) Request(_ context.Context, c manager.Caller, r manager.Request) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return "", err
	}
	f.request = r
	return f.put(c, r), nil
}

// put stores a pending certificate.
func (f *fake) put(c manager.Caller, r manager.Request) string {
	n := len(f.views) + 1
	cert := core.Certificate{
		Arn:     core.CertificateArn(c.Region, c.Account, fmt.Sprintf("00000000-0000-4000-8000-%012d", n)),
		Account: c.Account, Region: c.Region, Names: []string{r.Domain}, Type: core.AmazonIssued, Method: r.Method,
		KeyAlgorithm: r.KeyAlgorithm, CTLogging: r.CTLogging, Export: r.Export,
		CreatedAt: instant.Add(time.Duration(n) * 1125 * time.Millisecond),
	}
	for _, s := range r.SANs {
		if !slices.Contains(cert.Names, s) {
			cert.Names = append(cert.Names, s)
		}
	}
	o := core.NewOrder("o", cert, cert.CreatedAt)
	v := manager.View{Snapshot: core.Snapshot{Certificate: cert, Order: &o}, Records: map[string]token.Record{},
		Issuer: "acmd test", SignatureAlgorithm: "SHA256WITHECDSA", At: instant}
	for _, name := range cert.Names {
		sum := sha256.Sum256([]byte(core.BaseName(name)))
		x := hex.EncodeToString(sum[:])
		v.Records[name] = token.Record{Name: "_" + x[:32] + "." + core.BaseName(name) + ".", Label: x[32:],
			Target: "_" + x[32:] + ".validations.example.net."}
	}
	f.views = append(f.views, v)
	f.tags[cert.Arn] = r.Tags
	return cert.Arn
}

// issue gives the n-th certificate the leaf of testdata.
func (f *fake) issue(t testing.TB, n int) {
	t.Helper()
	ders := testChain(t)
	v := &f.views[n]
	v.Leaf = &core.Leaf{Serial: "03e9", Arn: v.Certificate.Arn, DER: ders[0], Chain: ders[1:],
		NotBefore: instant.Add(-time.Hour), NotAfter: instant.Add(-time.Hour).AddDate(0, 0, 198).Add(-time.Second), IssuedAt: instant.Add(2500 * time.Millisecond)}
}

func (f *fake) Describe(_ context.Context, c manager.Caller, arn string) (manager.View, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return manager.View{}, err
	}
	v, err := f.find(c, arn)
	if err != nil {
		return manager.View{}, err
	}
	return *v, nil
}

func (f *fake) List(ctx context.Context, c manager.Caller, q manager.Query) ([]manager.View, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.query, f.ctx = q, ctx
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	if err := f.enter(c); err != nil {
		return nil, "", err
	}
	if q.After != "" && !strings.HasPrefix(q.After, "arn:") {
		return nil, "", fmt.Errorf("list certificates: %w", &core.Error{Kind: core.Invalid, Detail: "bad cursor"})
	}
	var out []manager.View
	for _, v := range f.views {
		cert := v.Certificate
		if cert.Account == c.Account && cert.Region == c.Region && slices.Contains(q.KeyAlgorithms, cert.KeyAlgorithm) &&
			(len(q.Statuses) == 0 || slices.Contains(q.Statuses, v.Status(v.At))) && (q.Export == nil || *q.Export == cert.Export) {
			out = append(out, v)
		}
	}
	if q.Descending {
		slices.Reverse(out)
	}
	if q.After != "" {
		i := slices.IndexFunc(out, func(v manager.View) bool { return v.Certificate.Arn == q.After })
		out = out[i+1:]
	}
	if len(out) > q.Limit {
		return out[:q.Limit], out[q.Limit-1].Certificate.Arn, nil
	}
	return out, "", nil
}

func (f *fake) Certificate(_ context.Context, c manager.Caller, arn string) (core.Leaf, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return core.Leaf{}, err
	}
	v, err := f.find(c, arn)
	if err != nil {
		return core.Leaf{}, err
	}
	if v.Leaf == nil {
		return core.Leaf{}, &core.Error{Kind: core.InProgress, Detail: "The certificate is not issued yet."}
	}
	return *v.Leaf, nil
}

func (f *fake) Delete(_ context.Context, c manager.Caller, arn string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return err
	}
	if _, err := f.find(c, arn); err != nil {
		return err
	}
	f.views = slices.DeleteFunc(f.views, func(v manager.View) bool { return v.Certificate.Arn == arn })
	return nil
}

func (f *fake) Tags(_ context.Context, c manager.Caller, arn string) ([]core.Tag, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return nil, err
	}
	if _, err := f.find(c, arn); err != nil {
		return nil, err
	}
	return f.tags[arn], nil
}

func (f *fake) AddTags(_ context.Context, c manager.Caller, arn string, tags []core.Tag) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return err
	}
	if _, err := f.find(c, arn); err != nil {
		return err
	}
	for _, t := range tags {
		f.tags[arn] = slices.DeleteFunc(f.tags[arn], func(o core.Tag) bool { return o.Key == t.Key })
	}
	f.tags[arn] = append(f.tags[arn], tags...)
	slices.SortFunc(f.tags[arn], func(a, b core.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return nil
}

func (f *fake) RemoveTags(_ context.Context, c manager.Caller, arn string, tags []core.Tag) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(c); err != nil {
		return err
	}
	if _, err := f.find(c, arn); err != nil {
		return err
	}
	for _, t := range tags {
		f.tags[arn] = slices.DeleteFunc(f.tags[arn], func(o core.Tag) bool {
			return o.Key == t.Key && (!t.HasValue || o.Value == t.Value)
		})
	}
	return nil
}

// testChain is a leaf, its issuer and the root, as DER.
func testChain(t testing.TB) [][]byte {
	t.Helper()
	rest, err := os.ReadFile("testdata/chain.pem")
	if err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return out
		}
		out = append(out, b.Bytes)
	}
}
