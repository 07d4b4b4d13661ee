package validator

import (
	"fmt"
	"testing"

	"acmd/core"
)

// Evidence is bounded: what began the check and what decided it stay.
func TestEvidenceIsBounded(t *testing.T) {
	t.Parallel()
	c := &check{}
	for i := range 40 {
		e := core.Evidence{Asked: fmt.Sprint(i), Of: "x", Answer: "y"}
		c.add(e)
		c.add(e) // the same again tells nothing
	}
	got := c.evidence()
	if len(got) != maxEvidence || got[0].Asked != "0" || got[5].Asked != "5" || got[6].Asked != "34" || got[11].Asked != "39" {
		t.Errorf("%v", got)
	}
}
