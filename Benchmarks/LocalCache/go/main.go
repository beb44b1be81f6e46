// The same work with what Go services use: a map under a RWMutex with expiry, which is go-cache's shape, and sync.Map.
package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

const entries = 1 << 17
const operations = 50_000
const slices = 60

type item struct {
	value interface{}
	end   int64
}

type expiring struct {
	sync.RWMutex
	items map[string]item
}

func (c *expiring) get(key string) (interface{}, bool) {
	c.RLock()
	found, ok := c.items[key]
	c.RUnlock()
	if !ok || (found.end > 0 && time.Now().UnixNano() > found.end) {
		return nil, false
	}
	return found.value, true
}

func throughput(threads int, get func(int)) float64 {
	best := 0.0
	for slice := 0; slice < slices; slice++ {
		var group sync.WaitGroup
		begin := time.Now()
		for thread := 0; thread < threads; thread++ {
			group.Add(1)
			go func(seed uint64) {
				defer group.Done()
				for n := 0; n < operations; n++ {
					seed ^= seed << 13
					seed ^= seed >> 7
					seed ^= seed << 17
					get(int(seed>>20) & (entries - 1))
				}
			}(uint64(thread*7919 + slice*104729 + 88172645463325252))
		}
		group.Wait()
		rate := float64(threads*operations) / float64(time.Since(begin).Nanoseconds()) * 1000
		if rate > best {
			best = rate
		}
	}
	return best
}

func row(name string, get func(int)) {
	fmt.Printf("%-44s%9.1f%9.1f  M get/s, 1 and 2 threads\n", name, throughput(1, get), throughput(2, get))
}

func main() {
	keys := make([]string, entries)
	cache := &expiring{items: map[string]item{}}
	var shared sync.Map
	end := time.Now().Add(time.Hour).UnixNano()
	for n := range keys {
		keys[n] = strconv.Itoa(n)
		cache.items[keys[n]] = item{n, end}
		shared.Store(n, n)
	}
	row("Go: map, RWMutex, expiry (go-cache's shape)", func(n int) { cache.get(keys[n]) })
	row("Go: sync.Map", func(n int) { shared.Load(n) })
}
