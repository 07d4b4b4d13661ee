package manager

import (
	"context"
	"fmt"

	"acmd/core"
	"acmd/store"
	"acmd/token"
)

// Describe reads one certificate. Whatever is not the caller's, in the
// caller's region, is NotFound: one and the same answer.
func (m *Manager) Describe(ctx context.Context, by Caller, arn string) (View, error) {
	s, err := m.Store.Snapshot(ctx, by.Account, by.Region, arn)
	if err != nil {
		return View{}, fmt.Errorf("read certificate: %w", err)
	}
	return m.view(s), nil
}

// view adds what is derived to what is stored.
func (m *Manager) view(s core.Snapshot) View {
	return View{Snapshot: s, Records: records(m.Tokens, s.Certificate), Issuer: m.CA.Name(), SignatureAlgorithm: m.CA.SignatureAlgorithm(), At: m.now()}
}

// records derives the CNAME of each of the certificate's names.
func records(t *token.Deriver, c core.Certificate) map[string]token.Record {
	out := make(map[string]token.Record, len(c.Names))
	for _, n := range c.Names {
		out[n] = t.Record(c.Account, core.BaseName(n))
	}
	return out
}

// List reads a page of the caller's certificates in a stable order, and the
// cursor of the next page ("" after the last). A cursor that is not ours is Invalid.
func (m *Manager) List(ctx context.Context, by Caller, q Query) ([]View, string, error) {
	items, next, err := m.Store.ListCertificates(ctx, store.Page{Account: by.Account, Region: by.Region, Statuses: q.Statuses,
		KeyAlgorithms: q.KeyAlgorithms, ExportOption: q.Export, Descending: q.Descending, After: q.After, Limit: q.Limit, Now: m.now()})
	if err != nil {
		return nil, "", fmt.Errorf("list certificates: %w", err)
	}
	views := make([]View, len(items))
	for i, s := range items {
		views[i] = m.view(s)
	}
	return views, next, nil
}

// Certificate reads the newest leaf. While there is none it is InProgress,
// whatever the reason, as ACM has it.
func (m *Manager) Certificate(ctx context.Context, by Caller, arn string) (core.Leaf, error) {
	s, err := m.Store.Snapshot(ctx, by.Account, by.Region, arn)
	if err != nil {
		return core.Leaf{}, fmt.Errorf("read certificate: %w", err)
	}
	if s.Leaf == nil {
		return core.Leaf{}, &core.Error{Kind: core.InProgress, Detail: fmt.Sprintf("The certificate %s is not issued: its status is %s.", arn, s.Status(m.now()))}
	}
	return *s.Leaf, nil
}

// Delete removes a certificate and its key for good. An order under way ends
// with it: its next write finds nothing to change.
func (m *Manager) Delete(ctx context.Context, by Caller, arn string) error {
	now := m.now()
	if err := m.Store.DeleteCertificate(ctx, by.Account, by.Region, arn, m.audit("DeleteCertificate", by, arn, now)); err != nil {
		return fmt.Errorf("delete certificate: %w", err)
	}
	return nil
}

// Tags reads a certificate's tags, sorted by key.
func (m *Manager) Tags(ctx context.Context, by Caller, arn string) ([]core.Tag, error) {
	tags, err := m.Store.Tags(ctx, by.Account, by.Region, arn)
	if err != nil {
		return nil, fmt.Errorf("read tags: %w", err)
	}
	return tags, nil
}

// AddTags adds tags or changes their values. More than core.MaxTags in all is
// TooManyTags, and nothing changes.
func (m *Manager) AddTags(ctx context.Context, by Caller, arn string, tags []core.Tag) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	if err := m.Store.PutTags(ctx, by.Account, by.Region, arn, tags, m.audit("AddTags", by, arn, m.now())); err != nil {
		return fmt.Errorf("add tags: %w", err)
	}
	return nil
}

// RemoveTags removes tags: by key alone whatever the value, with a value only
// where it matches. What is not there is no error.
func (m *Manager) RemoveTags(ctx context.Context, by Caller, arn string, tags []core.Tag) error {
	for _, t := range tags {
		if reservedKey(t.Key) {
			return &core.Error{Kind: core.InvalidTag, Detail: fmt.Sprintf("The tag key %q is reserved and cannot be removed.", t.Key)}
		}
	}
	if err := m.Store.DeleteTags(ctx, by.Account, by.Region, arn, tags, m.audit("RemoveTags", by, arn, m.now())); err != nil {
		return fmt.Errorf("remove tags: %w", err)
	}
	return nil
}
