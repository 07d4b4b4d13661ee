package bench

import (
	"context"
	"fmt"
	"testing"
	"time"

	"acmd/core"
	"acmd/manager"
)

// patience bounds how long anything is waited for.
const patience = 30 * time.Second

// asked is a request of one name for the i-th account's caller.
func (d *deployment) asked(account, i int, alg core.KeyAlgorithm) (string, error) {
	var out struct{ CertificateArn string }
	err := d.call(d.callers[account], "RequestCertificate", map[string]any{
		"DomainName": nameOf(account, i), "ValidationMethod": "DNS", "KeyAlgorithm": alg}, &out)
	return out.CertificateArn, err
}

// issued waits until DescribeCertificate says ISSUED.
func (d *deployment) issued(account int, arn string) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		var out struct{ Certificate struct{ Status core.Status } }
		if err := d.call(d.callers[account], "DescribeCertificate", map[string]any{"CertificateArn": arn}, &out); err != nil {
			return err
		}
		switch {
		case out.Certificate.Status == core.StatusIssued:
			return nil
		case out.Certificate.Status != core.StatusPending:
			return fmt.Errorf("%s is %s", arn, out.Certificate.Status)
		case time.Now().After(end):
			return fmt.Errorf("%s is not issued after %s", arn, patience)
		}
	}
}

// page is a page of ListCertificates with the first account's certificates.
func (d *deployment) page(algs []core.KeyAlgorithm, next string) (items int, more string, err error) {
	in := map[string]any{"MaxItems": 1000, "Includes": map[string]any{"keyTypes": algs}}
	if next != "" {
		in["NextToken"] = next
	}
	var out struct {
		CertificateSummaryList []struct{ CertificateArn string }
		NextToken              string
	}
	err = d.call(d.callers[0], "ListCertificates", in, &out)
	return len(out.CertificateSummaryList), out.NextToken, err
}

// oneIssued has the first account's first certificate issued by the product
// itself, for fill to copy.
func (d *deployment) oneIssued() (original, error) {
	arn, err := d.asked(0, 0, core.ECP256)
	if err != nil {
		return original{}, err
	}
	if err := d.Settle(context.Background()); err != nil {
		return original{}, err
	}
	if err := d.issued(0, arn); err != nil {
		return original{}, err
	}
	return d.originalOf(arn)
}

// originalOf reads what fill needs of a certificate.
func (d *deployment) originalOf(arn string) (original, error) {
	s, err := d.Store.SnapshotByArn(context.Background(), arn)
	return original{arn, s.Certificate.OrderID, s.Certificate.Domain()}, err
}

// newFilled is a deployment without engine, whose first account has n issued
// certificates.
func newFilled(tb testing.TB, s setting, n int) *deployment {
	tb.Helper()
	s.dir = tb.TempDir()
	d := newDeployment(tb, s)
	if n == 0 {
		return d
	}
	o, err := d.oneIssued()
	if err == nil {
		err = fill(tb.Context(), s.dir, o, n-1)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// TestWorld keeps the benchmarks' own ground from rotting: a request is issued
// while the engine runs, and copies are certificates that the API shows.
func TestWorld(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, setting{accounts: 2, quota: defaultQuota, engine: true})
	arn, err := d.asked(1, 7, core.ECP256)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.issued(1, arn); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Describe(t.Context(), manager.Caller{Account: accountOf(0), Region: benchRegion}, arn); err == nil {
		t.Error("another account sees the certificate")
	}

	f := newFilled(t, setting{accounts: 1, quota: defaultQuota}, 1500)
	first, next, err := f.page([]core.KeyAlgorithm{core.ECP256}, "")
	if err != nil || first != 1000 || next == "" {
		t.Fatalf("the first page has %d (%v)", first, err)
	}
	second, next, err := f.page([]core.KeyAlgorithm{core.ECP256}, next)
	if err != nil || second != 500 || next != "" {
		t.Errorf("the second page has %d, then %q (%v)", second, next, err)
	}
	views, _, err := f.List(t.Context(), manager.Caller{Account: accountOf(0), Region: benchRegion}, manager.Query{Limit: 2, Descending: false})
	if err != nil || len(views) != 2 {
		t.Fatal(len(views), err)
	}
	if err := f.issued(0, views[0].Certificate.Arn); err != nil {
		t.Error("a copy:", err)
	}
}
