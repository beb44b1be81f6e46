// The same work with what Go services use: a map under a RWMutex with expiry, which behaves as go-cache does, and sync.Map.
package main

import (
	"fmt"
	"runtime"
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

// Strings to anything with an end, as go-cache has it: a read lock for look-ups, the clock is asked for entries that have an end.
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

func (c *expiring) set(key string, value interface{}, lifetime time.Duration) {
	end := time.Now().Add(lifetime).UnixNano()
	c.Lock()
	c.items[key] = item{value, end}
	c.Unlock()
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

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// fill makes a full cache some times; the least time of an insertion counts, and the least memory.
func row(name string, fresh func() (insert func(int), get func(int))) {
	nanoseconds, bytes := 1e18, 1e18
	var get func(int)
	for n := 0; n < 5; n++ {
		var insert func(int)
		get = nil
		before := live()
		insert, get = fresh()
		begin := time.Now()
		for key := 0; key < entries; key++ {
			insert(key)
		}
		if spent := float64(time.Since(begin).Nanoseconds()) / entries; spent < nanoseconds {
			nanoseconds = spent
		}
		if used := float64(live()-before) / entries; used < bytes {
			bytes = used
		}
	}
	fmt.Printf("%-44s%9.1f%9.1f%9.1f%9.1f  \n", name, throughput(1, get), throughput(2, get), nanoseconds, bytes)
	runtime.KeepAlive(get)
}

func main() {
	keys := make([]string, entries)
	for n := range keys {
		keys[n] = strconv.Itoa(n)
	}
	row("Go: go-cache's behaviour, keys ready", func() (func(int), func(int)) {
		cache := &expiring{items: map[string]item{}}
		return func(n int) { cache.set(keys[n], n, time.Hour) }, func(n int) { cache.get(keys[n]) }
	})
	row("Go: go-cache's behaviour, keys made", func() (func(int), func(int)) {
		cache := &expiring{items: map[string]item{}}
		return func(n int) { cache.set(strconv.Itoa(n), n, time.Hour) }, func(n int) { cache.get(strconv.Itoa(n)) }
	})
	row("Go: sync.Map", func() (func(int), func(int)) {
		cache := &sync.Map{}
		return func(n int) { cache.Store(n, n) }, func(n int) { cache.Load(n) }
	})
}
