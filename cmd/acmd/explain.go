package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/net/publicsuffix"

	"acmd/core"
	"acmd/manager"
)

func newExplain() *cobra.Command {
	var w where
	var asJSON, watch bool
	c := &cobra.Command{
		Use: "explain ARN|DOMAIN", Short: "Say what to create, what was seen, what is wrong and when the next look is",
		Long: `Prints, for each name of a certificate: the record to create, as lines to copy into a zone file,
a web form or an aws route53 call; what the last check saw; what is wrong and how to mend it
(docs/diagnoses.md lists every code); and when the next look is. With --watch it follows until
the certificate is issued (exit code 0) or has failed (exit code 1).`,
		Example: `  acmd explain www.example.com
  acmd explain --watch arn:aws:acm:us-east-1:111122223333:certificate/…
  acmd explain --json www.example.com | jq .Domains[0].Create`,
		Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, a []string) error {
			h, _, err := w.open(c.Context())
			if err != nil {
				return err
			}
			defer h.store.Close()
			e := explainer{home: h, out: c.OutOrStdout(), json: asJSON}
			if watch {
				return e.watch(c.Context(), a[0])
			}
			_, err = e.print(c.Context(), a[0])
			return err
		},
	}
	w.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object for each certificate")
	c.Flags().BoolVar(&watch, "watch", false, "follow until the certificate is issued or has failed")
	return c
}

// explainer prints explanations.
type explainer struct {
	home *home
	out  io.Writer
	json bool
	last string // what watch printed last
}

// print prints what there is to say now and reports whether every certificate
// in question has reached an end.
func (e *explainer) print(ctx context.Context, about string) (ended bool, err error) {
	found, err := manager.Explain(ctx, e.home.store, e.home.tokens, about, e.home.now())
	if err != nil {
		return false, err
	}
	var b strings.Builder
	ended = true
	for i, x := range found {
		if e.json {
			if err := json.NewEncoder(&b).Encode(jsonExplanation(x)); err != nil {
				return false, err
			}
		} else {
			if i > 0 {
				b.WriteString("\n")
			}
			writeExplanation(&b, x, e.home.now())
		}
		ended = ended && x.Status != core.StatusPending
	}
	if text := b.String(); text != e.last {
		e.last = text
		_, err = io.WriteString(e.out, text)
	}
	return ended, err
}

// watchEvery is how often watch looks; what it prints changes only with what is known.
const watchEvery = 500 * time.Millisecond

// watch prints at every change until the newest certificate in question has ended.
func (e *explainer) watch(ctx context.Context, about string) error {
	found, err := manager.Explain(ctx, e.home.store, e.home.tokens, about, e.home.now())
	if err != nil {
		return err
	}
	arn := found[0].Arn // one certificate: the newest that holds the name
	state := ""
	for {
		if err := e.home.readClock(ctx); err != nil {
			return err
		}
		now, err := manager.Explain(ctx, e.home.store, e.home.tokens, arn, e.home.now())
		if err != nil {
			return err
		}
		if s := summary(now[0]); s != state {
			state, e.last = s, ""
			if _, err := e.print(ctx, arn); err != nil {
				return err
			}
		}
		switch now[0].Status {
		case core.StatusPending:
		case core.StatusIssued:
			return nil
		default:
			return fmt.Errorf("%s is %s", arn, now[0].Status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchEvery):
		}
	}
}

// summary is what watch takes for a change: states and codes, no times.
func summary(x manager.Explanation) string {
	s := string(x.Status)
	for _, d := range x.Domains {
		s += "|" + string(d.Status)
		if d.Diagnosis != nil {
			s += "|" + d.Diagnosis.Sentence
		}
	}
	return s
}

// creation is how a record to create is shown: itself, and as lines to copy.
type creation struct {
	Name, Type, Value string
	ZoneFile          string // for a BIND zone
	FormZone          string // the zone that a provider's web form most likely appends
	FormName          string // what to type into its name field
	FormValue         string
	Route53           string // the aws call
}

// created works the lines out. The zone that a form appends is the registrable
// domain, which is where nearly everybody's zone begins.
func created(c manager.Creation, domain string) creation {
	zone, err := publicsuffix.EffectiveTLDPlusOne(core.BaseName(domain))
	if err != nil {
		zone = core.BaseName(domain)
	}
	batch := fmt.Sprintf(`{"Changes":[{"Action":"UPSERT","ResourceRecordSet":{"Name":%q,"Type":%q,"TTL":300,"ResourceRecords":[{"Value":%q}]}}]}`, c.Name, c.Type, c.Value)
	return creation{Name: c.Name, Type: c.Type, Value: c.Value,
		ZoneFile: fmt.Sprintf("%s 300 IN %s %s", c.Name, c.Type, c.Value),
		FormZone: zone, FormName: strings.TrimSuffix(strings.TrimSuffix(c.Name, "."), "."+zone), FormValue: strings.TrimSuffix(c.Value, "."),
		Route53: "aws route53 change-resource-record-sets --hosted-zone-id ZONE_ID --change-batch " + shellQuote(batch)}
}

// jsonExplanation is the --json form: a fixed interface (design.md).
func jsonExplanation(x manager.Explanation) any {
	type domain struct {
		manager.DomainExplanation
		Create creation // takes the place of the embedded one
	}
	out := struct {
		Arn           string
		Status        core.Status
		FailureReason core.FailureReason `json:",omitempty"`
		Domains       []domain
	}{x.Arn, x.Status, x.FailureReason, []domain{}}
	for _, d := range x.Domains {
		out.Domains = append(out.Domains, domain{d, created(d.Create, d.Domain)})
	}
	return out
}

// writeExplanation is the form for people.
func writeExplanation(b *strings.Builder, x manager.Explanation, now time.Time) {
	fmt.Fprintf(b, "%s\n%s", x.Arn, x.Status)
	if x.FailureReason != "" {
		fmt.Fprintf(b, " (%s)", x.FailureReason)
	}
	b.WriteString("\n")
	// Wildcard and base share a record and its check: both are shown once.
	shown, said := map[string]string{}, map[string]string{}
	for _, d := range x.Domains {
		fmt.Fprintf(b, "\n%s  %s  %s\n", d.Domain, d.Method, d.Status)
		if first, ok := shown[d.Create.Name]; ok {
			fmt.Fprintf(b, "  create     the same record as for %s\n", first)
			if d.Diagnosis != nil && said[d.Create.Name] == d.Diagnosis.Sentence {
				continue // one record, one check: it was told above
			}
		} else {
			shown[d.Create.Name] = d.Domain
			c := created(d.Create, d.Domain)
			fmt.Fprintf(b, "  create     %s  %s  %s\n", c.Name, c.Type, c.Value)
			if x.Status == core.StatusPending && d.Status != core.ValidationSuccess {
				fmt.Fprintf(b, "  zone file  %s\n", c.ZoneFile)
				fmt.Fprintf(b, "  web form   that appends %s:  name %s   type %s   value %s\n", c.FormZone, c.FormName, c.Type, c.FormValue)
				fmt.Fprintf(b, "  Route 53   %s\n", c.Route53)
			}
		}
		if d.Diagnosis != nil {
			said[d.Create.Name] = d.Diagnosis.Sentence
		}
		writeDiagnosis(b, d, now)
	}
	if x.Status == core.StatusFailed || x.Status == core.StatusTimedOut {
		b.WriteString("\nThis request has ended and is not tried again: mend what is wrong, then request a new certificate.\n")
	}
}

// writeDiagnosis tells what was seen and when the next look is.
func writeDiagnosis(b *strings.Builder, d manager.DomainExplanation, now time.Time) {
	if d.Diagnosis != nil {
		fmt.Fprintf(b, "  wrong      %s: %s\n", d.Diagnosis.Code, d.Diagnosis.Sentence)
		for _, e := range d.Diagnosis.Evidence {
			fmt.Fprintf(b, "  seen       %s of %s: %s\n", e.Asked, e.Of, e.Answer)
		}
	}
	if d.CheckedAt != nil {
		fmt.Fprintf(b, "  checked    %s (%s ago)\n", d.CheckedAt.Format(time.RFC3339), now.Sub(*d.CheckedAt).Round(time.Second))
	}
	if d.NextTry != nil {
		in := d.NextTry.Sub(now).Round(time.Second)
		if in <= 0 {
			fmt.Fprintf(b, "  next look  now\n")
		} else {
			fmt.Fprintf(b, "  next look  %s (in %s)\n", d.NextTry.Format(time.RFC3339), in)
		}
	}
}
