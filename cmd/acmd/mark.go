package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"acmd/keyring"
	"acmd/store"
	"acmd/token"
)

// settingMark is the store's setting that says which deployment a database
// belongs to: sealed by its master key, over its zone and a label of its naming
// key. A database opened with other keys would change every customer's CNAME and
// unseal nothing, so that is refused (design decision 13).
const settingMark = "deployment"

// bindMark is what the mark is bound to.
const bindMark = "setting:deployment"

// markText is what the mark says of the keys in hand.
func markText(t *token.Deriver) string {
	return t.Zone() + " " + t.Record("000000000000", "deployment.invalid").Label
}

// setMark ties a database that has no mark to the keys in hand.
func setMark(ctx context.Context, s *store.Store, ring *keyring.Ring, t *token.Deriver) error {
	sealed, err := ring.Seal(bindMark, []byte(markText(t)))
	if err != nil {
		return fmt.Errorf("seal the deployment's mark: %w", err)
	}
	_, err = s.InitSetting(ctx, settingMark, base64.StdEncoding.EncodeToString(sealed))
	return err
}

// checkMark refuses a database that belongs to other keys, or to nobody.
func (h *home) checkMark(ctx context.Context) error {
	text, ok, err := h.store.Setting(ctx, settingMark)
	if err != nil {
		return fmt.Errorf("read the deployment's mark: %w", err)
	}
	if !ok {
		return errors.New("the database is of no deployment yet: an init was cut short; run acmd init again")
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return errors.New("the deployment's mark in the database is damaged")
	}
	mark, err := h.ring.Open(bindMark, sealed)
	if err != nil {
		return fmt.Errorf("the master key %s is not the one that this database was made with: mend keys.master or store.dsn: %w", h.paths.Master, err)
	}
	if string(mark) != markText(h.tokens) {
		return fmt.Errorf("the zone keys %s or the zone %s are not those that this database was made with; with others every customer's CNAME would change: mend state_dir, dns.zone or store.dsn",
			h.paths.ZoneKeys, h.tokens.Zone())
	}
	return nil
}
