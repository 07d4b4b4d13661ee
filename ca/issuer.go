package ca

// Name is what Describe shows as Issuer: the organisation of the issuing CA,
// else its common name. It is one name and not a DN (wire facts §4).
func (a *Authority) Name() string {
	s := a.chain[0].Subject
	if len(s.Organization) > 0 {
		return s.Organization[0]
	}
	return s.CommonName
}
