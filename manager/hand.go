package manager

import (
	"slices"
	"sync"

	"acmd/core"
)

// hand is the set of orders that this process works on.
type hand struct {
	mu      sync.Mutex
	orders  map[string]string          // order to account
	account map[string]int             // orders of each account
	labels  map[string]map[string]bool // order to the target labels it looks for now: was one looked up meanwhile?
	empty   chan struct{}              // closed while no order is in hand
}

func newHand() *hand {
	h := &hand{orders: map[string]string{}, account: map[string]int{}, labels: map[string]map[string]bool{}, empty: make(chan struct{})}
	close(h.empty)
	return h
}

// free is how many more orders may be taken, and which accounts have all of
// theirs in hand already.
func (h *hand) free() (n int, except []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for a, n := range h.account {
		if n > perAccount-batch { // a whole batch may be one account's
			except = append(except, a)
		}
	}
	slices.Sort(except)
	return workers - len(h.orders), except
}

// take notes an order as being in hand. It reports false if it is already: its
// lease ran out while it was worked on, and the claim found it again.
func (h *hand) take(o core.Order) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.orders[o.ID]; ok {
		return false
	}
	if len(h.orders) == 0 {
		h.empty = make(chan struct{})
	}
	h.orders[o.ID] = o.Account
	h.account[o.Account]++
	return true
}

// drop ends the work on an order.
func (h *hand) drop(o core.Order) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.orders, o.ID)
	delete(h.labels, o.ID)
	if h.account[o.Account]--; h.account[o.Account] == 0 {
		delete(h.account, o.Account)
	}
	if len(h.orders) == 0 {
		close(h.empty)
	}
}

// expect says which labels an order in hand looks for from now on.
func (h *hand) expect(id string, labels []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	expected := map[string]bool{}
	for _, l := range labels {
		expected[l] = false
	}
	h.labels[id] = expected
}

// note tells that somebody looked a label up: an order in hand that looks for it
// cannot be woken, and asks when its round is over (seen).
func (h *hand) note(label string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, expected := range h.labels {
		if _, ok := expected[label]; ok {
			expected[label] = true
		}
	}
}

// seen reports whether the label was looked up since the order expects it.
func (h *hand) seen(id, label string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.labels[id][label]
}

// ids lists the orders in hand.
func (h *hand) ids() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []string
	for id := range h.orders {
		out = append(out, id)
	}
	return out
}

// wait is a channel that is closed once no order is in hand.
func (h *hand) wait() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.empty
}
