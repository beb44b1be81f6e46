// Package main is the incident's cache in Go: what a service in Go keeps for 100,000 ids, beside the same in Swift.
package main

import (
	"sync"
	"time"
)

// cache behaves as go-cache does: a map of any values with a time of expiry behind a read-write lock, without a bound. Our own code.
type cache struct {
	lock     sync.RWMutex
	items    map[string]item
	lifetime time.Duration
}

type item struct {
	value  any
	expiry int64
}

func newCache(lifetime time.Duration) *cache {
	return &cache{items: map[string]item{}, lifetime: lifetime}
}

func (c *cache) get(key string) (any, bool) {
	c.lock.RLock()
	defer c.lock.RUnlock()
	found, ok := c.items[key]
	if !ok || time.Now().UnixNano() > found.expiry {
		return nil, false
	}
	return found.value, true
}

func (c *cache) set(key string, value any) {
	expiry := time.Now().Add(c.lifetime).UnixNano()
	c.lock.Lock()
	c.items[key] = item{value, expiry}
	c.lock.Unlock()
}

func (c *cache) count() int {
	c.lock.RLock()
	defer c.lock.RUnlock()
	return len(c.items)
}
